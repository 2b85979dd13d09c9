"""A folder that files of JSON lines come into: each is read once it is finished, and on from there if it grows.

A position of a file is a byte of its content as it is read: of what is compressed, of the content within. That of the
folder counts the bytes that were read of all files.
"""

import contextlib
import itertools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.streaming.sources.file import FileReader
from pipeline.streaming.sources.source import Batch, Covered, Part
from pipeline.watching.observe import Now, Seen, State, finished, first_lines, observe
from pipeline.watching.scan import scan, states
from schemas.errors import RefusedError, UsageError
from schemas.formats.blocks import MAX_RECORD_BYTES
from schemas.formats.reading import JSONL, Reading, reading_of
from schemas.streams.positions import NONE, first_uncovered

_PIECE_BYTES = 1 << 20  # of a file, read at a time


@dataclass(frozen=True)
class FolderSource:
    """A folder.

    Attributes:
      folder: Absolute, without links.
      name: Pattern of the names of files; empty: all.
      settle: Seconds without a change after which a file is finished.
      poll: Seconds between looks.
      max_record_bytes: Of a longer line no more is kept than shows that it is.
      allow_gap: Whether to go on where files are gone that had to be read again.
    """

    folder: str
    name: str = ""
    settle: float = 60.0
    poll: float = 10.0
    max_record_bytes: int = MAX_RECORD_BYTES
    allow_gap: bool = False

    def identity(self) -> str:
        """Returns the folder: names of files say what positions are of."""
        return f"folder:{self.folder}"

    def parts(self, covered: Covered) -> list[Part]:
        """Returns the folder as one part; see `Source`.

        Raises:
          UsageError: It is no folder, or holds what cannot be read as it comes.
        """
        if not Path(self.folder).is_dir():
            raise UsageError(f"--source {self.folder}: is no folder; name the one that new files come into")
        foreign = [path for path in scan(self.folder, self.name) if reading_as_lines(path) is None]
        if foreign:
            raise UsageError(f"--source {self.folder}: {_refused(sorted(foreign), self)}")
        return [Part(f"folder:{self.folder}", 0)]

    def gone(self, unclosed: Covered) -> list[str]:
        """Returns files that are gone or have become shorter than what has to be read of them again; see `Source`."""
        there = states(unclosed)
        gone = [path for path, ranges in unclosed.items() if not _holds(path, there.get(path), int(ranges[-1, 1]))]
        if gone and not self.allow_gap:
            size = sum(int(np.diff(unclosed[path]).sum()) for path in gone)
            raise RefusedError(
                f"{first_lines(gone)}: gone, or cut short, with up to {size:,} bytes of records that were read and are "
                "in no closed window, so that they have to be read again; put back what was there, or give --allow_gap "
                "to go on without them"
            )
        return gone

    def open(self, part: Part, position: int, covered: Covered) -> "FolderReader":
        """Opens the folder; see `Source`."""
        return FolderReader(self, position, covered)


def _holds(path: str, state: State | None, end: int) -> bool:
    """Returns whether a file is there with so many bytes of content; of what is compressed nobody knows how many."""
    reading = reading_as_lines(path)
    return state is not None and (state.bytes >= end or reading is None or reading.from_the_start)


def reading_as_lines(path: str) -> Reading | None:
    """Returns how a file of JSON lines is read; None of any other, or one whose name no record could be told by."""
    if not is_utf8(path):
        return None
    with contextlib.suppress(UsageError):
        reading = reading_of(path)
        return reading if reading.format == JSONL else None
    return None


class FolderReader:
    """Reads a folder; see `Reader`."""

    def __init__(
        self,
        source: FolderSource,
        position: int,
        covered: Covered,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Looks at nothing yet.

        Args:
          source: The folder.
          position: Bytes that were read before.
          covered: Positions of files that need not be read.
          clock: Seconds of a monotonic clock.
          sleep: Waits for so many seconds.
        """
        self.position = position
        self._source, self._covered, self._clock, self._sleep = source, covered, clock, sleep
        self._seen: dict[str, Seen] | None = None
        self._read: dict[str, tuple[State, int]] = {}  # as a file was when it was read, and how far
        self._current: FileReader | None = None
        self._waiting: list[tuple[str, State]] = []  # finished and not begun, the next one last
        self._due = float("-inf")  # the next look
        self._there = True
        self._changed: list[str] = []

    @property
    def note(self) -> str:
        """What a person should know; see `Reader`."""
        foreign = sorted(path for path in self._seen or {} if reading_as_lines(path) is None)
        said = [
            "" if self._there else f"{self._source.folder}: is gone; waiting for it to come back",
            f"not read: {_refused(foreign, self._source)}" if foreign else "",
            f"changed after it was read, and not read again: {first_lines(self._changed)}" if self._changed else "",
        ]
        return "; ".join(filter(None, said))

    def poll(self, seconds: float, most_bytes: int) -> list[Batch]:
        """Returns records of finished files; see `Reader`. Waits only where there is none."""
        end = self._clock() + seconds
        batches: list[Batch] = []
        taken = 0
        while taken < most_bytes:
            if self._current is None and not self._begin():
                if batches or self._clock() >= end:
                    break
                self._sleep(max(min(end, self._due) - self._clock(), 0.0))
                continue
            taken += self._go_on(batches, min(_PIECE_BYTES, most_bytes))
            if self._clock() >= end:
                break
        self.position += taken
        return _joined(batches)

    def lag(self) -> int | None:
        """Returns the bytes on the disk of files that have not been read, finished or not; see `Reader`."""
        if self._seen is None or not self._there:
            return None
        unread = [
            one.state.bytes
            for path, one in self._seen.items()
            if reading_as_lines(path) is not None and (path not in self._read or self._read[path][0] != one.state)
        ]
        return sum(unread)

    def close(self) -> None:
        """Closes the file that is being read."""
        if self._current is not None:
            self._current.close()
        self._current = None

    def _begin(self) -> bool:
        """Opens the next file; returns whether there is one."""
        if not self._waiting and self._clock() >= self._due:
            self._look()
        while self._waiting and self._current is None:
            path, state = self._waiting.pop()
            ranges = self._covered.get(path, NONE)
            start = max(first_uncovered(ranges, 0), self._read.get(path, (state, 0))[1])
            if not reading_of(path).from_the_start and start >= state.bytes:
                self._leave(path, state, start)
                continue
            with contextlib.suppress(FileNotFoundError):  # it is gone again
                self._current = FileReader(path, state, start, ranges, self._source.max_record_bytes)
        return self._current is not None

    def _leave(self, path: str, state: State, start: int) -> None:
        """Passes over a file that is read already, and tells of one that is shorter than what was read."""
        self._read[path] = (state, start)
        if start > state.bytes and path not in self._changed:
            self._changed.append(path)

    def _look(self) -> None:
        before, utc = self._clock(), time.time_ns()
        self._there = os.path.isdir(self._source.folder)  # noqa: PTH112  # never raises
        found = scan(self._source.folder, self._source.name)
        now = Now(before, self._clock(), utc)
        self._seen = observe(self._seen or {}, found, now, first=self._seen is None)
        done = finished(self._seen, now, self._source.settle)
        new = [
            (path, state)
            for path, state in done.items()
            if reading_as_lines(path) is not None and (path not in self._read or self._read[path][0] != state)
        ]
        self._waiting = sorted(new, key=lambda one: (one[1].mtime_ns, one[0]), reverse=True)
        self._due = self._clock() + self._source.poll

    def _go_on(self, batches: list[Batch], piece_bytes: int) -> int:
        """Adds the next piece of the file that is open; returns how many bytes of it are behind us now."""
        current = self._current
        assert current is not None
        before = current.reach
        batch = current.piece(piece_bytes)
        if batch is not None:
            batches.append(batch)
        if current.is_over:
            self._read[current.path] = (current.state, current.reach)
            self.close()
        return current.reach - before


def is_utf8(path: str) -> bool:
    """Returns whether a path can be written down as text, by which its records can be told."""
    return path.encode("utf-8", "ignore") == os.fsencode(path)


def _refused(paths: list[str], source: FolderSource) -> str:
    """Returns why files are not read, and what to do."""
    foreign = [path for path in paths if is_utf8(path)]
    nameless = [path.removeprefix(f"{source.folder}/") for path in paths if not is_utf8(path)]
    said = []
    if foreign:
        leave_out = "give a --name that leaves them out"
        remedy = leave_out if source.name else "name the files that are meant with --name '*.jsonl*'"
        said.append(
            f"{first_lines(foreign)}: a stream reads .jsonl, plain or .gz, .bz2 and .zst; what reads files of other "
            f"formats as they come is `watch`; {remedy}"
        )
    if nameless:
        names = first_lines(os.fsencode(path).decode("utf-8", "backslashreplace") for path in nameless)
        said.append(f"{names}: is no name in UTF-8; rename the file, or give a --name that leaves it out")
    return "; ".join(said)


def _joined(batches: list[Batch]) -> list[Batch]:
    """Returns the batches with those of one file, which follow each other, as one."""
    found: list[Batch] = []
    for _, group in itertools.groupby(batches, lambda batch: batch.source):
        first, *more = group
        if more:
            every = [first, *more]
            columns = [np.concatenate(column) for column in zip(*(batch[2:] for batch in every), strict=True)]
            first = Batch(first.source, [value for batch in every for value in batch.values], *columns)
        found.append(first)
    return found
