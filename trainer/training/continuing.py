"""A training that begins with the weights of a trained model: what must be the same, and what may have grown."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.contract import read_vocabularies
from schemas.errors import DataError, UsageError
from schemas.manifest_pb2 import Manifest
from schemas.messages import to_plain
from schemas.spans.difference import first_difference
from schemas.spans.folder import span_names
from schemas.spans.merging import stated_vocabularies
from trainer.config import TrainerConfig
from trainer.config import to_plain as plain_settings
from trainer.grown import new_entries, not_continued, take_over
from trainer.model_folder import CONFIG_NAME, MODEL_NAME
from trainer.models.model import SequenceModel
from trainer.progress import say
from trainer.saved import SavedModel, load_saved
from trainer.settings.model import MODEL_SETTINGS

# Settings of the model that no weight and no prediction follows from, but for rounding.
_FREE = {"padding", "recurrent_kernel", "piece_steps", "input_noise", "input_dropout", "step_dropout", "dropout"}
_FREE |= {"precision"}
_OTHER_DATA = "continue on spans of the base that the model was trained on, or train without --continue_from"


@dataclass(frozen=True)
class Earlier:
    """A trained model that another training begins with.

    Attributes:
      saved: The model and what its ids mean.
      fingerprint: SHA-256 of the file of its weights.
    """

    saved: SavedModel
    fingerprint: str


def load_earlier(folder: Path, data: Path, manifest: Manifest, config: TrainerConfig) -> Earlier:
    """Reads the model that a training begins with.

    Args:
      folder: Of the model.
      data: Folder of the data set.
      manifest: Of the data set.
      config: Settings of the training.

    Raises:
      DataError: The model cannot be read, or the data set is not one of its kind: other features, other ids of the
        tokens and classes that it knows, or other numbers to standardise by.
      UsageError: The settings make another model.
    """
    saved = load_saved(folder)
    fingerprint = hashlib.sha256((folder / MODEL_NAME).read_bytes()).hexdigest()
    _check_settings(saved, config)
    _check_features(saved, manifest)
    _check_vocabularies(saved, data, manifest)
    return Earlier(saved, fingerprint)


def start_from(
    earlier: Earlier, model: SequenceModel, data: Path, manifest: Manifest, started: Collection[str] = ()
) -> dict[str, Any]:
    """Sets the weights of a new model to those of the earlier one.

    Args:
      earlier: Of `load_earlier`.
      model: Built for the data set.
      data: Folder of the data set.
      manifest: Of the data set.
      started: Sequences whose embeddings have begun with word vectors, which new tokens keep.

    Returns:
      What training.json says of it: {"model", "fingerprint", "data_fingerprint", "spans" (where there are any), "grown"
      (new entries of each vocabulary that has any)}.

    Raises:
      DataError: The data set standardises other numbers, or by other means and variances.
    """
    saved = earlier.saved
    _check_form(saved, model)
    take_over(model, saved, read_vocabularies(data, manifest), started)
    grown = new_entries(saved.manifest, manifest)
    words = ", ".join(f"{count:,} new in the {what}" for what, count in grown.items())
    say(f"continuing from {saved.folder}: {words or 'no new tokens or classes'}")
    spans = span_names(saved.manifest)
    return {
        "model": str(saved.folder),
        "fingerprint": earlier.fingerprint,
        "data_fingerprint": saved.manifest.data_fingerprint,
        **({"spans": spans} if spans else {}),
        "grown": grown,
    }


def _check_settings(saved: SavedModel, config: TrainerConfig) -> None:
    now, before = plain_settings(config), saved.model.settings
    for name in MODEL_SETTINGS:
        if name not in _FREE and now[name] != before[name]:
            raise UsageError(
                f"{name}: {now[name]}, and the model {saved.folder} that is to be continued has {before[name]}; use "
                f"its settings: --config {saved.folder / CONFIG_NAME}"
            )


def _check_features(saved: SavedModel, manifest: Manifest) -> None:
    """What records are read as must be the same: spans of one base have one spec."""
    field = first_difference(_read_by(saved.manifest), _read_by(manifest))
    if field is not None:
        raise DataError(
            f"{saved.folder}: was trained on records that were read in another way ('{field}' of the spec is not the "
            f"same); {_OTHER_DATA}"
        )
    ours, theirs = ({name: file.sha256 for name, file in of.tokenizers.items()} for of in (saved.manifest, manifest))
    if ours != theirs:
        raise DataError(f"{saved.folder}: was trained with another tokenizer file; {_OTHER_DATA}")


def _read_by(manifest: Manifest) -> Mapping[str, Any]:
    plain = to_plain(manifest.spec)
    label = {name: value for name, value in plain.get("label", {}).items() if name != "classes_file"}
    return {"sequences": plain["sequences"], "context": plain.get("context", {}), "label": label}


def _check_vocabularies(saved: SavedModel, data: Path, manifest: Manifest) -> None:
    # The same features have the same vocabularies.
    before, now = stated_vocabularies(saved.manifest), stated_vocabularies(manifest)
    for what in not_continued(saved, data, manifest):
        raise DataError(
            f"{saved.folder}: the {what} of {data} ({now[what].size:,} entries) does not begin with that of the "
            f"model ({before[what].size:,}), so that ids mean something else; {_OTHER_DATA}"
        )


def _check_form(saved: SavedModel, model: SequenceModel) -> None:
    """Refuses other means and variances: they are part of what the weights have learnt."""
    field = first_difference(_form(saved.model), _form(model))
    if field is not None:
        raise DataError(
            f"{saved.folder}: its '{field}' is not that of the data set, so that numbers would be standardised in "
            f"another way than the weights have learnt; {_OTHER_DATA}"
        )


def _form(model: SequenceModel) -> dict[str, Any]:
    """Returns what a model was built for, but for what may grow."""
    return {name: _without_sizes(getattr(model, name)) for name in ("sources", "context", "target")}


def _without_sizes(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_sizes(value) if isinstance(value, Mapping) else value
        for name, value in facts.items()
        if name not in ("ids", "classes")
    }
