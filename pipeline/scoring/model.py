"""The model of a scoring run: an export, or the folder of a trained model that one is first made of."""

import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import files
from pipeline.job import TokenizerFile
from schemas.errors import DataError, LengthwiseError, UsageError
from schemas.format_version import EXPORT_FORMAT, read_versioned
from schemas.manifest import MANIFEST_NAME, parse_manifest
from schemas.manifest_pb2 import Manifest

SAVED_MODEL, TRAINED_MODEL, EXPORT_NAME = "saved_model.pb", "model.keras", "export.json"
CONTRACT = "assets.extra"  # folder of an export: manifest, vocabularies, what is known of the model
_EXPORT_AGAIN = "export the model again"
# What there is in a folder of a SavedModel, but for model.keras, which nothing here reads.
_PARTS = (
    SAVED_MODEL,
    "fingerprint.pb",
    "variables/*",
    "assets/*",
    f"{CONTRACT}/*.*",
    f"{CONTRACT}/vocabulary/*",
)


@dataclass(frozen=True)
class ScoringModel:
    """A model, and what it knows of the data set that it was trained on.

    Attributes:
      folder: Of the export; of the trained model, where it is still to be exported.
      manifest_bytes: Of the data set, without its files, serialised, because messages do not pickle everywhere.
      tokenizers: Files that cut texts into subwords.
      sha256: Of all files of the export; empty before there is one.
    """

    folder: str
    manifest_bytes: bytes
    tokenizers: tuple[TokenizerFile, ...]
    sha256: str

    @property
    def manifest(self) -> Manifest:
        """Of the data set, without its files."""
        return Manifest.FromString(self.manifest_bytes)

    @property
    def is_exported(self) -> bool:
        """Whether it can be loaded by a worker."""
        return bool(self.sha256)


def open_model(folder: str) -> ScoringModel:
    """Reads what a model says of its data set, and checks that it is whole.

    Args:
      folder: Of an export, on any filesystem, or of a trained model on the local disk.

    Raises:
      DataError: There is no model, one of another format version, or one that lacks a file or has a damaged one.
    """
    folder = folder.rstrip("/") or folder
    exported = files.exists(files.join(folder, SAVED_MODEL))
    if not exported and not files.exists(files.join(folder, TRAINED_MODEL)):
        raise DataError(
            f"--model {folder}: holds no model ({SAVED_MODEL} or {TRAINED_MODEL}); `python -m trainer train` writes "
            "one, and `python -m trainer export` exports it"
        )
    contract = files.join(folder, CONTRACT) if exported else folder
    if exported:
        path = files.join(contract, EXPORT_NAME)
        read_versioned(_read(path, _EXPORT_AGAIN), path, EXPORT_FORMAT, _EXPORT_AGAIN)
    path = files.join(contract, MANIFEST_NAME)
    manifest = parse_manifest(_read(path, _EXPORT_AGAIN if exported else "train again"), path)
    tokenizers = tuple(
        TokenizerFile(name, files.join(contract, file.path), file.sha256)
        for name, file in sorted(manifest.tokenizers.items())
    )
    _check_files(contract, manifest)
    for field in ("shards", "inputs"):  # of which there may be very many
        manifest.ClearField(field)
    content = manifest.SerializeToString(deterministic=True)
    return ScoringModel(folder, content, tokenizers, export_digest(folder) if exported else "")


def export_digest(folder: str) -> str:
    """Returns a SHA-256 over the names and contents of all files of an export that prediction goes by."""
    whole = hashlib.sha256()
    for name in export_files(folder):
        whole.update(f"{name}\n{hashlib.sha256(files.read(files.join(folder, name))).hexdigest()}\n".encode())
    return whole.hexdigest()


def export_files(folder: str) -> list[str]:
    """Returns the paths, relative to its folder, of all files of an export that prediction goes by, sorted."""
    found = set(files.match_any(folder, _PARTS))
    return sorted(path.removeprefix(folder).lstrip("/") for path in found)


def copy_export(folder: str, target: str) -> None:
    """Copies the files of an export that prediction goes by."""
    for name in export_files(folder):
        files.write(files.join(target, *name.split("/")), files.read(files.join(folder, name)))


def export_model(model: ScoringModel, target: str, records: str) -> ScoringModel:
    """Exports a trained model in a process of its own, so that this one needs no TensorFlow.

    Args:
      model: Of the folder of a trained model on the local disk.
      target: Folder of the export, on any filesystem.
      records: Raw records by which the export is checked before it is used; of a local file.

    Raises:
      LengthwiseError: The model cannot be exported; in the words of the process.
    """
    if not files.is_local(model.folder):
        raise UsageError(
            f"--model {model.folder}: is a trained model that lies on no local disk; export it first with "
            "`python -m trainer export --model MODEL_DIR --output EXPORT_DIR`, and name EXPORT_DIR"
        )
    with tempfile.TemporaryDirectory() as folder:
        exported = str(Path(folder) / "model")
        command = [sys.executable, "-m", "trainer", "export", "--model", model.folder, "--output", exported]
        command += ["--records", records] if files.is_local(records) else []
        result = subprocess.run(command, capture_output=True, text=True)  # noqa: S603  # our own words
        if result.returncode:
            raise _said_by(result, model.folder)
        copy_export(exported, target)
    return open_model(target)


def _said_by(result: "subprocess.CompletedProcess[str]", folder: str) -> LengthwiseError:
    lines = result.stderr.strip().splitlines() or [f"it ended with code {result.returncode} and said nothing"]
    said = next((line for line in lines if line.startswith("error: ")), lines[-1]).removeprefix("error: ")
    if "No module named" in said:
        said = "the package `trainer` is not installed here; pip install 'lengthwise[trainer]'"
    kind = UsageError if result.returncode == UsageError.exit_code else DataError
    return kind(f"{folder}: cannot be exported: {said}")


def _read(path: str, remedy: str) -> bytes:
    if not files.exists(path):
        raise DataError(f"{path}: is missing, so the model is not whole; {remedy}")
    return files.read(path)


def _check_files(contract: str, manifest: Manifest) -> None:
    stated: list[Any] = [*manifest.vocabularies.values(), manifest.classes, *manifest.tokenizers.values()]
    for file in stated:
        path = files.join(contract, *file.path.split("/"))
        if file.path and hashlib.sha256(_read(path, _EXPORT_AGAIN)).hexdigest() != file.sha256:
            raise DataError(f"{path}: does not fit its digest in the manifest; export or train the model again")
