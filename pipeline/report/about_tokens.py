"""Sections about tokens and classes: what vocabularies cover, and how classes are spread."""

from collections.abc import Sequence

from pipeline.report import charts
from pipeline.report.blocks import (
    MOST_ROWS,
    Bar,
    Block,
    Cell,
    Paragraph,
    Plots,
    Section,
    Table,
    needs_statistics,
    table,
)
from pipeline.report.facts import Facts, training
from pipeline.report.plots import SERIES, Plot, label
from pipeline.report.words import Name, Sentence, percent, plural, say
from pipeline.vocabulary.summary import coverage
from schemas.dataset_pb2 import CountBy
from schemas.manifest_pb2 import Vocabulary
from schemas.spec import token_sequences, vocabulary_options, vocabulary_owner
from schemas.statistics_pb2 import TokenStatistics

_MOST_TOKENS = 20
_COVERED = (0.5, 0.9, 0.95, 0.99, 0.999)


def about_vocabularies(facts: Facts) -> list[Section]:
    """Returns what the vocabularies hold and leave out; nothing where there are none."""
    manifest = facts.manifest
    blocks: list[Block] = []
    if facts.statistics is None:
        blocks.append(needs_statistics("The most frequent tokens and the curve of what they cover"))
    for index, (name, vocabulary) in enumerate(sorted(manifest.vocabularies.items())):
        blocks.append(Paragraph(_vocabulary_sentence(facts, name, vocabulary)))
        blocks += _oov_tables(facts, name)
        if facts.statistics is not None and name in facts.statistics.tokens:
            blocks += _token_blocks(index, name, facts.statistics.tokens[name])
    return [Section("vocabularies", "Vocabularies", blocks)] if manifest.vocabularies else []


def _vocabulary_sentence(facts: Facts, name: str, vocabulary: Vocabulary) -> Sentence:
    span = facts.manifest.span
    if span.base:
        rule = (
            "{}: {}, first those of the span {} and then new ones." if span.extends else "{}: {}, those of the span {}."
        )
        return say(rule, Name(name), plural(vocabulary.size, "entry", "entries"), Name(span.base))
    if not vocabulary.tokens:
        return say("{}: {}; nothing was counted.", Name(name), plural(vocabulary.size, "entry", "entries"))
    spec = facts.manifest.spec
    by_records = vocabulary_options(spec, vocabulary_owner(spec, name)).count_by == CountBy.documents
    least, error = "", ""
    if vocabulary.count_error:
        least, error = "at least ", f" Counted approximately: at most {vocabulary.count_error:,} too low each."
    return say(
        "{}: {}, covering {}{} of the {} of training{}. It has {}{}.{}",
        Name(name),
        plural(vocabulary.size, "entry", "entries"),
        least,
        percent(coverage(vocabulary)),
        plural(vocabulary.tokens, "token"),
        ", each counted once a record" if by_records else "",
        least,
        plural(vocabulary.distinct, "different token"),
        error,
    )


def _oov_tables(facts: Facts, name: str) -> list[Table]:
    """Returns the table of what is out of vocabulary in each split: steps, or records of a category."""
    rows: list[list[Cell]] = []
    is_sequence = name in token_sequences(facts.manifest.spec)
    for split in facts.splits:
        counted = _oov_of_sequence(facts, split, name) if is_sequence else _oov_of_category(facts, split, name)
        if counted is not None:
            oov, count = counted
            rate = percent(oov / count) if count else "–"
            rows.append([say("{}", Name(split)), f"{count:,}", f"{oov:,}", rate])
    columns = ["split", "steps" if is_sequence else "records", "out of vocabulary", "share"]
    return [table(say("Out of vocabulary of {}", Name(name)), columns, rows)] if rows else []


def _oov_of_sequence(facts: Facts, split: str, name: str) -> tuple[int, int] | None:
    lengths = facts.manifest.statistics[split].lengths
    return (lengths[name].oov_steps, lengths[name].steps) if name in lengths else None


def _oov_of_category(facts: Facts, split: str, name: str) -> tuple[int, int] | None:
    if facts.statistics is None or split not in facts.statistics.splits:
        return None
    categories = facts.statistics.splits[split].categories
    return (categories[name].oov, categories[name].count) if name in categories else None


def _token_blocks(index: int, name: str, tokens: TokenStatistics) -> list[Block]:
    blocks: list[Block] = []
    ranks, shares = [point.rank for point in tokens.curve], [point.share for point in tokens.curve]
    if len(ranks) > 1:
        description = (
            f"The most frequent token covers {percent(shares[0])} of the occurrences in training, "
            f"all {ranks[-1]:,} cover {percent(shares[-1])}. {_ranks_in_words(ranks, shares)}"
        )
        title = f"What the most frequent tokens of {label(name, 32)} cover"
        blocks.append(Plots([charts.coverage_curve(f"vocabulary-{index}", title, description, ranks, shares)]))
        blocks.append(Paragraph(_ranks_in_words(ranks, shares)))
    if tokens.top:
        blocks.append(_top_table(name, tokens))
    return blocks


def _ranks_in_words(ranks: Sequence[int], shares: Sequence[float]) -> str:
    """Returns how many tokens are enough for which share; of the ranks that the curve has."""
    found = []
    for wanted in _COVERED:
        if shares[0] < wanted <= shares[-1]:
            place = next(i for i, share in enumerate(shares) if share >= wanted)
            found.append(f"{ranks[place]:,} for {percent(wanted)}")
    return f"So many of the most frequent are enough: {', '.join(found)}." if found else ""


def _top_table(name: str, tokens: TokenStatistics) -> Table:
    most = max(1, tokens.top[0].count)
    # The entry of a vocabulary that was taken from another span tells how many tokens there were in that one.
    total = max(1, round(most / tokens.curve[0].share)) if tokens.curve and tokens.curve[0].share else most
    rows: list[list[Cell]] = [
        [say("{}", Name(item.token)), Bar(item.count / most, f"{item.count:,}"), percent(item.count / total)]
        for item in tokens.top[:_MOST_TOKENS]
    ]
    return table(say("Most frequent tokens of {}", Name(name)), ["token", "count", "of all"], rows)


def about_classes(facts: Facts) -> list[Section]:
    """Returns how many records or steps each class has; nothing where the label is no class."""
    if not facts.has_classes:
        return []
    manifest = facts.manifest
    unit = "steps" if facts.counts_label_steps else "records"
    splits = [name for name in facts.splits if any(manifest.statistics[name].classes)]
    names = facts.classes or tuple(f"class {i}" for i in range(manifest.classes.size))
    if not splits or len(names) != len(manifest.statistics[splits[0]].classes):
        return [Section("classes", "Classes", [Paragraph("No record has a class.")])]
    blocks: list[Block] = [Paragraph(f"{plural(len(names), 'class', 'classes')}, counted in {unit}.")]
    first = training(manifest).classes or manifest.statistics[splits[0]].classes
    order = sorted(range(len(names)), key=lambda i: (-first[i], i))
    blocks.append(Plots([_class_plot(facts, order, names, splits, unit)]))
    blocks.append(_class_table(facts, order, names, splits))
    unknown = {name: manifest.statistics[name].unknown_labels for name in facts.splits}
    if any(unknown.values()):
        shown = ", ".join(f"{name} {count:,}" for name, count in unknown.items() if count)
        file = manifest.spec.label.classes_file
        known = Name(file or manifest.span.base) if file or manifest.span.base else "training"
        blocks.append(Paragraph(say("Of classes that {} does not have, stored as -1: {}.", known, shown)))
    return [Section("classes", "Classes", blocks)]


def _class_plot(facts: Facts, order: Sequence[int], names: Sequence[str], splits: Sequence[str], unit: str) -> Plot:
    shown, rest = order[:MOST_ROWS], order[MOST_ROWS:]
    labels = [names[i] for i in shown] + ([f"{len(rest):,} others"] if rest else [])
    groups = []
    for split in splits[: len(SERIES)]:
        counts = facts.manifest.statistics[split].classes
        total = sum(counts)
        shares = [counts[i] / total for i in shown] + ([sum(counts[i] for i in rest) / total] if rest else [])
        groups.append((split, shares))
    first = groups[0][1]
    title = f"Classes, by share of the {unit}" + (f": the first {MOST_ROWS} and the rest" if rest else "")
    description = (
        f"Bars of {plural(len(names), 'class', 'classes')} in {plural(len(groups), 'split')}; in split {splits[0]} the "
        f"largest has {percent(max(first[: len(shown)]))}, the smallest shown {percent(min(first[: len(shown)]))}."
    )
    return charts.class_bars("classes-shares", title, description, labels, groups, unit)


def _class_table(facts: Facts, order: Sequence[int], names: Sequence[str], splits: Sequence[str]) -> Table:
    statistics = facts.manifest.statistics
    rows: list[list[Cell]] = [
        [say("{}", Name(names[i])), str(i), *(f"{statistics[split].classes[i]:,}" for split in splits)] for i in order
    ]
    return table("Classes and their ids", ["class", "id", *splits], rows)
