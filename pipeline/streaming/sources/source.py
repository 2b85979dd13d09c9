"""What a source of a stream is: parts, each with a reader that gives raw records and says where they stood."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from schemas.formats.blocks import MAX_RECORD_BYTES
from schemas.streams.positions import Ranges
from schemas.times import Int64s

# Of what a source is made of by name: a partition of a topic, or a file.
Covered = Mapping[str, Ranges]


class Part(NamedTuple):
    """One part of a source, read by one reader from one position on.

    Attributes:
      name: "kafka:TOPIC/PARTITION", or "folder:PATH".
      start: Where the restriction begins, in the positions of `Reader.position`.
      parts: How many parts the source had when the stream was started.
    """

    name: str
    start: int
    parts: int = 1


class Batch(NamedTuple):
    """Raw records of one topic's partition or of one file, in the order in which they stand there.

    Attributes:
      source: "kafka:TOPIC/PARTITION", or the absolute path of the file.
      values: Each record as it was read, a line without its end; None or blank: Kafka has nothing there.
      places: int64, (n,); where each record stands, as people are told: an offset, or a byte of the content.
      starts: int64, (n,); what it is read by begins there: behind the record before it, for what lies between holds no
        record, as the marks of transactions or blank lines. At its place or before it.
      ends: int64, (n,); the position behind each: offset + 1, or the byte behind its newline.
      fallback: int64, (n,); microseconds since 1970 that the broker or the file system gives for each record.
    """

    source: str
    values: Sequence[bytes | None]
    places: Int64s
    starts: Int64s
    ends: Int64s
    fallback: Int64s


class Reader(Protocol):
    """Reads one part; used by one thread at a time.

    Attributes:
      position: Of the restriction, rising: everything before it has been given. An offset of Kafka; bytes of a folder.
    """

    position: int

    @property
    def note(self) -> str:
        """What a person should know, as that partitions have been added; empty: nothing."""

    def poll(self, seconds: float, most_bytes: int) -> list[Batch]:
        """Returns what came within so many seconds, sooner where it is about as many bytes; none is no error.

        A batch for each source of records; after it `position` is behind them.

        Raises:
          DataError: Records are lost, or cannot be told apart.
        """

    def lag(self) -> int | None:
        """Returns how much is there that has not been read: records of Kafka, bytes of files; None: nobody knows now.

        Only 0 means that the reader has seen all there is, so that time without a record says something.
        """

    def close(self) -> None:
        """Lets go of connections and files."""


class Source(Protocol):
    """Something that is read for ever; can be pickled."""

    def identity(self) -> str:
        """Returns what makes it the same source: positions in another one mean other records.

        Raises:
          UsageError: There is no such source, or it cannot be read.
        """

    def parts(self, covered: Covered) -> list[Part]:
        """Returns the parts, each with the position at which its reading begins.

        Args:
          covered: Positions that need not be read any more, by what they are positions of.

        Raises:
          UsageError: There is no such source, or it cannot be read.
          DataError: Positions were deleted before they were read.
        """

    def gone(self, unclosed: Covered) -> list[str]:
        """Returns the files of which something was read before that is to be read again, and is not there any more.

        Args:
          unclosed: Positions that were read and are in no closed window, by path; none of other sources.

        Raises:
          RefusedError: There are some, and nobody has allowed a gap.
        """

    def open(self, part: Part, position: int, covered: Covered) -> Reader:
        """Opens a part.

        Args:
          part: One of `parts`.
          position: Of the restriction, where reading goes on.
          covered: As for `parts`; no record that begins there is given.

        Raises:
          DataError: What stood at the position is deleted.
        """


@dataclass(frozen=True)
class SourceSettings:
    """What is said of a source beside its name.

    Attributes:
      kafka: Properties of librdkafka, as for security; never printed.
      allow_gap: Whether to go on where records were deleted before they were read.
      settle: Seconds without a change after which a file is finished.
      poll: Seconds between looks at a folder.
      name: Pattern that the names of files must match; empty: all.
      max_record_bytes: Of a longer line of a file no more is kept than shows that it is.
      root: Folder of the spans, which must not lie in a folder that is read.
    """

    kafka: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow_gap: bool = False
    settle: float = 60.0
    poll: float = 10.0
    name: str = ""
    max_record_bytes: int = MAX_RECORD_BYTES
    root: str = ""
