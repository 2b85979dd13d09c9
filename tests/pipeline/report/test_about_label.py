"""What is said of a label that follows from the sequence itself."""

import pytest

from pipeline.report.about_label import about_label, labels_by_split, next_step, next_step_advice
from pipeline.report.page import render
from pipeline.summary import describe, summarise
from tests.pipeline.report.facts import SPEC, make_facts, make_manifest
from tests.pipeline.report.html import Page

STATED = "label: {from: star, type: class}"


def spec(label: str) -> str:
    return SPEC.replace(STATED, f"label: {{type: next_step, {label}}}").replace("max_length: 100, ", "")


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("of: text", "the next token of 'text', after 1 step or more"),
        ("of: text, end: true, after: 2", "the next token of 'text', or its end, after 2 steps or more"),
        ("of: wave", "the next frame of 'wave', after 1 step or more"),
        ("of: wave, horizon: 3, after: 1000", "the next 3 frames of 'wave', after 1,000 steps or more"),
    ],
)
def test_what_is_next(label: str, expected: str) -> None:
    assert str(next_step(make_manifest(spec(label)))) == expected


def test_labels_that_records_state() -> None:
    facts = make_facts()
    assert (next_step(facts.manifest), about_label(facts), list(next_step_advice(facts))) == (None, [], [])
    assert "labels" not in describe(facts.manifest, "out")
    assert "label of a step" not in summarise(facts.manifest, "out", 1.0)


def test_at_the_end_of_a_run_and_on_the_page() -> None:
    manifest = make_manifest(spec("of: text, end: true, after: 3"))
    # Lengths 2, 5, 9, 30, 100: length 5 has predictions after 3, 4 and 5 steps.
    train = 60 * 3 + 40 * 7 + 8 * 28 + 2 * 98
    assert labels_by_split(manifest) == {"test": 0, "train": train, "validation": 20 * 7}
    assert describe(manifest, "out")["labels"] == {"test": 0, "train": train, "validation": 140}
    line = "label of a step: the next token of 'text', or its end, after 3 steps or more (labels: test 0, train 880, "
    assert f"\n{line}validation 140)\n" in summarise(manifest, "out", 1.0)
    page = Page(render(make_facts(manifest)))
    assert "Label" in page.headings
    assert "The label of a step is the next token of text , or its end, after 3 steps or more." in page.text


def test_numbers_of_frames_are_told_as_such() -> None:
    manifest = make_manifest(spec("of: wave, horizon: 2"))
    assert labels_by_split(manifest)["test"] == 30 * 1 * 3  # one frame behind the first of two, of 3 numbers
    assert "(numbers: test 90, train " in summarise(manifest, "out", 1.0)


def test_no_step_has_a_label() -> None:
    advice = [str(sentence) for sentence in next_step_advice(make_facts(make_manifest(spec("of: text, after: 100"))))]
    assert advice == [
        "no step of training has a label: the longest example has 100 steps of 'text', and label.after is 100; lower "
        "it, or give longer records"
    ]
    assert not list(next_step_advice(make_facts(make_manifest(spec("of: text, after: 99")))))
