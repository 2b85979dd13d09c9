"""Classes by which tokens a record has, and how often that is right."""

import json
import math
from pathlib import Path

import naive_bayes
import numpy as np
import pytest

from tests.trainer.dataset_builder import build_dataset

SPEC = "id: id\nsequences: {t: {type: tokens}}\nlabel: {type: class}\n"


def records(tokens: list[list[int]], labels: list[int]) -> naive_bayes.Records:
    flat = np.array([token for record in tokens for token in record], np.int64)
    return naive_bayes.Records(flat, np.array([len(record) for record in tokens], np.int64), np.array(labels, np.int64))


def test_probabilities_by_hand() -> None:
    model = naive_bayes.fit(records([[0, 0, 1], [1], [2]], [0, 1, 1]), ids=3, classes=2)
    # Class 0 has token 0 twice and token 1 once; class 1 tokens 1 and 2 once. One is added to each.
    np.testing.assert_allclose(np.exp(model.tokens), [[3 / 6, 1 / 5], [2 / 6, 2 / 5], [1 / 6, 2 / 5]])
    np.testing.assert_allclose(np.exp(model.classes), [1 / 3, 2 / 3])
    smoother = naive_bayes.fit(records([[0, 0, 1], [1], [2]], [0, 1, 1]), ids=3, classes=2, smoothing=0.5)
    assert smoother.tokens[0, 0] == pytest.approx(math.log(2.5 / 4.5))


def test_predictions_are_the_best_sum_over_each_record() -> None:
    draw = np.random.default_rng(3)
    tokens = [draw.integers(0, 9, size).tolist() for size in (4, 0, 7, 1, 12, 0)]
    model = naive_bayes.fit(records(tokens, [0, 1, 2, 0, 1, 2]), ids=9, classes=3)
    expected = [int((model.classes + sum(model.tokens[t] for t in record)).argmax()) for record in tokens]
    assert model.predict(records(tokens, [0] * 6)).tolist() == expected


def test_accuracy() -> None:
    model = naive_bayes.fit(records([[0], [1]], [0, 1]), ids=2, classes=2)
    # -1 is a class that training does not have: never right.
    assert naive_bayes.accuracy(model, records([[0], [1], [1, 0, 1], [0]], [0, 1, 1, -1])) == 3 / 4
    assert naive_bayes.accuracy(model, records([], [])) is None


def test_of_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = [{"id": str(i), "t": text.split(), "label": text[0]} for i, text in enumerate(["a b b", "a c", "z c d"])]
    test = [{"id": "x", "t": ["b", "b"], "label": "a"}, {"id": "y", "t": ["d", "d", "new"], "label": "a"}]
    build_dataset(tmp_path / "data", SPEC, {"train": train, "test": test}, [2, 9])
    assert naive_bayes.main([str(tmp_path / "data")]) == 0
    expected = {"train": {"records": 3, "accuracy": 1.0}, "test": {"records": 2, "accuracy": 0.5}}
    assert json.loads(capsys.readouterr().out) == expected


def test_what_it_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, data = SPEC.replace("class", "number"), tmp_path / "data"
    build_dataset(data, spec, {"train": [{"id": "a", "t": ["x"], "label": 1}]})
    assert naive_bayes.main([str(data)]) == 2
    assert capsys.readouterr().err == f"naive_bayes: {data}: its label is no class; say label: {{type: class}}\n"
    build_dataset(tmp_path / "b", SPEC, {"train": [{"id": "a", "t": ["x"], "label": "y"}]})
    assert naive_bayes.main([str(tmp_path / "b"), "--sequence", "u"]) == 2
    expected = f"naive_bayes: {tmp_path / 'b'}: --sequence u; name one of its token sequences: t\n"
    assert capsys.readouterr().err == expected
    assert naive_bayes.main([str(data), "--smoothing", "0"]) == 2
    assert capsys.readouterr().err == "naive_bayes: --smoothing 0.0: must be more than 0; 1 is Laplace's\n"
