"""Sections about records: what was read and kept, shards, inputs."""

from collections.abc import Mapping, Sequence

from pipeline.report.blocks import Bar, Block, Cell, Paragraph, Section, Table, Tiles, table
from pipeline.report.efficiency import Efficiency
from pipeline.report.facts import Facts
from pipeline.report.words import Excerpt, Name, Sentence, listed, number, of_100, percent, plural, say, size
from schemas.manifest_pb2 import Counts, EventCounts, Shard
from schemas.spec import TRAIN

_NOBODY = "–"


def opening(facts: Facts, efficiency: Efficiency | None) -> list[Block]:
    """Returns what stands at the top: the sentence for whoever reads one only, and the figures."""
    manifest = facts.manifest
    counts = manifest.counts
    lost = sum(counts.rejected.values()) + sum(counts.dropped.values())
    steps = sum(split.bucket_length.steps for split in manifest.statistics.values())
    tiles = [
        (number(counts.read), "records read"),
        (number(counts.kept), "kept"),
        (number(lost), "rejected or dropped"),
        (number(steps), "steps"),
        (number(len(manifest.buckets)), "length buckets"),
        (size(sum(shard.bytes for shard in manifest.shards)), f"in {plural(len(manifest.shards), 'shard')}"),
    ]
    blocks: list[Block] = []
    if efficiency:
        blocks.append(Paragraph(manager_sentence(efficiency, len(manifest.buckets))))
    return [*blocks, Tiles(tiles), *(Paragraph(say("Incomplete: {}.", Excerpt(text))) for text in facts.missing)]


def manager_sentence(efficiency: Efficiency, buckets: int) -> Sentence:
    """Returns padding in words that need no explanation."""
    if efficiency.longest == 1:
        return say("All training records are of one length: no step computed is padding.")
    return say(
        "Of 100 steps computed in training, {} are data in {}; {} would be in random batches, and {} if all records "
        "were padded to the longest.",
        of_100(efficiency.bucketed),
        "our one length bucket" if buckets == 1 else f"our {buckets:,} length buckets",
        of_100(efficiency.random),
        of_100(efficiency.longest),
    )


def about_records(facts: Facts) -> Section:
    """Returns what was read, kept, rejected and dropped, and why."""
    counts = facts.manifest.counts
    blocks: list[Block] = []
    if counts.HasField("events"):
        blocks.append(Paragraph(_balance("events", counts.events)))
        if counts.events.tied:
            blocks.append(
                Paragraph(
                    say(
                        "{} the order of another one of their record: file and position decide which comes first.",
                        f"{counts.events.tied:,} {'event has' if counts.events.tied == 1 else 'events have'}",
                    )
                )
            )
    blocks.append(Paragraph(_balance("records", counts)))
    if counts.examples != counts.kept:
        blocks.append(Paragraph(say("They are stored as {}.", plural(counts.examples, "example"))))
    blocks.append(_split_table(facts))
    if counts.HasField("events"):
        blocks += _rejected_tables("events", counts.events, facts)
    blocks += _rejected_tables("records", counts, facts)
    return Section("records", "What was read, and what became of it", blocks)


def _balance(what: str, counts: Counts | EventCounts) -> Sentence:
    rejected, dropped = sum(counts.rejected.values()), sum(counts.dropped.values())
    if not rejected and not dropped:
        if counts.read == 1:
            return say(f"The only {what.removesuffix('s')} that was read is kept.")
        return say(f"All of the {{:,}} {what} that were read are kept.", counts.read)
    return say(
        f"Of {{:,}} {what} that were read, {{:,}} are kept ({{}}), {{:,}} rejected ({{}}) and {{:,}} dropped ({{}}).",
        counts.read,
        counts.kept,
        percent(counts.kept / counts.read),
        rejected,
        percent(rejected / counts.read),
        dropped,
        percent(dropped / counts.read),
    )


def _split_table(facts: Facts) -> Table:
    total = facts.manifest.counts.examples
    rows: list[list[Cell]] = []
    for name in facts.splits:
        split = facts.manifest.statistics[name]
        share = split.records / max(1, total)
        rows.append([_name(name), f"{split.records:,}", Bar(share, percent(share)), f"{split.bucket_length.steps:,}"])
    return table("Splits", ["split", "records", "share", "steps"], rows)


def _rejected_tables(what: str, counts: Counts | EventCounts, facts: Facts) -> list[Block]:
    blocks: list[Block] = []
    if counts.rejected:
        reasons = _most_frequent(counts.rejected)
        rows: list[list[Cell]] = [
            [_name(reason), f"{count:,}", percent(count / counts.read)] for reason, count in reasons
        ]
        blocks.append(table(f"Rejected {what}, by reason", ["reason", what, "of those read"], rows))
        examples: list[list[Cell]] = [
            [_name(reason), _text(example.place), _text(example.rule), _text(example.excerpt)]
            for reason, _ in reasons
            for example in facts.examples.get(reason, [])
        ]
        if examples:
            columns = ["reason", "where", "rule", "received"]
            blocks.append(table("The first of each reason", columns, examples, texts=range(4)))
        paths = listed([file.path for file in facts.manifest.rejected_files])
        blocks.append(Paragraph(say("All of them are in {} in the folder of the data set.", Excerpt(paths))))
    if counts.dropped:
        dropped: list[list[Cell]] = [
            [_name(policy), f"{count:,}", percent(count / counts.read)]
            for policy, count in _most_frequent(counts.dropped)
        ]
        blocks.append(table(f"Dropped {what}, by the spec's policy", ["policy", what, "of those read"], dropped))
    return blocks


def _most_frequent(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def about_shards(facts: Facts) -> Section:
    """Returns how many shards there are, and how large."""
    manifest = facts.manifest
    shards: list[Shard] = sorted(manifest.shards, key=lambda shard: (shard.bytes, shard.path))
    blocks: list[Block] = [Paragraph(_shard_sentence(shards))]
    for split in facts.splits:
        rows = [
            _bucket_row(facts, bucket, [shard for shard in shards if (shard.split, shard.bucket) == (split, bucket)])
            for bucket in range(len(manifest.buckets))
        ]
        columns = ["bucket", "lengths", "records", "share", "steps", "shards", "smallest", "largest"]
        blocks.append(table(say("Split {}", Name(split)), columns, rows, texts=(0, 1), most=40))
    return Section("shards", "Shards", blocks)


def _shard_sentence(shards: Sequence[Shard]) -> Sentence:
    if not shards:
        return say("There are none.")
    if len(shards) == 1:
        return say("One shard of {}.", size(shards[0].bytes))
    return say(
        "{} of {} in all; the smallest has {}, the median one {}, the largest {}.",
        plural(len(shards), "shard"),
        size(sum(shard.bytes for shard in shards)),
        size(shards[0].bytes),
        size(shards[len(shards) // 2].bytes),
        size(shards[-1].bytes),
    )


def _bucket_row(facts: Facts, bucket: int, shards: Sequence[Shard]) -> list[Cell]:
    """Makes the row of a bucket; `shards` are those of one split, the smallest first."""
    bounds = facts.manifest.buckets[bucket]
    lengths = f"{bounds.min_length:,} and more"
    if bounds.HasField("max_length"):
        one = bounds.min_length == bounds.max_length
        lengths = f"{bounds.max_length:,}" if one else f"{bounds.min_length:,} to {bounds.max_length:,}"
    split = shards[0].split if shards else TRAIN
    records = sum(shard.records for shard in shards)
    share = records / max(1, facts.manifest.statistics[split].records)
    return [
        str(bucket),
        lengths,
        f"{records:,}",
        Bar(share, percent(share)),
        f"{sum(shard.steps for shard in shards):,}",
        f"{len(shards):,}",
        size(shards[0].bytes) if shards else _NOBODY,
        size(shards[-1].bytes) if shards else _NOBODY,
    ]


def about_inputs(facts: Facts) -> Section:
    """Returns the files that were read."""
    inputs = facts.manifest.inputs
    what = "events" if facts.manifest.counts.HasField("events") else "records"
    rows: list[list[Cell]] = [
        [
            _text(file.path),
            file.format,
            _name(file.split) if file.split else "by the spec",
            size(file.bytes),
            f"{file.records:,}",
        ]
        for file in inputs
    ]
    text = say("{} of {}.", plural(len(inputs), "file"), size(sum(file.bytes for file in inputs)))
    columns = ["file", "format", "split", "size", what]
    return Section("inputs", "Inputs", [Paragraph(text), table("Files", columns, rows, texts=(0, 1, 2))])


def _name(text: str) -> Sentence:
    return say("{}", Name(text))


def _text(text: str) -> Sentence:
    return say("{}", Excerpt(text))
