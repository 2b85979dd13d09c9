"""References to what was read and lies in spool files: the elements of a stream, which are never records."""

from typing import NamedTuple

from schemas.streams.positions import Ranges


class Spooled(NamedTuple):
    """Records of one window in one file, of one partition of a topic or of one file that was read.

    Beside the file of JSON lines lies `PATH.from.arrow`: a row for each line with its `source` (dictionary of
    strings), its `position` and its `start` (int64).

    Attributes:
      path: Of the file.
      source: "kafka:TOPIC/PARTITION", or the path of the file that was read.
      window: When the window begins, in microseconds since 1970.
      records: Number of lines.
      bytes: Of the file.
      sha256: Of the file and of where its lines came from, hexadecimal.
      ranges: Positions of the records in `source`, int64, (ranges, 2).
      newest: Newest event time of the records, in microseconds since 1970; those without a valid one count with the
        time that placed them.
    """

    path: str
    source: str
    window: int
    records: int
    bytes: int
    sha256: str
    ranges: Ranges
    newest: int


class Drained(NamedTuple):
    """The end of a part that was stopped: how far its event time had really come.

    Attributes:
      part: Its name.
      watermark: Microseconds since 1970; `windows.UNKNOWN` where it was still nowhere.
    """

    part: str
    watermark: int
