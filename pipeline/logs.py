"""Standard error as JSON, one object a line, for whoever collects logs.

Everything that is written to standard error becomes lines of it, whoever writes: the console, warnings of
libraries, C++ code and child processes past `sys.stderr`. An object has `time` (UTC, RFC 3339), `level` (info,
warning or error), `message` and `command`, and `run` and `span` where they are known by then.
"""

import contextlib
import datetime
import io
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import IO, TextIO, cast

from rich.console import Console

OPTION = "--log_format"
TEXT, JSON = "text", "json"
_LEVELS = {"error:": "error", "warning:": "warning", "warn:": "warning"}
_LIBRARY_WARNING = "Warning: "  # as Python's own `warnings` write: FILE:LINE: UserWarning: TEXT
_DRAIN_SECONDS = 2.0  # for a child that outlives the command and holds the pipe open


class JsonLines(io.TextIOBase):
    """A text stream that writes each line it is given as one JSON object to another stream."""

    def __init__(self, target: TextIO, command: str) -> None:
        super().__init__()
        self._target = target
        self._facts = {"command": command}
        self._rest = ""
        self._writing = threading.RLock()  # a signal may interrupt a thread that holds it

    def note(self, **facts: str) -> None:
        """Adds facts that every line from now on states; an empty one is left out."""
        with self._writing:
            self._facts = {**self._facts, **facts}

    def writable(self) -> bool:
        """Says that this is written to."""
        return True

    def isatty(self) -> bool:
        """Says that nobody looks at it as at a terminal."""
        return False

    def write(self, text: str) -> int:
        """Takes text; each line of it that is whole is written down."""
        with self._writing:
            *lines, self._rest = (self._rest + text).split("\n")
            for line in lines:
                self._write_line(line)
        return len(text)

    def flush(self) -> None:
        """Hands on what is whole; the beginning of a line waits for its end."""
        with self._writing, contextlib.suppress(ValueError, BrokenPipeError):  # closed, or nobody reads any more
            self._target.flush()

    def finish(self) -> None:
        """Writes the last line, if it has no end."""
        with self._writing:
            line, self._rest = self._rest, ""
            self._write_line(line)
        self.flush()

    def _write_line(self, line: str) -> None:
        message = line.rsplit("\r", 1)[-1] if line.strip() else ""
        if message:
            entry = log_entry(message, datetime.datetime.now(datetime.UTC), self._facts)
            with contextlib.suppress(ValueError, BrokenPipeError):
                self._target.write(json.dumps(entry) + "\n")
                self._target.flush()


def log_entry(message: str, time: datetime.datetime, facts: dict[str, str]) -> dict[str, str]:
    """Returns the object of one line.

    Args:
      message: The line, without its end.
      time: In UTC.
      facts: Of the command, by name; empty ones are left out.
    """
    return {
        "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level_of(message),
        "message": message,
        **{name: value for name, value in facts.items() if value},
    }


def level_of(message: str) -> str:
    """Returns error, warning or info, by how a line begins."""
    first = message.split(" ", 1)[0].lower()
    return _LEVELS.get(first) or ("warning" if _LIBRARY_WARNING in message else "info")


def wants_json(arguments: Sequence[str]) -> bool:
    """Returns whether arguments ask for JSON: before they are parsed, as what is wrong with them is logged, too."""
    words = list(arguments)
    return any(
        word == f"{OPTION}={JSON}" or (word == OPTION and words[i + 1 : i + 2] == [JSON])
        for i, word in enumerate(words)
    )


def note(console: Console, **facts: str) -> None:
    """Adds facts to every line that a console writes from now on, where it writes JSON."""
    if isinstance(console.file, JsonLines):
        console.file.note(**facts)


@contextlib.contextmanager
def logging_console(arguments: Sequence[str]) -> Iterator[Console]:
    """Context with the console of a command: JSON where its arguments ask for it, else text.

    Args:
      arguments: Of the command line, with the command first.
    """
    if not wants_json(arguments):
        yield Console(stderr=True, soft_wrap=True, markup=False)
        return
    command = next((word for word in arguments if not word.startswith("-")), "")
    with json_lines(sys.stderr, command) as stream:
        try:
            yield Console(
                file=cast("TextIO", stream), soft_wrap=True, markup=False, force_terminal=False, no_color=True
            )
        except Exception:  # an error of ours: Python itself would print it when this context is over
            traceback.print_exc()
            raise SystemExit(1) from None


@contextlib.contextmanager
def json_lines(target: TextIO, command: str) -> Iterator[JsonLines]:
    """Context in which standard error is one JSON object a line.

    Args:
      target: Where the objects go: standard error as it is.
      command: Name of the command.
    """
    with _caught_descriptor(target) as (real, start):
        stream = JsonLines(real, command)
        reader = start(cast("TextIO", stream))
        with contextlib.redirect_stderr(stream):
            try:
                yield stream
            finally:
                stream.finish()
                reader()


@contextlib.contextmanager
def _caught_descriptor(target: TextIO) -> Iterator[tuple[TextIO, Callable[[TextIO], Callable[[], None]]]]:
    """Context in which what is written to file descriptor 2 itself can be read, where `target` is that.

    Yields:
      Standard error as it was, and a function that begins to hand lines to a stream and returns one that ends it.
    """
    if _descriptor(target) != 2:  # a stream of its own, which only Python code writes to
        yield target, lambda _stream: lambda: None
        return
    target.flush()
    kept = os.dup(2)
    reading, writing = os.pipe()
    os.dup2(writing, 2)
    os.close(writing)

    def start(stream: TextIO) -> Callable[[], None]:
        thread = threading.Thread(target=_hand_on, args=(reading, stream), daemon=True)
        thread.start()

        def end() -> None:
            os.dup2(kept, 2)  # closes this process's last end of the pipe for writing
            thread.join(_DRAIN_SECONDS)

        return end

    real = os.fdopen(os.dup(kept), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    try:
        yield real, start
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        real.flush()


def _hand_on(descriptor: int, stream: TextIO) -> None:
    """Writes the lines that come out of a pipe to a stream, until nobody can write to it any more."""
    lines: IO[str] = os.fdopen(descriptor, encoding="utf-8", errors="backslashreplace")
    with lines:
        for line in lines:
            stream.write(line if line.endswith("\n") else f"{line}\n")


def _descriptor(stream: TextIO) -> int:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # a stream in memory
        return -1
