"""What follows the last token most often, and how often that is right."""

import json
from pathlib import Path

import bigram
import numpy as np
import pytest

from tests.trainer.dataset_builder import build_dataset

SPEC = "id: id\nsequences: {t: {type: tokens}}\nlabel: {type: next_step, end: true, after: 2}\n"


def test_most_frequent_followers() -> None:
    pairs = [(np.array([2, 2, 3]), np.array([3, 3, 0])), (np.array([2, 3]), np.array([2, 2]))]
    counts = bigram.follower_counts(pairs, 5)
    assert counts[2].tolist() == [0, 0, 1, 2, 0]
    assert counts[3].tolist() == [1, 0, 1, 0, 0]
    # After 3 both came once; 4 was never seen, and 2 and 3 came most often, twice each.
    assert bigram.most_frequent_followers(counts).tolist() == [2, 2, 3, 0, 2]
    assert bigram.accuracy(counts, bigram.most_frequent_followers(counts)) == 3 / 5
    assert bigram.accuracy(np.zeros((2, 2), np.int64), np.zeros(2, np.int64)) is None


def test_of_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After two tokens: b is followed by a twice and by the end once, a always by the end."""
    train = [{"id": str(i), "t": list(text)} for i, text in enumerate(["aba", "bba", "ab"])]
    test = [{"id": "x", "t": list("aab")}, {"id": "y", "t": ["b"]}, {"id": "z", "t": ["a", "new"]}]
    build_dataset(tmp_path / "data", SPEC, {"train": train, "test": test}, [9])
    assert bigram.main([str(tmp_path / "data")]) == 0
    found = json.loads(capsys.readouterr().out)
    # train: b-a, a-end, b-a, a-end right, b-end wrong. test: a-b, b-end wrong; what follows most often of all, the end,
    # is right after a token that training does not have.
    assert found == {"train": {"labels": 5, "accuracy": 0.8}, "test": {"labels": 3, "accuracy": 1 / 3}}


def test_another_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = "id: id\nsequences: {t: {type: tokens}}\nlabel: {type: class}\n"
    build_dataset(tmp_path / "data", spec, {"train": [{"id": "a", "t": ["x"], "label": "y"}]})
    assert bigram.main([str(tmp_path / "data")]) == 2
    expected = (
        f"bigram: {tmp_path / 'data'}: its label is not the next token of a sequence; say label: {{type: next_step}}\n"
    )
    assert capsys.readouterr().err == expected
