"""What is kept in ROOT/.watch: the span that a watch is about to run, files that failed, and files of removed spans."""

import datetime
import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import files
from pipeline.watching.choose import Intent
from pipeline.watching.observe import State
from schemas.errors import DataError, HeldError, UsageError

FOLDER = ".watch"
_INTENT, _FAILED, _PRUNED = "intent.json", "failed.jsonl", "pruned.jsonl"


class Store:
    """The folder ROOT/.watch; each of its files is written whole or not at all."""

    def __init__(self, root: str) -> None:
        """Makes the folder.

        Raises:
          UsageError: It cannot be written to.
        """
        self.folder = Path(root, FOLDER)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--output {root}: cannot be written: {error.strerror}; name another folder") from None

    @property
    def failed_path(self) -> str:
        """Path of the list of files that failed."""
        return str(self.folder / _FAILED)

    def sweep(self) -> None:
        """Deletes what a watch that was killed had half written; only one that holds the folder may."""
        for path in filter(files.is_temporary, map(str, self.folder.iterdir())):
            Path(path).unlink(missing_ok=True)

    def intent(self) -> Intent | None:
        """Returns the span that was about to be run; None: there is none.

        Raises:
          DataError: The file is damaged.
        """
        path = self.folder / _INTENT
        if not path.exists():
            return None
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return Intent(values["span"], {file["file"]: _state_of(file) for file in values["files"]})
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: is damaged ({error}); delete it: its files are read if no span has them"
            ) from None

    def write_intent(self, intent: Intent) -> None:
        """Says which span is about to be run.

        Raises:
          DataError: It cannot be written.
        """
        told = {"span": intent.span, "files": [_described(path, state) for path, state in intent.files.items()]}
        files.write(str(self.folder / _INTENT), json.dumps(told, indent=2).encode())

    def drop_intent(self) -> None:
        """Says that no span is about to be run."""
        (self.folder / _INTENT).unlink(missing_ok=True)

    def failed(self) -> dict[str, State]:
        """Returns the files that failed, as they were then."""
        return {entry["file"]: _state_of(entry) for entry in self._entries()}

    def add_failed(self, path: str, state: State, error: str) -> None:
        """Records that a file failed; what was recorded of it before is forgotten.

        Raises:
          DataError: It cannot be written.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        kept = [entry for entry in self._entries() if entry["file"] != path]
        entries = [*kept, {**_described(path, state), "error": error, "time": now}]
        files.write(self.failed_path, "".join(json.dumps(entry) + "\n" for entry in entries).encode())

    def _entries(self) -> list[dict[str, Any]]:
        path = Path(self.failed_path)
        if not path.exists():
            return []
        lines = path.read_text(encoding="utf-8").splitlines()
        try:
            entries = [json.loads(line) for line in lines if line.strip()]
            for entry in entries:
                _state_of(entry), entry["file"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: is damaged ({error}); correct or delete the line: its file is tried again"
            ) from None
        return entries


def keep_inputs(root: str, inputs: Mapping[str, int]) -> None:
    """Keeps what a span has read when the span is about to be removed, where a watch has ever written to the folder.

    Or the next watch would read its files, which may still be there, as new ones.

    Args:
      root: Folder of all spans.
      inputs: Bytes of each file, by absolute path.

    Raises:
      DataError: It cannot be written.
    """
    if not Path(root, FOLDER).is_dir():
        return
    entries = {**pruned_inputs(root), **inputs}
    lines = (json.dumps({"file": path, "bytes": size}) + "\n" for path, size in entries.items())
    files.write(str(Path(root, FOLDER, _PRUNED)), "".join(lines).encode())


def pruned_inputs(root: str) -> dict[str, int]:
    """Returns the bytes of each file that removed spans have read, by absolute path.

    Raises:
      DataError: The list is damaged.
    """
    path = Path(root, FOLDER, _PRUNED)
    if not path.exists():
        return {}
    try:
        entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return {str(entry["file"]): int(entry["bytes"]) for entry in entries}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: is damaged ({error}); correct or delete the line: its file is read again") from None


def lock(path: Path, held: str) -> int:
    """Takes a lock of the kernel's, which ends when all processes that have its descriptor open have ended.

    Args:
      path: Of the file that is locked.
      held: What to say where another one has it.

    Returns:
      The descriptor.

    Raises:
      HeldError: Another process has it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise HeldError(held) from None
    return descriptor


def _described(path: str, state: State) -> dict[str, Any]:
    return {"file": path, "bytes": state.bytes, "mtime_ns": state.mtime_ns}


def _state_of(entry: Mapping[str, Any]) -> State:
    return State(int(entry["bytes"]), int(entry["mtime_ns"]))
