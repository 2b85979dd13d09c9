"""What a run did, for people and for machines."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.report.about_label import labels_by_split, next_step
from pipeline.report.efficiency import RANDOM_BATCH, padding, predicted_seconds
from pipeline.report.facts import histogram, training
from pipeline.report.words import of_100
from pipeline.vocabulary.summary import describe_vocabularies, vocabulary_line
from schemas.manifest_pb2 import Counts, EventCounts, LengthStatistics, Manifest
from schemas.spec import PER_STEP_CLASS, category_features

_MOST_UNREAD = 10  # names shown


def summarise(
    manifest: Manifest, output: str, seconds: float, unread: Sequence[str] = (), advice: Sequence[str] = ()
) -> str:
    """Returns the end of a run as a few lines of text.

    Args:
      manifest: Of the data set.
      output: Its folder.
      seconds: How long the run took.
      unread: Fields of the input that no part of the spec reads.
      advice: Lines about what to change next.
    """
    counts, train = manifest.counts, training(manifest)
    lines = [*_events_line(manifest), _counts_line(manifest), *_length_line(train.bucket_length)]
    for name in sorted(manifest.spec.sequences):
        lines += _sequence_lines(manifest, name, train.lengths[name] if name in train.lengths else LengthStatistics())
    lines += [vocabulary_line(manifest, name) for name in category_features(manifest.spec)]
    lines += [*_padding_line(manifest), *_seconds_line(manifest)] if train.records else []
    lines += _next_step_line(manifest)
    lines += _unknown_label_lines(manifest)
    lines += _empty_splits_line(manifest)
    lines += [f"rejected records: {output}/{file.path}" for file in manifest.rejected_files]
    lines += [_unread_line(unread)] if unread else []
    rate, what = (counts.events.read, "events") if counts.HasField("events") else (counts.read, "records")
    size = sum(shard.bytes for shard in manifest.shards)
    lines.append(
        f"{len(manifest.shards)} shards, {size / 1e6:,.1f} MB → {output}/manifest.json "
        f"({seconds:.1f} s, {rate / seconds:,.0f} {what}/s)"
    )
    return "\n".join([*lines, *advice])


def describe(manifest: Manifest, output: str) -> dict[str, Any]:
    """Returns the end of a run as one JSON document."""
    counts = manifest.counts
    return {
        "output": output,
        "fingerprint": manifest.fingerprint,
        "data_fingerprint": manifest.data_fingerprint,
        "counts": {
            "read": counts.read,
            "kept": counts.kept,
            "examples": counts.examples,
            "rejected": dict(counts.rejected),
            "dropped": dict(counts.dropped),
            **({"events": _describe_events(counts.events)} if counts.HasField("events") else {}),
        },
        "splits": {name: statistics.records for name, statistics in sorted(manifest.statistics.items())},
        "buckets": len(manifest.buckets),
        "shards": len(manifest.shards),
        "padding_efficiency": padding(manifest),
        **({"predicted_seconds": predicted} if (predicted := predicted_seconds(manifest)) else {}),
        "vocabularies": describe_vocabularies(manifest),
        **({"labels": labels_by_split(manifest)} if next_step(manifest) else {}),
    }


def _unread_line(unread: Sequence[str]) -> str:
    more = f" and {len(unread) - _MOST_UNREAD} more" if len(unread) > _MOST_UNREAD else ""
    return f"fields that the spec does not read: {', '.join(unread[:_MOST_UNREAD])}{more}"


def _counts_line(manifest: Manifest) -> str:
    counts = manifest.counts
    splits = ", ".join(f"{name} {statistics.records:,}" for name, statistics in sorted(manifest.statistics.items()))
    examples = f"as {counts.examples:,} examples, " if counts.examples != counts.kept else ""
    read, where = "" if counts.HasField("events") else " read", f" ({examples}{splits})" if splits else ""
    return ", ".join([f"{counts.read:,} records{read}, {counts.kept:,} kept{where}", *_not_kept(counts)])


def _events_line(manifest: Manifest) -> list[str]:
    """Returns nothing where records are no groups of events."""
    counts, events = manifest.counts, manifest.counts.events
    if not counts.HasField("events"):
        return []
    first = f"{events.read:,} events read, {events.kept:,} events in {counts.read:,} records"
    lines = [", ".join([first, *_not_kept(events)])]
    if events.tied:
        by = manifest.spec.group.order_by
        lines.append(f"{events.tied:,} events have the '{by}' of another one: file and position decide which is first")
    return lines


def _not_kept(counts: Counts | EventCounts) -> list[str]:
    return [
        f"{sum(by_cause.values()):,} {word} ({', '.join(f'{cause} {by_cause[cause]:,}' for cause in sorted(by_cause))})"
        for word, by_cause in (("rejected", counts.rejected), ("dropped", counts.dropped))
        if by_cause
    ]


def _describe_events(events: EventCounts) -> dict[str, Any]:
    return {
        "read": events.read,
        "kept": events.kept,
        "rejected": dict(events.rejected),
        "dropped": dict(events.dropped),
        "tied": events.tied,
    }


def _padding_line(manifest: Manifest) -> list[str]:
    efficiency = padding(manifest)
    return [
        f"padding efficiency (train): {efficiency['bucketed']:.3f} in {_buckets(manifest)} "
        f"(of 100 steps computed, {of_100(efficiency['bucketed'])} are data); "
        f"{efficiency['random_batches']:.3f} in random batches of {RANDOM_BATCH}; "
        f"{efficiency['longest']:.3f} padded to the longest"
    ]


def _length_line(statistics: LengthStatistics) -> list[str]:
    """Returns nothing of a span without training records."""
    lengths, counts = histogram(statistics)
    if not len(lengths):
        return []
    shares = np.cumsum(counts) / counts.sum()
    median, p99 = (int(lengths[np.searchsorted(shares, share)]) for share in (0.5, 0.99))
    return [
        f"lengths (train): {lengths[0]} to {lengths[-1]}, median {median}, 99 % up to {p99}, {statistics.steps:,} steps"
    ]


def _buckets(manifest: Manifest) -> str:
    wanted = manifest.spec.buckets
    chosen = f", the knee of up to {wanted.most}" if wanted.HasField("most") else ""
    return f"{len(manifest.buckets)} buckets{chosen}"


def _seconds_line(manifest: Manifest) -> list[str]:
    """Returns nothing where the spec does not say what a batch takes."""
    predicted = predicted_seconds(manifest)
    if not predicted:
        return []
    return [
        f"predicted seconds of an epoch (train): {predicted['bucketed']:.4g} in our buckets, "
        f"{predicted['longest']:.4g} padded to the longest"
    ]


def _empty_splits_line(manifest: Manifest) -> list[str]:
    """Returns nothing where each split with a share of the records has one; few groups may leave one without."""
    shares = manifest.spec.split.fractions
    empty = sorted(name for name, share in shares.items() if share and name not in manifest.statistics)
    return [f"no record is in {', '.join(empty)}: there are too few, or too few groups"] if empty else []


def _next_step_line(manifest: Manifest) -> list[str]:
    """Returns nothing where the label is another one, or there is none."""
    what = next_step(manifest)
    if what is None:
        return []
    counts = ", ".join(f"{name} {count:,}" for name, count in labels_by_split(manifest).items())
    unit = "labels" if manifest.spec.label.of in manifest.vocabularies else "numbers"
    return [f"label of a step: {what} ({unit}: {counts})"]


def _unknown_label_lines(manifest: Manifest) -> list[str]:
    counts = {name: split.unknown_labels for name, split in sorted(manifest.statistics.items()) if split.unknown_labels}
    if not counts:
        return []
    what = "steps" if manifest.spec.label.type == PER_STEP_CLASS else "records"
    shown = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    known = manifest.spec.label.classes_file or manifest.span.base or "train"
    return [f"label: {sum(counts.values()):,} {what} of classes that {known} does not have, stored as -1 ({shown})"]


def _sequence_lines(manifest: Manifest, name: str, statistics: LengthStatistics) -> list[str]:
    lines = []
    if name in manifest.vocabularies:
        lines.append(vocabulary_line(manifest, name))
    if statistics.truncated_records:
        whole = statistics.steps + statistics.truncated_steps
        sequences = manifest.spec.sequences
        leader = sequences[name].aligned_with or name  # an aligned sequence is cut where that one is
        most = sequences[leader].max_length
        rule = f"max_length {most}" if most else "the window's rule for the rest"
        lines.append(
            f"{name}: {rule} cut {statistics.truncated_records:,} records "
            f"and {statistics.truncated_steps / whole:.2%} of the steps"
        )
    return lines
