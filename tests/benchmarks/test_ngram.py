"""The next token by the last few, with back-off, and how often that is right."""

import json
from pathlib import Path

import ngram
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.dataset_builder import build_dataset

SPEC = "id: id\nsequences: {t: {type: tokens}}\nlabel: {type: next_step, end: true}\n"


def test_contexts() -> None:
    assert ngram.contexts((4, 5, 6), 2) == [(6,), (5, 6)]
    assert ngram.contexts((6,), 2) == [(6,)]


def test_longer_contexts_move_the_prediction_as_far_as_they_are_counted() -> None:
    labels = [((3, 2), 0)] * 2 + [((4, 2), 1)] * 3
    counts = ngram.fit(labels, 2, 5)
    assert counts[2,].tolist() == [2, 3, 0, 0, 0]
    assert counts[3, 2].tolist() == [2, 0, 0, 0, 0]
    # After 2 alone: 2 / 6 and 3 / 6 with a back-off of 1. After 3 and 2: (2 + 1/3) / 3 against (0 + 1/2) / 3.
    assert ngram.predictions(counts, (3, 2), 2, 1.0, 5) == [1, 0]
    # With a back-off of 100, 2 / 105 and 3 / 105: (2 + 1.9) / 102 against (0 + 2.86) / 102.
    assert ngram.predictions(counts, (3, 2), 2, 100.0, 5) == [1, 0]
    assert ngram.predictions(counts, (9, 2), 2, 1.0, 5) == [1, 1]
    assert ngram.predictions(counts, (2,), 3, 1.0, 5) == [1, 1, 1]
    assert ngram.predictions(counts, (9,), 2, 1.0, 5) == [0, 0]


@given(st.lists(st.tuples(st.lists(st.integers(2, 4), min_size=1, max_size=6).map(tuple), st.integers(0, 4))))
def test_order_one_is_what_came_most_often(labels: list[tuple[ngram.Tokens, int]]) -> None:
    counts = ngram.fit(labels, 3, 5)
    for tokens, _ in labels:
        after = [label for others, label in labels if others[-1] == tokens[-1]]
        most = max(range(5), key=lambda label: (after.count(label), -label))
        assert ngram.predictions(counts, tokens, 3, 20.0, 5)[0] == most


def test_of_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What follows b depends on what stands before it."""
    train = [{"id": str(i), "t": list(text)} for i, text in enumerate(["abc", "abc", "dbe", "abc"])]
    build_dataset(tmp_path / "data", SPEC, {"train": train, "test": [{"id": "x", "t": list("dbe")}]}, [9])
    assert ngram.main([str(tmp_path / "data"), "--order", "2", "--backoff", "0.1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "train": {"labels": 12, "accuracies": [round(11 / 12, 4), 1.0]},
        "test": {"labels": 3, "accuracies": [round(2 / 3, 4), 1.0]},
    }


def test_the_beginning_counts_as_a_token(tmp_path: Path) -> None:
    """Behind a comes x where a is the first token, else y, which is more often so."""
    train = [{"id": str(i), "t": list(text)} for i, text in enumerate(["ax", "ax", "bay", "bay", "bay"])]
    build_dataset(tmp_path / "data", SPEC, {"train": train}, [9])
    found = ngram.evaluate(tmp_path / "data", 2, 1.0)
    assert found == {"train": {"labels": 13, "accuracies": [round(11 / 13, 4), 1.0]}}


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = "id: id\nsequences: {t: {type: tokens}}\nlabel: {type: class}\n"
    build_dataset(tmp_path / "data", spec, {"train": [{"id": "a", "t": ["x"], "label": "y"}]})
    assert ngram.main([str(tmp_path / "data")]) == 2
    assert capsys.readouterr().err.startswith("ngram: ")
    with pytest.raises(SystemExit, match="2"):
        ngram.main([str(tmp_path / "data"), "--order", "0"])
    assert "--order 0 --backoff 20: both must be more than 0" in capsys.readouterr().err
