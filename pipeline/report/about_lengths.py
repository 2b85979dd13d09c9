"""Sections about lengths and about what padding costs."""

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.report import charts
from pipeline.report.blocks import Bar, Block, Cell, Paragraph, Plots, Section, Table, needs_statistics, table
from pipeline.report.efficiency import MOST_BUCKETS, RANDOM_BATCH, Efficiency
from pipeline.report.facts import Facts, histogram, training
from pipeline.report.plots import SERIES, Plot, label
from pipeline.report.words import Name, Sentence, number, of_100, percent, plural, say
from schemas.buckets import Int64s, upper_bounds
from schemas.dataset_pb2 import Buckets
from schemas.manifest_pb2 import LengthStatistics
from schemas.spec import TRAIN, leaders
from schemas.statistics_pb2 import LengthDetails

_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_MOST_DRAWN = 12  # sequences


def about_lengths(facts: Facts) -> Section:
    """Returns how long the records are: of training with the buckets, of each split, sequence and class."""
    train = training(facts.manifest)
    blocks: list[Block] = []
    blocks.append(Paragraph(_spread_sentence(train.bucket_length)))
    if _differ(train.bucket_length):
        blocks.append(Plots(_bucket_plots(facts)))
    blocks.append(_quantile_table(facts))
    names = sorted(leaders(facts.manifest.spec))  # the others are as long as these
    drawn = [name for name in names if _differ(train.lengths[name])] if len(names) > 1 else []
    if drawn:
        plots = [_sequence_plot(i, name, train.lengths[name]) for i, name in enumerate(drawn[:_MOST_DRAWN])]
        blocks.append(Plots(plots))
    blocks += [table for name in names for table in _cut_tables(facts, name)]
    if facts.statistics is None:
        blocks.append(needs_statistics("Lengths of each class and before they were cut"))
    elif facts.has_classes:
        blocks += [table for name in names for table in _class_tables(facts, name) if _differ(train.lengths[name])]
    return Section("lengths", "Lengths", blocks)


def _differ(lengths: LengthStatistics) -> bool:
    return len(lengths.lengths) > 1


def _spread_sentence(lengths: LengthStatistics) -> Sentence:
    values, counts = histogram(lengths)
    if not len(values):
        return say("There are no training records.")
    if len(values) < 2:
        return say("All training records have {}.", plural(int(values[0]), "step"))
    tail = " They are heavy-tailed: the axis is logarithmic." if charts.is_heavy_tailed(values, counts) else ""
    median, most = _quantiles(values, counts, (0.5, 0.99))
    return say(
        "Training records have {:,} to {:,} steps; half of them have at most {:,}, 99 % at most {:,}.{}",
        int(values[0]),
        int(values[-1]),
        median,
        most,
        tail,
    )


def _bucket_plots(facts: Facts) -> list[Plot]:
    values, counts = histogram(training(facts.manifest).bucket_length)
    bounds = [int(bound) for bound in upper_bounds(facts.manifest.buckets)]
    description = (
        f"Histogram of {plural(int(counts.sum()), 'training record')} of {values[0]:,} to {values[-1]:,} steps. "
        + (f"Buckets end at {', '.join(f'{bound:,}' for bound in bounds)} steps." if bounds else "There is one bucket.")
    )
    plots = [
        charts.length_histogram("lengths-buckets", "Training records and buckets", description, values, counts, bounds)
    ]
    splits = [
        (name, *histogram(facts.manifest.statistics[name].bucket_length))
        for name in facts.splits
        if facts.manifest.statistics[name].records
    ][: len(SERIES)]
    medians = "; ".join(
        f"{number(_quantiles(values, counts, (0.5,))[0])} in split {i}"
        for i, (_, values, counts) in enumerate(splits, 1)
    )
    title = "Share of the records that are at most so long"
    return [*plots, charts.running_shares("lengths-splits", title, f"Running shares; median steps: {medians}.", splits)]


def _sequence_plot(index: int, name: str, lengths: LengthStatistics) -> Plot:
    values, counts = histogram(lengths)
    description = (
        f"Histogram of {plural(int(counts.sum()), 'training record')} of {values[0]:,} to {values[-1]:,} steps."
    )
    title = f"Training records: {label(name, 32)}"
    return charts.length_histogram(f"lengths-{index}", title, description, values, counts)


def _quantiles(lengths: Int64s, counts: Int64s, shares: Sequence[float]) -> list[int]:
    """Returns the least length that at least each share of the records does not exceed."""
    running = np.cumsum(counts)
    wanted = np.ceil(np.array(shares) * running[-1] - 1e-9)
    return [int(value) for value in lengths[np.searchsorted(running, wanted)]]


def _quantile_table(facts: Facts) -> Table:
    rows: list[list[Cell]] = []
    names = sorted(facts.manifest.spec.sequences)
    for name in names:
        for split in facts.splits:
            lengths = facts.manifest.statistics[split].lengths
            if name in lengths and lengths[name].counts:
                rows.append([say("{}", Name(name)), say("{}", Name(split)), *_quantile_cells(lengths[name])])
    columns = ["sequence", "split", *_QUANTILE_COLUMNS]
    return table("Steps of a record", columns, rows, texts=(0, 1), most=60)


_QUANTILE_COLUMNS = ["records", "least", *(f"{100 * share:.0f} %" for share in _SHARES), "most", "mean"]


def _quantile_cells(lengths: LengthStatistics | LengthDetails) -> list[Cell]:
    values, counts = histogram(lengths)
    mean = float(np.dot(values, counts)) / float(counts.sum())
    cells = [counts.sum(), values[0], *_quantiles(values, counts, _SHARES), values[-1]]
    return [*(f"{int(cell):,}" for cell in cells), f"{mean:,.1f}"]


def _cut_tables(facts: Facts, name: str) -> list[Block]:
    """Returns what was cut off, where anything was."""
    rows: list[list[Cell]] = []
    for split in facts.splits:
        lengths = facts.manifest.statistics[split].lengths[name]
        whole = lengths.steps + lengths.truncated_steps
        if lengths.truncated_records:
            rows.append(
                [
                    say("{}", Name(split)),
                    f"{lengths.truncated_records:,}",
                    f"{lengths.truncated_steps:,}",
                    percent(lengths.truncated_steps / whole),
                    _longest_uncut(facts, split, name),
                ]
            )
    if not rows:
        return []
    columns = ["split", "records cut", "steps cut off", "of all steps", "longest before"]
    return [table(say("Cut off of {}", Name(name)), columns, rows)]


def _longest_uncut(facts: Facts, split: str, name: str) -> str:
    details = facts.statistics.splits[split].sequences if facts.statistics and split in facts.statistics.splits else {}
    return (
        f"{details[name].uncut_lengths.max:,}" if name in details and details[name].HasField("uncut_lengths") else "–"
    )


def _class_tables(facts: Facts, name: str) -> list[Block]:
    assert facts.statistics is not None
    if TRAIN not in facts.statistics.splits:
        return []
    split = facts.statistics.splits[TRAIN]
    by_class = split.sequences[name].by_class if name in split.sequences else []
    rows: list[list[Cell]] = [
        [say("{}", Name(each)), *_quantile_cells(lengths)]
        for each, lengths in zip(facts.classes, by_class, strict=False)
        if lengths.counts
    ]
    if not rows:
        return []
    return [
        table(
            say("Steps of {} of training records, by class", Name(name)), ["class", *_QUANTILE_COLUMNS], rows, most=12
        )
    ]


def about_padding(facts: Facts, efficiency: Efficiency | None) -> Section:
    """Returns what padding costs, and what other numbers of buckets would."""
    title = "What padding costs"
    if efficiency is None:
        return Section("padding", title, [Paragraph("No record of training has a step, so that nothing is padded.")])
    if efficiency.longest == 1:
        return Section(
            "padding", title, [Paragraph("All training records are of one length, so that nothing is padded.")]
        )
    now = len(facts.manifest.buckets)
    explained = (
        "A batch is a rectangle: every record in it is padded to the longest one, and the padding is computed for "
        "nothing. Padding efficiency is the share of real steps among those computed."
    )
    bars = [
        ("padded to the longest of all", efficiency.longest),
        (f"random batches of {RANDOM_BATCH}", efficiency.random),
        (f"our {plural(now, 'bucket')}", efficiency.bucketed),
    ]
    bars = [(f"{name}: {of_100(share)}", share) for name, share in bars]
    words = "; ".join(name for name, _ in bars)
    plots = [
        charts.shares_of_100("padding-ways", "Data among 100 steps computed", f"Of 100 steps are data: {words}.", bars),
        _curve(efficiency, now),
    ]
    knee = (
        "The knee of the curve, {}, is where it lies highest above the straight line from its first to its last point, "
        "both scaled to run from 0 to 1 (Satopää, Albrecht, Irwin and Raghavan, Finding a “Kneedle” in a Haystack, "
        "2011): up to there more buckets save much, beyond it little. One bucket more saves at least 1 step of 100 up "
        "to {}."
    )
    return Section(
        "padding",
        title,
        [
            Paragraph(explained),
            Plots(plots),
            *(Paragraph(sentence) for sentence in _wanted(facts.manifest.spec.buckets, now)),
            Paragraph(say(knee, plural(efficiency.knee, "bucket"), plural(efficiency.worthwhile, "bucket"))),
            _count_table(efficiency, now),
        ],
    )


def _wanted(wanted: Buckets, now: int) -> Iterator[Sentence]:
    """Yields what the spec asks of the buckets, where that is not a number of them that pad the least."""
    if wanted.HasField("most"):
        what = "predicted records per second" if wanted.HasField("seconds") else "padding efficiency"
        rule = f"The spec has the number of buckets chosen, up to {{:,}}: {{:,}} are at the knee of the {what}."
        yield say(rule, wanted.most, now)
    if wanted.HasField("seconds"):
        yield say(
            "The spec asks for the fewest predicted seconds of training, not for the least padding: buckets of the "
            "same number that pad less, as the curve has them, take as long or longer by its prediction."
        )


def _curve(efficiency: Efficiency, now: int) -> Plot:
    values = efficiency.by_count
    description = (
        f"The share of data rises from {percent(values[0])} in one bucket to {percent(values[-1])} in {MOST_BUCKETS}; "
        f"now {percent(efficiency.bucketed)} in {now:,}; the knee is at {efficiency.knee:,}, with "
        f"{percent(values[efficiency.knee - 1])}."
    )
    title = "Padding efficiency by number of buckets"
    return charts.efficiency_curve(
        "padding-curve", title, description, values, now, efficiency.bucketed, efficiency.knee
    )


def _count_table(efficiency: Efficiency, now: int) -> Table:
    """Shows the counts that people choose from, ours and those at the knee."""
    counts = sorted({1, 2, 4, 8, 12, 16, 24, 32, efficiency.knee, efficiency.worthwhile, min(now, MOST_BUCKETS)})
    notes = {efficiency.worthwhile: "worthwhile", efficiency.knee: "knee", now: "now"}
    rows: list[list[Cell]] = [
        [
            str(count),
            Bar(efficiency.by_count[count - 1], f"{efficiency.by_count[count - 1]:.3f}"),
            notes.get(count, ""),
        ]
        for count in counts
    ]
    return table(
        "Best boundaries for each number of buckets", ["buckets", "padding efficiency", ""], rows, texts=(0, 2)
    )
