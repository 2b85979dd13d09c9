"""The folder of a follower: a model for each step, and what is known of what they were trained on.

MODELS/
  000012-2026-11-22T0640/   the model of a step, written whole or not at all; its training.json says what the step was
  latest                    a link to the newest one, which is changed at once
  steps.jsonl               a line for each step, of models that were deleted, too
  .follow/step.json         the step at hand, with exactly the spans that it trains on
  .follow/step.log          what its process says
  .follow/lock, step.lock   held by the follower, and by the process of the step

A step is done if and only if its model is there. All else follows from that: the line, the link.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import DataError, HeldError, UsageError
from schemas.manifest import MANIFEST_NAME
from trainer.following.plan import Step
from trainer.following.steps_log import Record, add_line, read_log
from trainer.model_folder import MODEL_NAME, TRAINING_NAME

FOLLOWED = "follow"  # what training.json says of the step
LATEST = "latest"
LOG = "steps.jsonl"
STATE = ".follow"
_INTENT = "step.json"
_MODEL = re.compile(r"(\d{6,})-(.+)")
_LEFT = re.compile(r"\.\d{6,}-.+")  # beside its place, while a model is written or removed


class Models:
    """The folder of a follower.

    Attributes:
      folder: Its path.
      records: What is known of each step, the first one first.
      trained: Fingerprints of each span that was trained on, by its name.
      known: Of these, the ones that the model was trained on that the first step continues from.
    """

    def __init__(self, folder: Path, keep: int = 0) -> None:
        """Looks whether the folder is one of a follower, or can become one.

        Args:
          folder: Its path.
          keep: Models that are kept, the newest; 0: all.

        Raises:
          UsageError: It is something else.
        """
        self.folder = folder
        self._keep = keep
        self.records: list[Record] = []
        self.trained: dict[str, list[str]] = {}
        self.known: dict[str, str] = {}
        for name in (MODEL_NAME, TRAINING_NAME, MANIFEST_NAME):
            if (folder / name).exists():
                raise UsageError(
                    f"{folder}: holds '{name}', so it is no folder of models, one a step; choose another --output"
                )
        link = folder / LATEST
        if (folder.exists() and not folder.is_dir()) or (link.exists() and not link.is_symlink()):
            raise UsageError(
                f"{folder}: '{LATEST}' cannot be a link to the newest model there; choose another --output"
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Context in which no other follower writes there.

        Raises:
          HeldError: Another one does.
          DataError: The folder cannot be written.
        """
        try:
            (self.folder / STATE).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{self.folder}: cannot be written: {error.strerror or error}") from None
        held = take_lock(
            self.folder / STATE / "lock",
            f"{self.folder}: another process follows there; stop it, or choose another --output",
        )
        try:
            yield
        finally:
            os.close(held)

    def recover(self) -> None:
        """Finds out what was done, and does what a follower that was killed has left to do.

        Raises:
          DataError: The log is damaged, or the newest model is gone.
        """
        self.records = read_log(self.folder / LOG)
        for record in self.records:
            self._note(record)
        for path in self.folder.iterdir():
            if _LEFT.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
        there = self._models()
        done = max(there, default=0)
        if done == len(self.records) + 1:
            self.finish(there[done])
        elif done != len(self.records):
            raise DataError(
                f"{self.folder / LOG}: tells of {len(self.records)} steps, and the newest model is of step {done}; "
                f"put back the model, or delete the lines behind step {done} to train on their spans again"
            )
        elif done:
            self._publish(there[done])

    @property
    def newest(self) -> Path | None:
        """The newest model."""
        return self.folder / self.records[-1]["model"] if self.records else None

    def know(self, spans: Mapping[str, str]) -> None:
        """Takes spans as trained on, by their fingerprints, before the first step."""
        self.known = dict(spans)
        self._add(spans)

    def place(self, step: Step) -> Path:
        """Returns where the model of a step goes."""
        return self.folder / step.name

    def begin(self, step: Step) -> None:
        """Keeps what a step is, so that it is trained on the same spans after a kill.

        Raises:
          DataError: It cannot be written.
        """
        path = self.folder / STATE / _INTENT
        part = path.with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(json.dumps(step.to_plain(), ensure_ascii=False).encode())
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None

    def begun(self) -> Step | None:
        """Returns the step at hand; None: there is none, or it is done."""
        path = self.folder / STATE / _INTENT
        try:
            step = Step.from_plain(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: is damaged ({error}); delete it: the step is planned again") from None
        return step if step.number == len(self.records) + 1 else None

    def drop(self, step: Step) -> None:
        """Forgets a step that cannot be done any more, with what its training has kept."""
        shutil.rmtree(_training_of(self.place(step)), ignore_errors=True)
        (self.folder / STATE / _INTENT).unlink(missing_ok=True)

    def finish(self, model: Path) -> Record:
        """Tells of a step whose model is there, and lets `latest` lead to it.

        Raises:
          DataError: The model says nothing of a step, or the folder cannot be written.
        """
        path = model / TRAINING_NAME
        try:
            record: Record = json.loads(path.read_bytes())[FOLLOWED]
        except (OSError, ValueError, KeyError):
            raise DataError(f"{path}: is no model of a step; move the folder away") from None
        add_line(self.folder / LOG, record)
        self.records.append(record)
        self._note(record)
        self._publish(model)
        (self.folder / STATE / _INTENT).unlink(missing_ok=True)
        return record

    def _note(self, record: Record) -> None:
        if not self.known:  # else it is noted already
            self.known = record.get("known", {})
            self._add(self.known)
        self._add(record["spans"])

    def _add(self, spans: Mapping[str, str]) -> None:
        for name, fingerprint in spans.items():
            self.trained.setdefault(name, []).append(fingerprint)

    def _publish(self, model: Path) -> None:
        link, part = self.folder / LATEST, self.folder / STATE / LATEST
        if not link.is_symlink() or os.readlink(link) != model.name:  # noqa: PTH115 (a name, no path)
            part.unlink(missing_ok=True)
            part.symlink_to(model.name)
            part.replace(link)
        shutil.rmtree(_training_of(model), ignore_errors=True)  # where it was killed just before it did so
        models = self._models()
        for number in sorted(models)[: -self._keep] if self._keep else ():
            gone = models[number].with_name(f".{models[number].name}")
            models[number].replace(gone)  # at once, so that nobody finds half of it
            shutil.rmtree(gone, ignore_errors=True)

    def _models(self) -> dict[int, Path]:
        """Returns the models that are there, by the number of their step."""
        found = {}
        for path in self.folder.iterdir():
            match = _MODEL.fullmatch(path.name)
            if match and (path / TRAINING_NAME).is_file():
                found[int(match[1])] = path
        return found


def _training_of(model: Path) -> Path:
    """Returns where the state of its training lives meanwhile."""
    return model.with_name(f"{model.name}.training")


def take_lock(path: Path, held: str) -> int:
    """Takes a lock that ends when all processes that have its descriptor open have ended.

    Returns:
      The descriptor.

    Raises:
      HeldError: Another process has it; with the text that is given.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise HeldError(held) from None
    return descriptor
