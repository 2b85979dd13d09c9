"""Files that hold the state of a training: whole or not there, and known by their digest.

A checkpoint is one NumPy archive (`.npz`): arrays by group, and plain values as JSON in UTF-8. Its name holds a number
that rises and the SHA-256 of its content, so that a file that is torn or changed is recognised, and the one before it
is read. Nothing in it is unpickled.
"""

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_NAME = re.compile(r"checkpoint-(\d{6,})-([0-9a-f]{64})\.npz")
_PART = "checkpoint.part"
_FACTS = "facts"
_KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training.

    Attributes:
      facts: Plain values.
      arrays: By name of the group.
    """

    facts: Mapping[str, Any]
    arrays: Mapping[str, Sequence[npt.NDArray[Any]]]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Writes a checkpoint and removes all but it and the one before.

    Raises:
      OSError: It cannot be written; what was there remains.
    """
    before = list_checkpoints(folder)
    part = folder / _PART
    with part.open("wb") as file:
        np.savez(file, allow_pickle=False, **dict(_entries(checkpoint)))
        file.flush()
        os.fsync(file.fileno())
    number = 1 + max((_number(path) for path in before), default=0)
    path = folder / f"checkpoint-{number:06d}-{_digest(part)}.npz"
    part.replace(path)
    _sync(folder)
    for old in before[: 1 - _KEPT]:
        old.unlink(missing_ok=True)
    return path


def read_newest(folder: Path) -> tuple[Checkpoint | None, list[Path]]:
    """Returns the newest checkpoint that is whole, and the newer ones that are not."""
    damaged: list[Path] = []
    for path in reversed(list_checkpoints(folder)):
        checkpoint = _read(path)
        if checkpoint is not None:
            return checkpoint, damaged
        damaged.append(path)
    return None, damaged


def list_checkpoints(folder: Path) -> list[Path]:
    """Returns the checkpoints of a folder, the oldest first."""
    found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)] if folder.is_dir() else []
    return sorted(found, key=_number)


def is_checkpoint(name: str) -> bool:
    """Returns whether a file of this name is a checkpoint, or the beginning of one."""
    return name == _PART or _NAME.fullmatch(name) is not None


def _entries(checkpoint: Checkpoint) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    text = json.dumps(checkpoint.facts, ensure_ascii=False, allow_nan=False)
    yield _FACTS, np.frombuffer(text.encode(), np.uint8)
    for group, arrays in checkpoint.arrays.items():
        for i, array in enumerate(arrays):
            yield f"{group}-{i}", array


def _read(path: Path) -> Checkpoint | None:
    try:
        if _digest(path) != path.stem.split("-")[-1]:
            return None
        arrays: dict[str, list[npt.NDArray[Any]]] = {}
        with np.load(path, allow_pickle=False) as archive:
            facts = json.loads(archive[_FACTS].tobytes())
            for name in archive.files:  # in the order in which they were written
                if name != _FACTS:
                    arrays.setdefault(name.rsplit("-", 1)[0], []).append(archive[name])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return Checkpoint(facts, arrays)


def _number(path: Path) -> int:
    return int(path.name.split("-")[1])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    """Makes a new name last, should the machine stop."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
