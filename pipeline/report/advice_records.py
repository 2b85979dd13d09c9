"""Advice about records: rejected ones, splits, classes."""

from collections.abc import Iterator

import numpy as np

from pipeline.report.facts import Facts, training
from pipeline.report.words import Excerpt, Name, Sentence, percent, plural, say
from schemas.spec import TRAIN, VALIDATION

_MANY_REJECTED = 0.01  # of the records read
_IMBALANCED = 20  # times as many records of the largest class as of the smallest
_MOST_NAMED = 5  # classes
_FEW_RECORDS = 30  # a share of so few is known to ± 18 points at best (95 %)


def rejected_advice(facts: Facts) -> Iterator[Sentence]:
    """Yields each reason that rejects at least 1 % of what was read, with its first example."""
    counts = facts.manifest.counts
    totals = [("record", counts.rejected, counts.read)]
    if counts.HasField("events"):
        totals.append(("event", counts.events.rejected, counts.events.read))
    for what, by_reason, read in totals:
        for reason, count in sorted(by_reason.items(), key=lambda item: (-item[1], item[0])):
            if count < _MANY_REJECTED * read:
                continue
            start = say("{} of {} ({}) rejected as {}", f"{count:,}", plural(read, what), percent(count / read), reason)
            example = facts.examples.get(reason, [])[:1]
            if example:
                yield say(
                    f"{start.pattern}: {{}} (first: {{}})",
                    *start.values,
                    Excerpt(example[0].rule),
                    Excerpt(example[0].place),
                )
            else:
                yield say(f"{start.pattern}: mend the records or the spec", *start.values)


def split_advice(facts: Facts) -> Iterator[Sentence]:
    """Yields splits that are absent, empty or too small to judge a model by."""
    statistics = facts.manifest.statistics
    if VALIDATION not in statistics or not statistics[VALIDATION].records:
        yield say("there are no validation records: nothing tells when training should stop; give that split a share")
    for name in facts.splits:
        records = statistics[name].records
        if name != TRAIN and 0 < records < _FEW_RECORDS:
            yield say("split {} has only {}: a score on so few says little", Name(name), plural(records, "record"))


def class_advice(facts: Facts) -> Iterator[Sentence]:
    """Yields that there is one class only, or that the largest has at least 20 times as many as the smallest."""
    counts = np.array(training(facts.manifest).classes, np.int64)
    names = facts.classes
    if not facts.has_classes or len(names) != len(counts):
        return
    if len(counts) == 1:
        yield say("the label has one class only, {}: there is nothing to learn; name another field", Name(names[0]))
        return
    present = np.flatnonzero(counts)
    if not len(present):
        return
    most, least = int(np.argmax(counts)), int(present[np.argmin(counts[present])])
    if counts[most] >= _IMBALANCED * counts[least]:
        yield say(
            "class {} has {:,} times as many training {} as {} ({:,} and {:,}), and {} of all: weigh the classes, "
            "gather more of the rare ones, and judge by macro-averaged scores",
            Name(names[most]),
            round(int(counts[most]) / int(counts[least])),
            "steps" if facts.counts_label_steps else "records",
            Name(names[least]),
            int(counts[most]),
            int(counts[least]),
            percent(float(counts[most] / counts.sum())),
        )


def missing_class_advice(facts: Facts) -> Iterator[Sentence]:
    """Yields classes of which a split other than training has nothing, and those that only such a split has."""
    if not facts.has_classes:
        return
    for split in facts.splits:
        counts = np.array(facts.manifest.statistics[split].classes, np.int64)
        if split == TRAIN or not counts.any() or len(counts) != len(facts.classes):
            continue
        absent = [facts.classes[i] for i in np.flatnonzero(counts == 0)]
        if absent:
            more = f" and {len(absent) - _MOST_NAMED:,} more" if len(absent) > _MOST_NAMED else ""
            fields = ", ".join("{}" for _ in absent[:_MOST_NAMED])
            yield say(
                f"split {{}} has nothing of {{}} ({fields}{{}}): a score there says nothing about them",
                Name(split),
                plural(len(absent), "class", "classes"),
                *map(Name, absent[:_MOST_NAMED]),
                more,
            )
    yield from _unknown_advice(facts)


def _unknown_advice(facts: Facts) -> Iterator[Sentence]:
    unknown = sum(statistics.unknown_labels for statistics in facts.manifest.statistics.values())
    if not unknown:
        return
    shown = (
        plural(unknown, "label of steps", "labels of steps") if facts.counts_label_steps else plural(unknown, "label")
    )
    verb, file = "is" if unknown == 1 else "are", facts.manifest.spec.label.classes_file
    if file:
        yield say(
            "{} {} of a class that {} does not have, and stored as -1: add the class there, or leave such records out",
            shown,
            verb,
            Name(file),
        )
    else:
        yield say(
            "{} outside the training split {} of a class that training never sees, and count as wrong: split so that "
            "every class is in training",
            shown,
            verb,
        )
