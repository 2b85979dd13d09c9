"""Records that were read become files of JSON lines, one for each window, which a run can read as any input.

The names of the files follow from what they hold, so that what is tried again writes the same files.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.streaming.lines import Lines, name_of, write_lines
from pipeline.streaming.sources.source import Batch
from pipeline.streaming.spooled import Spooled
from schemas.dataset_pb2 import DatasetSpec
from schemas.records.event_time import event_times
from schemas.streams.positions import runs
from schemas.streams.windows import windows_of
from schemas.times import FIRST_MICROS, LAST_MICROS, Int64s, Mask

_NOTHING = b"null"  # no record: a line that a run rejects, for a blank one would vanish
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_NEWLINE_WITHIN = b"\x01"  # within quotes JSON allows it as little as a newline


class Spool(NamedTuple):
    """What became of a batch.

    Attributes:
      files: One for each window.
      newest: Newest valid event time, in microseconds since 1970; None: no record has one.
    """

    files: list[Spooled]
    newest: int | None


def spool(batch: Batch, spec: DatasetSpec, length: int, folder: str) -> Spool:
    """Writes the records of a batch.

    A record without a valid event time goes where the newest one before it in the batch goes, or the first one behind
    it; where no record of the batch has one, its place follows from the time that the broker or the file system gives.

    Args:
      batch: One record or more.
      spec: Says what the event time is.
      length: Of a window, in microseconds.
      folder: For the files; made where it is missing.

    Raises:
      DataError: A file cannot be written.
    """
    lines = [as_line(value) for value in batch.values]
    times, bad = event_times(lines, spec)
    placed = place(times, bad, batch.fallback)
    windows = windows_of(placed, length)
    written = [
        _write(batch, lines, placed, rows, int(window), folder)
        for window in np.unique(windows)
        for rows in [np.flatnonzero(windows == window)]
    ]
    return Spool(written, None if bad.all() else int(times[~bad].max()))


def place(times: Int64s, bad: Mask, fallback: Int64s) -> Int64s:
    """Returns the time that decides on the window of each record, int64, (n,).

    Args:
      times: int64, (n,); event times.
      bad: bool, (n,); where there is none.
      fallback: int64, (n,); times for where there is none at all.
    """
    if bad.all():
        return np.clip(fallback, FIRST_MICROS, LAST_MICROS)  # a producer may tell the broker anything
    first = times[np.argmin(bad)]
    newest = np.maximum.accumulate(np.where(bad, np.iinfo(np.int64).min, times))
    before_first = np.arange(len(bad)) < np.argmin(bad)
    return np.where(bad, np.where(before_first, first, newest), times)


def as_line(value: bytes | None) -> bytes:
    """Returns a record as one line, of the same meaning; one that is no valid JSON stays so."""
    if value is None or not value.strip(b" \t\r\n"):
        return _NOTHING
    if b"\n" not in value:
        return value
    return b"".join(_pieces(value.strip(b"\r\n")))


def _pieces(value: bytes) -> Iterator[bytes]:
    """Yields what stands between quoted texts, where a newline is a space, and these, where it is a mistake."""
    end = 0
    for text in _STRING.finditer(value):
        yield value[end : text.start()].replace(b"\n", b" ")
        yield text[0].replace(b"\n", _NEWLINE_WITHIN)
        end = text.end()
    yield value[end:].replace(b"\n", b" ")


def _write(batch: Batch, lines: Sequence[bytes], placed: Int64s, rows: Int64s, window: int, folder: str) -> Spooled:
    kept = Lines([lines[i] for i in rows.tolist()], batch.places[rows], batch.starts[rows])
    written = write_lines(folder, name_of(batch.source, kept), [(batch.source, kept)])
    ranges = runs(batch.starts[rows], batch.ends[rows])
    newest = int(placed[rows].max())
    return Spooled(written.path, batch.source, window, len(rows), written.bytes, written.sha256, ranges, newest)
