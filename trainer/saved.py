"""The folder of a trained model: written whole or not at all, and read back."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.errors import DataError
from schemas.manifest import MANIFEST_NAME, dump_manifest, load_manifest
from schemas.manifest_pb2 import Manifest, TokenizerFile
from schemas.manifest_pb2 import Vocabulary as VocabularyFile
from schemas.records.subwords import Subwords, load_subwords
from schemas.vocabulary import Vocabulary, first_token_id, parse_tokens
from trainer.config import TrainerConfig, dump_config
from trainer.keras_file import load_keras_file
from trainer.model_folder import CONFIG_NAME, MODEL_NAME, TRAINING_NAME, check_model_folder
from trainer.models.model import SequenceModel, without_optimizer


@dataclass(frozen=True)
class SavedModel:
    """What a model folder holds.

    Attributes:
      folder: Where it stands.
      model: With its weights, not compiled.
      manifest: Of the data set that it was trained on.
      vocabularies: By name of the token sequence or category.
      classes: Names of the classes in the order of their ids; empty for a number.
      subwords: By name of the sequence, of each that is cut by a tokenizer file.
    """

    folder: Path
    model: SequenceModel
    manifest: Manifest
    vocabularies: dict[str, Vocabulary]
    classes: list[str]
    subwords: dict[str, Subwords] = field(default_factory=dict)


def write_model(
    folder: Path,
    model: SequenceModel,
    contract: Mapping[str, bytes],
    config: TrainerConfig,
    training: Mapping[str, Any],
) -> None:
    """Writes a model folder beside its place, then renames it, so that it is never half there.

    Args:
      folder: Where to; what stands there already is replaced.
      model: The trained model.
      contract: As `read_contract` returned it before training.
      config: Settings of the training run.
      training: What training.json is to say.

    Raises:
      DataError: The folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as parent:
            unfinished = Path(parent) / "new"
            unfinished.mkdir()
            without_optimizer(model).save(unfinished / MODEL_NAME)
            for path, content in contract.items():
                (unfinished / path).parent.mkdir(parents=True, exist_ok=True)
                (unfinished / path).write_bytes(content)
            (unfinished / CONFIG_NAME).write_text(dump_config(config), encoding="utf-8")
            text = json.dumps(training, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
            (unfinished / TRAINING_NAME).write_text(text, encoding="utf-8")
            _swap(unfinished, folder, Path(parent) / "old")
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from None


def read_contract(data: Path, manifest: Manifest) -> dict[str, bytes]:
    """Returns what a model keeps of its data set, by path: the manifest and the vocabularies.

    Read before training, so that a model never keeps what a later data set in the same place says.

    Raises:
      DataError: A vocabulary is missing or damaged.
    """
    stated: list[VocabularyFile | TokenizerFile] = [*manifest.vocabularies.values(), manifest.classes]
    stated += manifest.tokenizers.values()
    files = [file for file in stated if file.path]
    return {MANIFEST_NAME: dump_manifest(manifest)} | {file.path: _verified(data, file) for file in files}


def load_saved(folder: str | Path) -> SavedModel:
    """Reads a model folder.

    Raises:
      DataError: It is missing, incomplete or damaged.
    """
    folder = Path(folder)
    check_model_folder(folder)
    manifest = load_manifest(folder)
    vocabularies = read_vocabularies(folder, manifest)
    names = read_classes(folder, manifest)
    tokenizers = manifest.tokenizers.items()
    subwords = {name: load_subwords(_verified(folder, file), f"{folder / file.path}") for name, file in tokenizers}
    return SavedModel(folder, _load_keras(folder / MODEL_NAME), manifest, vocabularies, names, subwords)


def read_vocabularies(folder: Path, manifest: Manifest) -> dict[str, Vocabulary]:
    """Reads the vocabularies of a data set or model folder, by name of the token sequence or category.

    Raises:
      DataError: One of them is missing or damaged.
    """
    return {
        name: Vocabulary(parse_tokens(_verified(folder, file), file.path), first_id=first_token_id(file.oov_buckets))
        for name, file in manifest.vocabularies.items()
    }


def read_classes(folder: Path, manifest: Manifest) -> list[str]:
    """Reads the names of the classes of a data set or model folder, in the order of their ids; none of other labels.

    Raises:
      DataError: Their file is missing or damaged.
    """
    file = manifest.classes
    names: list[str] = parse_tokens(_verified(folder, file), file.path).to_pylist() if file.path else []
    return names


def _load_keras(path: Path) -> SequenceModel:
    model = load_keras_file(path, "train again")
    if not isinstance(model, SequenceModel):
        raise DataError(f"{path}: holds a {type(model).__name__} and no SequenceModel; train again")
    return model


def _swap(new: Path, place: Path, old: Path) -> None:
    """Puts `new` in its place; what stood there goes to `old`, or back where that fails."""
    if not place.exists():
        new.replace(place)
        return
    place.replace(old)
    try:
        new.replace(place)
    except BaseException:  # an interrupt, too, must not cost the old one
        old.replace(place)
        raise


def _verified(folder: Path, file: VocabularyFile | TokenizerFile) -> bytes:
    """Returns the content of a vocabulary or tokenizer file, which must be what its manifest says."""
    path = folder / file.path
    try:
        content = path.read_bytes()
    except OSError:
        raise DataError(f"{path}: is missing though the manifest names it; write the folder again") from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataError(f"{path}: does not fit its digest in the manifest; write the folder again")
    return content
