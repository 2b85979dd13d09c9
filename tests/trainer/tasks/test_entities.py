"""Entities against conlleval's own rules, tag by tag."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.tasks.entities import EntityTags, are_entity_tags, entity_counts

NAMES = ["B-per", "B-loc", "I-loc", "I-per", "O"]
TAGS = EntityTags(NAMES)
ROWS = st.lists(st.lists(st.tuples(*[st.integers(0, 4)] * 2), max_size=9), min_size=1, max_size=5)


def spans(tags: list[str]) -> set[tuple[int, int, str]]:
    """As conlleval.pl: startOfChunk and endOfChunk of B, I and O, type for type."""
    found, first = set(), -1
    previous, previous_type = "O", ""
    for i, name in enumerate([*tags, "O"]):
        tag, _, kind = name.partition("-")
        in_chunk = first >= 0
        ends = previous in "BI" and (tag in "BO" or kind != previous_type)
        if in_chunk and ends:
            found.add((first, i - 1, previous_type))
            first = -1
        if tag == "B" or (tag == "I" and (previous == "O" or kind != previous_type)):
            first = i
        previous, previous_type = tag, kind
    return found


@given(ROWS)
def test_as_conlleval_counts(rows: list[list[tuple[int, int]]]) -> None:
    width = max(1, *(len(row) for row in rows))
    predicted, label = (np.full((len(rows), width), TAGS.none) for _ in range(2))
    expected = np.zeros(3, int)
    for i, row in enumerate(rows):
        for j, (ours, theirs) in enumerate(row):
            predicted[i, j], label[i, j] = ours, theirs
        ours, theirs = (spans([NAMES[pair[k]] for pair in row]) for k in (0, 1))
        expected += [len(ours & theirs), len(ours), len(theirs)]
    assert entity_counts(TAGS, predicted, label).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("predicted", "label", "expected"),
    [
        ("B-per I-per O", "B-per I-per O", [1, 1, 1]),
        ("B-per I-per I-per", "B-per I-per O", [0, 1, 1]),  # ends one step later
        ("I-per I-per O", "B-per I-per O", [1, 1, 1]),  # an I without B begins one
        ("B-per I-loc O", "B-per I-per O", [0, 2, 1]),  # so does another type
        ("B-per B-per O", "B-per I-per O", [0, 2, 1]),
        ("O O O", "B-loc B-loc I-loc", [0, 0, 2]),
    ],
)
def test_strict_spans(predicted: str, label: str, expected: list[int]) -> None:
    ids = [np.array([[NAMES.index(tag) for tag in text.split()]]) for text in (predicted, label)]
    assert entity_counts(TAGS, *ids).tolist() == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["B-per", "I-per", "O"], True),
        (["B-a-b", "O"], True),
        (["NOUN", "O"], False),
        (["B-", "O"], False),
        (["O"], False),
        (["B-per", "o"], False),
        (["B-per", "E-per", "O"], False),
    ],
)
def test_which_classes_are_tags(names: list[str], expected: bool) -> None:
    assert are_entity_tags(names) is expected
