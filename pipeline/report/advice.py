"""What to change next: sentences with numbers, each computed from the facts, none where it does not apply."""

from collections.abc import Callable, Iterator

import numpy as np

from pipeline.report.about_label import next_step_advice
from pipeline.report.advice_records import class_advice, missing_class_advice, rejected_advice, split_advice
from pipeline.report.advice_values import constant_advice, oov_advice
from pipeline.report.efficiency import Efficiency, measure
from pipeline.report.facts import Facts, histogram, training
from pipeline.report.words import Name, Sentence, of_100, percent, plural, say, size
from schemas.manifest_pb2 import Shard
from schemas.spec import TRAIN

_CUT_TOO_MUCH = 0.01  # share of the steps that may be cut off in silence
_CUT_LITTLE = 0.001
_MUCH_LONGER = 4  # times
_WORTH_CHANGING = 0.03  # gain in padding efficiency
_TINY_SHARD = 1_000_000  # bytes
_MANY_SHARDS = 100
_BATCH = 32  # records of a batch that a bucket should fill
_MANY_IN_SMALL = 0.05  # of the training records, in buckets that do not fill a batch


def advise(facts: Facts, efficiency: Efficiency | None = None) -> list[Sentence]:
    """Returns what to change next, what concerns most records or steps first.

    Args:
      facts: Of a data set.
      efficiency: Of the same; measured where it is not given.
    """
    if facts.manifest.span.base:  # what concerns the plans, only another base can change
        return [*rejected_advice(facts), *oov_advice(facts)]
    efficiency = efficiency or measure(facts)
    sources: list[Callable[[Facts], Iterator[Sentence]]] = [
        rejected_advice,
        split_advice,
        cut_advice,
        lambda facts: bucket_advice(facts, efficiency),
        oov_advice,
        missing_class_advice,
        class_advice,
        next_step_advice,
        constant_advice,
        small_bucket_advice,
        shard_advice,
    ]
    return [sentence for source in sources for sentence in source(facts)]


def cut_advice(facts: Facts) -> Iterator[Sentence]:
    """Yields the `max_length` that cuts off next to nothing, where more than 1 % of the training steps are cut off."""
    manifest = facts.manifest
    for name, lengths in sorted(training(manifest).lengths.items()):
        most = manifest.spec.sequences[name].max_length
        whole = lengths.steps + lengths.truncated_steps
        if not most or lengths.truncated_steps <= _CUT_TOO_MUCH * whole:
            continue
        share = percent(lengths.truncated_steps / whole)
        better = _gentle_limit(facts, name)
        if better:
            limit, rest = better
            goal = f"cut {percent(rest)} of the steps" if rest else "cut nothing"
            pieces = ", or keep all of it in pieces with too_long: split" if limit > _MUCH_LONGER * most else ""
            yield say(
                "raise max_length of {} from {:,} to {:,} to {} instead of {}{}",
                Name(name),
                most,
                limit,
                goal,
                share,
                pieces,
            )
        else:
            yield say("max_length {:,} cuts off {} of the steps of {}: raise it", most, share, Name(name))


def _gentle_limit(facts: Facts, name: str) -> tuple[int, float] | None:
    """Returns the least limit that cuts at most 0.1 % of the steps, and the share it cuts; None where nobody knows."""
    statistics = facts.statistics
    details = statistics.splits[TRAIN].sequences.get(name) if statistics and TRAIN in statistics.splits else None
    if details is None or not details.HasField("uncut_lengths"):
        return None
    lengths, counts = histogram(details.uncut_lengths)
    # Steps beyond a limit L are the sum of counts * (length - L) of the longer ones.
    longer = np.concatenate([np.cumsum((lengths * counts)[::-1])[::-1][1:], [0]])
    records = np.concatenate([np.cumsum(counts[::-1])[::-1][1:], [0]])
    total = int(np.dot(lengths, counts))
    beyond = longer - records * lengths
    place = int(np.argmax(beyond <= _CUT_LITTLE * total))
    return int(lengths[place]), float(beyond[place] / total)


def bucket_advice(facts: Facts, efficiency: Efficiency | None) -> Iterator[Sentence]:
    """Yields the number of buckets that would save at least 3 of 100 steps, each of them at least one.

    No more than have two batches of training records each, on average. Nothing where the spec asks for the fewest
    seconds instead, and nothing within the number up to which it has the knee chosen.
    """
    wanted = facts.manifest.spec.buckets
    if efficiency is None or wanted.HasField("seconds"):
        return
    now = max(len(facts.manifest.buckets), wanted.most)
    better = max(1, min(efficiency.worthwhile, training(facts.manifest).records // (2 * _BATCH)))
    gain = efficiency.by_count[better - 1] - efficiency.bucketed
    if better > now and gain >= _WORTH_CHANGING:
        yield say(
            "{} buckets would give a padding efficiency of {:.2f} instead of {:.2f}: of 100 steps computed, {} instead "
            "of {} would be data",
            better,
            efficiency.by_count[better - 1],
            efficiency.bucketed,
            of_100(efficiency.by_count[better - 1]),
            of_100(efficiency.bucketed),
        )


def small_bucket_advice(facts: Facts) -> Iterator[Sentence]:
    """Yields the buckets whose training records do not fill one batch, where 5 % of the records are in such buckets."""
    records = np.zeros(len(facts.manifest.buckets), np.int64)
    for shard in facts.manifest.shards:
        if shard.split == TRAIN:
            records[shard.bucket] += shard.records
    small = np.flatnonzero(records < _BATCH)
    if len(records) > 1 and len(small) and records[small].sum() >= _MANY_IN_SMALL * records.sum():
        yield say(
            "{} of {} buckets {} fewer than {} training records (bucket {}: {:,}), less than a batch: fewer buckets "
            "or more data would fill them",
            len(small),
            len(records),
            "holds" if len(small) == 1 else "hold",
            _BATCH,
            int(small[0]),
            int(records[small[0]]),
        )


def shard_advice(facts: Facts) -> Iterator[Sentence]:
    """Yields how many shards are tiny, where there are so many that opening them takes longer than reading."""
    shards: list[Shard] = list(facts.manifest.shards)
    tiny = [shard for shard in shards if shard.bytes < _TINY_SHARD]
    if len(shards) < _MANY_SHARDS or 2 * len(tiny) < len(shards):
        return
    groups = len({(shard.split, shard.bucket) for shard in shards})
    yield say(
        "{:,} of {} are smaller than 1 MB ({} on average): every split and bucket has its own, {:,} here; fewer "
        "buckets make larger ones",
        len(tiny),
        plural(len(shards), "shard"),
        size(sum(shard.bytes for shard in tiny) // len(tiny)),
        groups,
    )
