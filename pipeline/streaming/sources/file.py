"""One file of JSON lines, read piece by piece from one position of its content on."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.failure import told_of
from pipeline.files import in_words
from pipeline.streaming.sources.source import Batch
from pipeline.watching.observe import State
from schemas.errors import DataError, RefusedError
from schemas.formats.blocks import WholeLines
from schemas.formats.content import open_content
from schemas.formats.lines import Lines, split_lines
from schemas.formats.reading import reading_of
from schemas.formats.signatures import check_beginning
from schemas.formats.streams import LineFinder, whole_records
from schemas.streams.positions import Ranges, range_ends
from schemas.times import Int64s

_MICROSECOND = 1_000  # nanoseconds
_BLANK = b" \t\r"


class FileReader:
    """Reads one file.

    Attributes:
      path: Absolute.
      state: When its reading began.
      reach: The position behind the last record, or where reading began.
      is_over: Whether all of it has been read.
    """

    def __init__(self, path: str, state: State, start: int, covered: Ranges, max_record_bytes: int) -> None:
        """Opens it.

        Args:
          path: Absolute.
          state: As it was when it was found finished.
          start: Records before this position of the content are passed over.
          covered: Further positions of records that are passed over.
          max_record_bytes: Of a longer line no more is kept than shows that it is.

        Raises:
          FileNotFoundError: It is gone.
          RefusedError: It cannot be read.
        """
        self.path, self.state, self.reach, self.is_over = path, state, start, False
        self._start, self._covered, self._max_record_bytes = start, covered, max_record_bytes
        try:
            self._stream = Path(path).open("rb")  # noqa: SIM115  # `close` closes it
        except FileNotFoundError:
            raise
        except OSError as error:
            raise RefusedError(
                f"{path}: cannot be read: {error.strerror}; give whoever runs the stream the right to read it, or "
                "leave it out with --name"
            ) from error
        self._blocks: Iterator[WholeLines] | None = None
        self._next = start  # where what belongs to the next record begins
        self._base = 0  # where the content begins that `_blocks` gives

    def piece(self, size: int) -> Batch | None:
        """Returns the records of the next piece of about so many bytes; None: there are none in it.

        Raises:
          RefusedError: It cannot be read, or is damaged.
        """
        try:
            with told_of(self.path), in_words(self.path, "cannot be read"):
                if self._blocks is None:
                    self._blocks = self._begin(size)
                block = next(self._blocks, None)
        except DataError as error:  # which to read again comes to as well
            raise RefusedError(f"{error}; mend the file, or move it away, and start the stream again") from error
        if block is None:
            self.is_over = True
            return None
        return self._batch(block._replace(offset=block.offset + self._base))

    def close(self) -> None:
        """Closes it."""
        self._stream.close()

    def _begin(self, size: int) -> Iterator[WholeLines]:
        reading = reading_of(self.path)
        check_beginning(self._stream, reading, has_spec=False)
        content = open_content(self._stream, reading.compression)
        if not reading.from_the_start:
            self._base = self._start
            content.seek(self._start)
        return whole_records(content, LineFinder(), size, self._max_record_bytes)

    def _batch(self, block: WholeLines) -> Batch | None:
        behind = block.offset + block.range_bytes
        if behind <= self._start:
            return None
        lines, _ = split_lines(block.data, block.offset)
        ends = block.offset + np.append(lines.starts[1:], block.range_bytes)
        lines = self._unread(lines, block.offset)
        values = [lines.text(i) for i in range(len(lines))]
        there = np.fromiter((bool(value.strip(_BLANK)) for value in values), bool, len(values))
        if there.any() and not block.data.endswith(b"\n") and block.line_count is None and self._is_written_to():
            there[-1] = False  # its end may still be to come: it is read when the file is finished again
        places = block.offset + lines.starts
        read_to = self._read_to(places[there])
        fresh = read_to == places[there]
        # A line that had no end yet when it was read has one now, which belongs to the next record.
        reaches = np.where(fresh, ends[there], np.minimum(ends[there], read_to))
        starts = self._read_to(np.append(self._next, reaches[:-1])[: there.sum()])
        if there.any():
            self.reach, self._next = max(self.reach, int(ends[there][-1])), max(self._next, int(reaches[-1]))
        kept = np.flatnonzero(there)[fresh]
        if not len(kept):
            return None
        times = np.full(len(kept), self.state.mtime_ns // _MICROSECOND)
        return Batch(self.path, [values[i] for i in kept], places[kept], starts[fresh], ends[kept], times)

    def _unread(self, lines: Lines, offset: int) -> Lines:
        """Returns lines, and of those that had no end yet when they were read only what has come behind that."""
        read_to = self._read_to(offset + lines.starts) - offset
        has_more = (read_to > lines.starts) & (read_to < lines.ends)
        for i in np.flatnonzero(has_more):
            has_more[i] = bool(lines.data[read_to[i] : lines.ends[i]].strip(_BLANK))
        return dataclasses.replace(lines, starts=np.where(has_more, read_to, lines.starts))

    def _read_to(self, positions: Int64s) -> Int64s:
        """Returns up to where what follows each position has been read before; the position where nothing has."""
        return np.maximum(range_ends(self._covered, positions), self._start)

    def _is_written_to(self) -> bool:
        try:
            now = Path(self.path).stat()
        except OSError:
            return False
        return State(now.st_size, now.st_mtime_ns) != self.state
