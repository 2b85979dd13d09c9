"""The folder in which the state of a training lives while it runs: MODEL_DIR.training, beside the model to be.

MODEL_DIR.training/
  checkpoint-N-SHA256.npz   the newest states, see `trainer.training.checkpoint`
  tensorboard/              points so far
  lock                      held by the process that trains
"""

import fcntl
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from schemas.errors import DataError, UsageError
from trainer.training.checkpoint import Checkpoint, is_checkpoint, read_newest, write_checkpoint

TENSORBOARD = "tensorboard"
_LOCK = "lock"
_FRESH = "say --fresh to begin anew, which removes it"
# What changes how a training is done, and nothing that comes of it.
_FREE = {"replicas", "checkpoint_seconds", "tensorboard", "dry_run"}


class TrainingFolder:
    """Where a training keeps its state; one process at a time.

    Attributes:
      path: Of the folder.
    """

    def __init__(self, output: Path, fresh: bool = False) -> None:
        """Makes the folder, and takes hold of it.

        Args:
          output: Folder of the model to be.
          fresh: Whether what is there of an earlier training is removed.

        Raises:
          UsageError: Another process trains there, or the folder is none of a training.
          DataError: It cannot be written.
        """
        self.path = output.with_name(f"{output.name}.training")
        self._check_contents()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock: IO[bytes] = (self.path / _LOCK).open("wb")
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written: {error.strerror or error}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise UsageError(
                f"{self.path}: another process trains there; wait for it, or choose another --output"
            ) from None
        if fresh:
            self._empty()

    @property
    def tensorboard(self) -> Path:
        """Where points are written."""
        return self.path / TENSORBOARD

    def newest(self) -> tuple[Checkpoint | None, list[Path]]:
        """Returns the newest checkpoint that is whole, and newer ones that are not."""
        return read_newest(self.path)

    def keep(self, checkpoint: Checkpoint) -> None:
        """Writes a checkpoint.

        Raises:
          DataError: It cannot be written; the one before it remains.
        """
        try:
            write_checkpoint(self.path, checkpoint)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(
                f"{self.path}: a checkpoint cannot be written: {reason}; make room, and the same command goes on from "
                "the one before"
            ) from None

    def remove(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()

    def close(self) -> None:
        """Lets go of the folder, and removes it where there is nothing to go on from."""
        if any(is_checkpoint(path.name) for path in self.path.glob("*")):
            self._lock.close()
        else:
            self.remove()

    def _check_contents(self) -> None:
        """An option that removes a folder must not meet one of somebody's own."""
        if not self.path.exists():
            return
        names = [path.name for path in self.path.iterdir()] if self.path.is_dir() else [self.path.name]
        others = [name for name in names if name not in {_LOCK, TENSORBOARD} and not is_checkpoint(name)]
        if others:
            raise UsageError(f"{self.path}: holds '{others[0]}', which is no part of a training; move it away")

    def _empty(self) -> None:
        for path in self.path.iterdir():
            if path.name == TENSORBOARD:
                shutil.rmtree(path)
            elif path.name != _LOCK:
                path.unlink()


def check_same(folder: Path, facts: Mapping[str, Any], settings: Mapping[str, Any], data: str) -> None:
    """Refuses to go on with another training than the one that a checkpoint is of.

    Args:
      folder: Of the training.
      facts: Of its checkpoint.
      settings: By name, of now.
      data: Fingerprint of the data set of now.

    Raises:
      UsageError: The settings or the data set are others.
    """
    if facts.get("data") != data:
        raise UsageError(
            f"{folder}: holds a training on another data set (fingerprint {_short(facts.get('data'))}, and this one "
            f"has {_short(data)}); {_FRESH}"
        )
    before = facts.get("settings", {})
    names = [name for name in settings if name not in _FREE and before.get(name) != settings[name]]
    if names:
        changes = ", ".join(f"{name} was {before.get(name)}, now {settings[name]}" for name in names)
        raise UsageError(
            f"{folder}: holds a training with other settings ({changes}); go on with the same, or {_FRESH}"
        )


def _short(fingerprint: Any) -> str:
    return f"{str(fingerprint)[:12]}…"
