"""Counts and statistics of several spans, added up exactly: the sum is that of their union, in any grouping."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas.example import DIGEST_MODULUS
from schemas.manifest_pb2 import Counts, EventCounts, LengthStatistics, SplitStatistics


def add_counts(counts: Sequence[Counts]) -> Counts:
    """Returns the counts of what several spans have read."""
    total = Counts(examples=sum(one.examples for one in counts), **_common(counts))
    events = [one.events for one in counts if one.HasField("events")]
    if events:
        total.events.CopyFrom(EventCounts(tied=sum(one.tied for one in events), **_common(events)))
    return total


def merge_splits(spans: Iterable[Mapping[str, SplitStatistics]], classes: int = 0) -> dict[str, SplitStatistics]:
    """Returns the statistics of the splits of several spans; a span may lack a split.

    Args:
      spans: Statistics by split, of each span.
      classes: To which the counts of classes are filled up with 0, where there are any.
    """
    by_split: dict[str, list[SplitStatistics]] = {}
    for span in spans:
        for split, statistics in span.items():
            by_split.setdefault(split, []).append(statistics)
    return {split: merge_statistics(by_split[split], classes) for split in sorted(by_split)}


def merge_statistics(parts: Sequence[SplitStatistics], classes: int = 0) -> SplitStatistics:
    """Returns the statistics of one split of several spans; see `merge_splits`."""
    merged = SplitStatistics(
        records=sum(part.records for part in parts),
        bucket_length=merge_lengths([part.bucket_length for part in parts]),
        classes=_added([part.classes for part in parts], classes),
        unknown_labels=sum(part.unknown_labels for part in parts),
    )
    stated = [part.records_digest for part in parts if part.records_digest]
    if stated:
        merged.records_digest = f"{sum(int(digest, 16) for digest in stated) % DIGEST_MODULUS:064x}"
    for name in sorted({name for part in parts for name in part.lengths}):
        merged.lengths[name].CopyFrom(merge_lengths([part.lengths[name] for part in parts if name in part.lengths]))
    return merged


def merge_lengths(parts: Sequence[LengthStatistics]) -> LengthStatistics:
    """Returns the histogram of the lengths of several spans."""
    counts: Counter[int] = Counter()
    for part in parts:
        counts.update(dict(zip(part.lengths, part.counts, strict=True)))
    return LengthStatistics(
        lengths=sorted(counts),
        counts=[counts[length] for length in sorted(counts)],
        steps=sum(part.steps for part in parts),
        truncated_records=sum(part.truncated_records for part in parts),
        truncated_steps=sum(part.truncated_steps for part in parts),
        oov_steps=sum(part.oov_steps for part in parts),
    )


def _added(lists: Sequence[Sequence[int]], size: int) -> list[int]:
    """Returns the sums of counts of which some lists have fewer; none where no list has any."""
    longest = max((len(counts) for counts in lists), default=0)
    sums = [sum(counts[i] for counts in lists if i < len(counts)) for i in range(longest)]
    return sums + [0] * (size - longest) if longest else []


def _common(counts: Sequence[Any]) -> dict[str, Any]:
    return {
        "read": sum(one.read for one in counts),
        "kept": sum(one.kept for one in counts),
        "rejected": _sums([one.rejected for one in counts]),
        "dropped": _sums([one.dropped for one in counts]),
    }


def _sums(maps: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in maps:
        total.update(one)
    return dict(total)
