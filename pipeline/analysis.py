"""What one pass over the records finds out: mergeable in any order, exactly.

Everything that is planned from it (vocabulary, buckets, normalisation) comes from the training
split alone; the counts cover all records.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.blocks import Block
from pipeline.merging import Merging
from pipeline.moments import ExactMoments
from schemas.formats.rejected import Rejected

_EXAMPLES_KEPT = 3  # first offenders of each reason, for the end of the run


class BlockSummary(NamedTuple):
    """What is kept of one block, or of a part of one, by piece.

    Attributes:
      line_counts: Lines, blank ones included.
      records: Records read.
      digests: SHA-256 over the range of the file; empty of a part that does not end it.
    """

    line_counts: tuple[int, ...]
    records: tuple[int, ...]
    digests: tuple[bytes, ...]

    def joined(self, other: "BlockSummary") -> "BlockSummary":
        """Returns the summary of this part and the next."""
        lines = tuple(a + b for a, b in zip(self.line_counts, other.line_counts, strict=True))
        records = tuple(a + b for a, b in zip(self.records, other.records, strict=True))
        return BlockSummary(lines, records, tuple(a + b for a, b in zip(self.digests, other.digests, strict=True)))


@dataclass
class EventCounts:
    """What became of events that were read.

    Attributes:
      records: That they make.
      kept: Events that are in a record, whatever becomes of this.
      tied: Of these, events whose place in the record only file and position decide.
      rejected: By reason.
      dropped: By policy.
    """

    records: int = 0
    kept: int = 0
    tied: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def merge(self, other: "EventCounts") -> "EventCounts":
        """Returns the counts of these and others."""
        return EventCounts(
            self.records + other.records,
            self.kept + other.kept,
            self.tied + other.tied,
            self.rejected + other.rejected,
            self.dropped + other.dropped,
        )


@dataclass
class Analysis:
    """Facts about blocks of records.

    Attributes:
      blocks: By index of the block.
      parts: By index of the block, or number of the partition: how many parts of it are staged.
      rejected: Records, by reason.
      dropped: Records, by policy.
      offenders: By reason: the first rejected records, with the index of their block.
      bucket_lengths: Training records by the length that the buckets go by.
      distinct: By name of the token sequence, and "label" for classes: different tokens of the training
        split in each block, added up.
      moments: By name of the series, and "label" for a number: of each dimension.
      train_records: Records of the training split.
      events: Where the spec groups events into records.
    """

    blocks: dict[int, BlockSummary] = field(default_factory=dict)
    parts: Counter[int] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    offenders: dict[str, list[tuple[int, Rejected]]] = field(default_factory=dict)
    bucket_lengths: Counter[int] = field(default_factory=Counter)
    distinct: Counter[str] = field(default_factory=Counter)
    moments: dict[str, list[ExactMoments]] = field(default_factory=dict)
    train_records: int = 0
    events: EventCounts | None = None

    @property
    def found(self) -> int:
        """What was read from the files: records, or events."""
        return sum(sum(block.records) for block in self.blocks.values())

    @property
    def read(self) -> int:
        """Records read, or made of events."""
        return self.events.records if self.events else self.found

    @property
    def examples(self) -> int:
        """Records that became examples."""
        return self.read - self.rejected.total() - self.dropped.total()

    @property
    def all_rejected(self) -> Counter[str]:
        """Rejected records and events, by reason."""
        return self.rejected + (self.events.rejected if self.events else Counter())

    def reject(self, block: int, rejected: Iterable[Rejected]) -> None:
        """Counts rejected records of a block and remembers the first."""
        for item in rejected:
            self.rejected[item.reason] += 1
            self._remember(item.reason, [(block, item)])

    def reject_events(self, block: int, rejected: Iterable[Rejected]) -> None:
        """Counts rejected events of a block and remembers the first."""
        self.events = self.events or EventCounts()
        for item in rejected:
            self.events.rejected[item.reason] += 1
            self._remember(item.reason, [(block, item)])

    def merge(self, other: "Analysis") -> "Analysis":
        """Adds what another one found out about other blocks or later parts of them; returns itself."""
        for index, summary in other.blocks.items():
            self.blocks[index] = self.blocks[index].joined(summary) if index in self.blocks else summary
        self.parts.update(other.parts)
        self.rejected += other.rejected
        self.dropped += other.dropped
        self.bucket_lengths.update(other.bucket_lengths)  # which looks at the other one only, unlike +=
        self.distinct.update(other.distinct)  # which keeps a name that has no token
        self.train_records += other.train_records
        if other.events:
            self.events = (self.events or EventCounts()).merge(other.events)
        for reason, offenders in other.offenders.items():
            self._remember(reason, offenders)
        for name, moments in other.moments.items():
            own = self.moments.setdefault(name, [ExactMoments() for _ in moments])
            for mine, theirs in zip(own, moments, strict=True):
                mine.merge(theirs)
        return self

    def first_lines(self, blocks: Sequence[Block]) -> dict[tuple[int, str], int]:
        """Returns the line, from 0, with which each piece begins in its file, by index of the block and path.

        Args:
          blocks: All blocks, in order.
        """
        lines: Counter[str] = Counter()
        first = {}
        for block in blocks:
            summary = self.blocks.get(block.index)
            for i, piece in enumerate(block.pieces):
                first[block.index, piece.path] = lines[piece.path]
                lines[piece.path] += summary.line_counts[i] if summary else 0
        return first

    def _remember(self, reason: str, offenders: list[tuple[int, Rejected]]) -> None:
        self.offenders[reason] = first_offenders([*self.offenders.get(reason, []), *offenders])


def first_offenders(offenders: list[tuple[int, Rejected]]) -> list[tuple[int, Rejected]]:
    """Returns the first few rejected records, each with the index of its block."""
    return sorted(offenders, key=lambda item: (item[0], item[1].path, item[1].offset))[:_EXAMPLES_KEPT]


class MergeAnalyses(Merging):
    """Merges the analyses of blocks into one of all."""

    kind = Analysis
