"""The folder of a trained model: written whole or not at all, and read back."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.contract import read_classes, read_subwords, read_vocabularies
from schemas.errors import DataError
from schemas.format_version import FORMAT_VERSION
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Manifest
from schemas.records.subwords import Subwords
from schemas.vocabulary import Vocabulary
from trainer.config import TrainerConfig, dump_config
from trainer.keras_file import load_keras_file
from trainer.model_folder import CONFIG_NAME, MODEL_FORMAT, MODEL_NAME, TRAINING_NAME, check_model_folder
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
    with whole_folder(folder) as unfinished:
        without_optimizer(model).save(unfinished / MODEL_NAME)
        write_files(unfinished, contract)
        (unfinished / CONFIG_NAME).write_text(dump_config(config), encoding="utf-8")
        (unfinished / TRAINING_NAME).write_bytes(json_text({FORMAT_VERSION: MODEL_FORMAT, **training}))


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Gives an empty folder beside the place of another, and puts it there when all is written; else it is removed.

    Args:
      folder: The place; what stands there already is replaced.

    Raises:
      DataError: The folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as parent:
            unfinished = Path(parent) / "new"
            unfinished.mkdir()
            yield unfinished
            _swap(unfinished, folder, Path(parent) / "old")
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from None


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files by their paths within a folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def json_text(values: Mapping[str, Any]) -> bytes:
    """Returns plain values as JSON for people."""
    return (json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def load_saved(folder: str | Path) -> SavedModel:
    """Reads a model folder.

    Raises:
      DataError: It is missing, incomplete, damaged, or of another version of its format.
    """
    folder = Path(folder)
    if folder.is_symlink():  # such as `latest`, which may lead to another model before all files are read
        folder = folder.resolve()
    check_model_folder(folder)
    manifest = load_manifest(folder)
    vocabularies = read_vocabularies(folder, manifest)
    names = read_classes(folder, manifest)
    subwords = read_subwords(folder, manifest)
    return SavedModel(folder, _load_keras(folder / MODEL_NAME), manifest, vocabularies, names, subwords)


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
