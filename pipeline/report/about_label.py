"""What the label of each step is, where it follows from the sequence itself."""

from collections.abc import Iterator

from pipeline.report.blocks import Cell, Paragraph, Section, table
from pipeline.report.facts import Facts
from pipeline.report.words import Name, Sentence, plural, say
from schemas.manifest_pb2 import Manifest
from schemas.next_step import labelled_values_of
from schemas.spec import NEXT_STEP, TRAIN, series_sequences


def next_step(manifest: Manifest) -> Sentence | None:
    """Returns what a label of type next_step is; None where the label is another one, or there is none."""
    label = manifest.spec.label
    if label.type != NEXT_STEP:
        return None
    if label.of in series_sequences(manifest.spec):
        ahead = "frame" if label.horizon == 1 else f"{label.horizon:,} frames"
        what = say(f"the next {ahead} of {{}}", Name(label.of))
    else:
        end = ", or its end" if label.end else ""
        what = say(f"the next token of {{}}{end}", Name(label.of))
    return say(f"{what.pattern}, after {plural(label.after, 'step')} or more", *what.values)


def labels_by_split(manifest: Manifest) -> dict[str, int]:
    """Returns the labelled values of each split of a data set with a label of type next_step."""
    return {split: labelled_values_of(manifest, split) for split in sorted(manifest.statistics)}


def next_step_advice(facts: Facts) -> Iterator[Sentence]:
    """Yields that no step of the training examples has a label."""
    manifest = facts.manifest
    if (
        manifest.spec.label.type == NEXT_STEP
        and TRAIN in manifest.statistics
        and not labelled_values_of(manifest, TRAIN)
    ):
        longest = max(manifest.statistics[TRAIN].lengths[manifest.spec.label.of].lengths, default=0)
        yield say(
            "no step of training has a label: the longest example has {} of {}, and label.after is {:,}; lower it, or "
            "give longer records",
            plural(longest, "step"),
            Name(manifest.spec.label.of),
            manifest.spec.label.after,
        )


def about_label(facts: Facts) -> list[Section]:
    """Returns what the label of a step is and how many there are; nothing where records state their labels."""
    manifest, what = facts.manifest, next_step(facts.manifest)
    if what is None:
        return []
    of, counts = manifest.spec.label.of, labels_by_split(manifest)
    unit = "labels" if of not in series_sequences(manifest.spec) else "numbers to predict"
    rows: list[list[Cell]] = [
        [say("{}", Name(split)), f"{manifest.statistics[split].lengths[of].steps:,}", f"{counts[split]:,}"]
        for split in facts.splits
    ]
    text = say(f"The label of a step is {what.pattern}. Nothing is stored for it.", *what.values)
    return [Section("label", "Label", [Paragraph(text), table("Labels, by split", ["split", "steps", unit], rows)])]
