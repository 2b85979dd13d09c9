"""A trained model for data whose vocabularies and classes begin with its own and have grown since."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from schemas.contract import read_classes, read_vocabularies
from schemas.manifest_pb2 import Manifest
from schemas.spans.folder import explained
from schemas.spans.merging import stated_vocabularies
from schemas.vocabulary import Vocabulary
from schemas.vocabulary_files import begins_with
from trainer.config import config_from
from trainer.models.build import build_model
from trainer.models.growing import Ids, grow
from trainer.models.model import SequenceModel
from trainer.progress import say
from trainer.saved import SavedModel


def old_ids(known: Vocabulary, now: Vocabulary) -> Ids:
    """Returns the id that a shorter vocabulary has for each id of a longer one that begins with it, int64, (ids,)."""
    new = now.tokens.slice(len(known.tokens))
    return np.concatenate([np.arange(known.first_id + len(known.tokens)), known.encode(new)])


def take_over(
    model: SequenceModel, saved: SavedModel, vocabularies: Mapping[str, Vocabulary], started: Collection[str] = ()
) -> None:
    """Sets the weights of a model to those of a saved one that knew fewer entries; see `trainer.models.growing.grow`.

    Args:
      model: Built for the longer vocabularies.
      saved: The other one.
      vocabularies: By name of the token sequence or category; each begins with that of the saved model.
      started: Sequences whose new tokens keep the embeddings that the model has.
    """
    ids = {name: old_ids(saved.vocabularies[name], now) for name, now in vocabularies.items()}
    of = saved.manifest.spec.label.of if model.target["kind"] == "next_token" else ""
    grow(model, saved.model, ids, started, of)


def new_entries(before: Manifest, now: Manifest) -> dict[str, int]:
    """Returns how many entries each vocabulary has more, those that have any; the classes are one."""
    known = stated_vocabularies(before)
    more = {what: entry.size - known[what].size for what, entry in stated_vocabularies(now).items()}
    return {what: count for what, count in sorted(more.items()) if count}


def not_continued(saved: SavedModel, data: Path, manifest: Manifest) -> list[str]:
    """Returns which vocabularies of a model are no beginning of those of a data set with the same features.

    Raises:
      DataError: A vocabulary of the data set is missing.
    """
    now = stated_vocabularies(manifest)
    return [
        what
        for what, entry in stated_vocabularies(saved.manifest).items()
        if entry.oov_buckets != now[what].oov_buckets or not begins_with(data / now[what].path, now[what], entry)
    ]


def grown_to(saved: SavedModel, data: Path, manifest: Manifest) -> SavedModel:
    """Returns a model that can be measured on data with more tokens and classes, and says of them what it knows.

    New tokens are read as the unknown ones that they were; a new class is as probable as the geometric mean of the old
    ones; new next tokens share the probability of the unknown one.

    Args:
      saved: The model.
      data: Folder of the data set.
      manifest: Of the data set.

    Returns:
      The same model where nothing has grown, or where its vocabularies are not the beginning of those of the data.

    Raises:
      DataError: A vocabulary of the data set is missing or damaged.
    """
    ours, theirs = stated_vocabularies(saved.manifest), stated_vocabularies(manifest)
    alike = set(ours) == set(theirs)
    if not alike or all(theirs[what].size <= entry.size for what, entry in ours.items()):
        return saved
    with explained(data, manifest):
        if not_continued(saved, data, manifest):
            return saved
        vocabularies, classes = read_vocabularies(data, manifest), read_classes(data, manifest)
    contract = Manifest()
    contract.CopyFrom(saved.manifest)  # its means and variances are what the weights have learnt
    for name, vocabulary in manifest.vocabularies.items():
        contract.vocabularies[name].CopyFrom(vocabulary)
    contract.classes.CopyFrom(manifest.classes)
    model = build_model(contract, config_from(saved.model.settings))
    take_over(model, saved, vocabularies)
    words = ", ".join(f"{count:,} new in the {what}" for what, count in new_entries(saved.manifest, manifest).items())
    say(f"{saved.folder}: {words}, which the model takes for what it knows")
    return replace(saved, model=model, manifest=contract, vocabularies=vocabularies, classes=classes)
