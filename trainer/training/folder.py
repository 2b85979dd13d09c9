"""The folder in which the state of a training lives while it runs: MODEL_DIR.training, beside the model to be.

MODEL_DIR.training/
  checkpoint-N-SHA256.npz   the newest states, see `trainer.training.checkpoint`
  tensorboard/              points so far
  lock                      held by the process that trains
"""

import fcntl
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from schemas.errors import DataError, UsageError
from schemas.spans.folder import shown_names
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


@dataclass(frozen=True)
class Origin:
    """What a training begins with.

    Attributes:
      data: Fingerprint of the data set.
      spans: Fingerprints by the names of the spans that it is of; empty of a plain one.
      model: Fingerprint of the model whose weights it continues from; empty: of none.
    """

    data: str
    spans: Mapping[str, str] = field(default_factory=dict)
    model: str = ""

    def to_plain(self) -> dict[str, Any]:
        """Returns it as facts of a checkpoint."""
        return {"data": self.data, "spans": dict(self.spans), "continued_from": self.model}


def check_same(folder: Path, facts: Mapping[str, Any], settings: Mapping[str, Any], origin: Origin) -> None:
    """Refuses to go on with another training than the one that a checkpoint is of.

    Args:
      folder: Of the training.
      facts: Of its checkpoint.
      settings: By name, of now.
      origin: Of now.

    Raises:
      UsageError: The settings, the data set or the model to continue from are others.
    """
    if facts.get("data") != origin.data:
        raise UsageError(f"{folder}: {_other_data(facts, origin)}")
    if facts.get("continued_from", "") != origin.model:
        raise UsageError(
            f"{folder}: holds a training that began {_begun(facts.get('continued_from', ''))}, and this one begins "
            f"{_begun(origin.model)}; go on with the same --continue_from, or {_FRESH}"
        )
    before = facts.get("settings", {})
    names = [name for name in settings if name not in _FREE and before.get(name) != settings[name]]
    if names:
        changes = ", ".join(f"{name} was {before.get(name)}, now {settings[name]}" for name in names)
        raise UsageError(
            f"{folder}: holds a training with other settings ({changes}); go on with the same, or {_FRESH}"
        )


def _other_data(facts: Mapping[str, Any], origin: Origin) -> str:
    spans: Mapping[str, str] = facts.get("spans", {})
    if not spans or not origin.spans:
        return (
            f"holds a training on another data set (fingerprint {_short(facts.get('data'))}, and this one has "
            f"{_short(origin.data)}); {_FRESH}"
        )
    if list(spans) != list(origin.spans):
        return (
            f"holds a training on the spans {shown_names(spans)}, and now these are {shown_names(origin.spans)}; name "
            f"the same ones with --since and --until, or {_FRESH}"
        )
    replaced = [name for name, fingerprint in origin.spans.items() if spans[name] != fingerprint]
    return f"the span {shown_names(replaced)} was replaced since training began there; {_FRESH}"


def _begun(model: str) -> str:
    return f"with the weights of the model {_short(model)}" if model else "with random weights"


def _short(fingerprint: Any) -> str:
    return f"{str(fingerprint)[:12]}…"
