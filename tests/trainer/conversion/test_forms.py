"""Every model form of the tutorials, converted: what it says is what the fixed model says of each record alone."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.trainer.conversion.forms import FORMS, STEPS, Form, drawn
from trainer.conversion.convert import convert
from trainer.keras_file import load_keras_file

RECORDS = 3
TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def models() -> dict[str, tuple[Any, Any]]:
    """Fixed and converted models, by form, each made when it is first asked for."""
    return {}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest, models: dict[str, tuple[Any, Any]], tmp_path: Path) -> tuple[Form, Any, Any]:
    """A form, its fixed model, and the converted one, both read from files."""
    if request.param not in models:
        fixed = FORMS[request.param].build(STEPS)
        shaken(fixed)
        fixed.save(tmp_path / "fixed.keras")
        convert(tmp_path / "fixed.keras").save(tmp_path / "variable.keras")
        models[request.param] = fixed, load_keras_file(tmp_path / "variable.keras", "")
    return FORMS[request.param], *models[request.param]


def shaken(model: Any) -> None:
    """Gives each weight another number: biases of zero would hide what they do to padded steps."""
    draw = np.random.default_rng(5)
    model.set_weights([weight + 0.2 * draw.random(weight.shape).astype("float32") for weight in model.get_weights()])


def padded(records: list[list[Any]], kinds: tuple[str, ...], steps: int, seed: int) -> list[Any]:
    """Returns one batch of records of several lengths, each (1, length, ...) per input, with poison behind them."""
    draw = np.random.default_rng(seed)
    return [
        np.concatenate([_poisoned(record[number], kind, steps, draw) for record in records])
        for number, kind in enumerate(kinds)
    ]


def _poisoned(array: Any, kind: str, steps: int, draw: np.random.Generator) -> Any:
    if kind == "vector":
        return array
    more = (len(array), steps - array.shape[1], *array.shape[2:])
    poison = draw.integers(-5, 10**6, more) if kind == "ids" else draw.choice([1e6, -1e6, np.nan, np.inf], more)
    return np.concatenate([array, poison.astype(array.dtype)], axis=1)


def lengths_of(kinds: tuple[str, ...], lengths: list[int]) -> list[Any]:
    return [np.array(lengths) for kind in kinds if kind != "vector"]


def flat(outputs: Any) -> list[Any]:
    return [np.asarray(tensor) for tensor in keras.tree.flatten(outputs)]


def assert_same(padded_out: Any, record: int, alone: Any) -> None:
    """Real steps of a record of a batch are those of the record alone, and padded ones zero."""
    for mine, theirs in zip(flat(padded_out), flat(alone), strict=True):
        steps = theirs.shape[1]
        np.testing.assert_allclose(mine[record, :steps], theirs[0], rtol=TOLERANCE, atol=TOLERANCE)
        assert not mine[record, steps:].any()


def one(records: list[Any]) -> Any:
    return records if len(records) > 1 else records[0]


def test_full_length_input_gives_the_same(form: tuple[Form, Any, Any]) -> None:
    kinds = form[0].inputs
    full = drawn(kinds, RECORDS, STEPS, 1)
    out = flat(form[2]([*full, *lengths_of(kinds, [STEPS] * RECORDS)]))
    for mine, theirs in zip(out, flat(form[1](one(full))), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=TOLERANCE, atol=TOLERANCE)


def test_each_record_gives_what_it_gives_alone(form: tuple[Form, Any, Any]) -> None:
    described, fixed, variable = form
    lengths = [STEPS + 3, described.least, 5]
    records = [drawn(described.inputs, 1, length, length) for length in lengths]
    given = padded(records, described.inputs, STEPS + 4, 1)
    out = variable([*given, *lengths_of(described.inputs, lengths)])
    for number, length in enumerate(lengths):
        alone = described.build(length)
        alone.set_weights(fixed.get_weights())
        assert_same(out, number, alone(one(records[number])))


def test_a_record_without_a_step_gives_finite_numbers(form: tuple[Form, Any, Any]) -> None:
    kinds = form[0].inputs
    given = padded([drawn(kinds, 1, 0, 1)], kinds, 4, 1)
    for out in flat(form[2]([*given, *lengths_of(kinds, [0])])):
        assert np.isfinite(out).all()
