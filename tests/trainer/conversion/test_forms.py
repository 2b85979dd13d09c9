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
def form(
    request: pytest.FixtureRequest, models: dict[str, tuple[Any, Any]], tmp_path: Path
) -> tuple[Form, Any, Any]:
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


def padded(arrays: list[Any], kinds: tuple[str, ...], steps: int, seed: int) -> list[Any]:
    """Returns records with poison behind their steps."""
    draw = np.random.default_rng(seed)
    out = []
    for array, kind in zip(arrays, kinds, strict=True):
        if kind == "vector":
            out.append(array)
            continue
        more = (len(array), steps - array.shape[1], *array.shape[2:])
        poison = draw.integers(-5, 10**6, more) if kind == "ids" else draw.choice([1e6, -1e6, np.nan, np.inf], more)
        out.append(np.concatenate([array, poison.astype(array.dtype)], axis=1))
    return out


def lengths_of(kinds: tuple[str, ...], length: int) -> list[Any]:
    return [np.full(RECORDS, length) for kind in kinds if kind != "vector"]


def flat(outputs: Any) -> list[Any]:
    return [np.asarray(tensor) for tensor in keras.tree.flatten(outputs)]


def assert_same(padded_out: Any, alone: Any) -> None:
    """Real steps are equal, and padded ones zero."""
    for mine, theirs in zip(flat(padded_out), flat(alone), strict=True):
        real = mine[:, : theirs.shape[1]]
        np.testing.assert_allclose(real, theirs, rtol=TOLERANCE, atol=TOLERANCE)
        assert not mine[:, theirs.shape[1] :].any()


def test_full_length_input_gives_the_same(form: tuple[Form, Any, Any]) -> None:
    kinds = form[0].inputs
    full = drawn(kinds, RECORDS, STEPS, 1)
    assert_same(form[2]([*full, *lengths_of(kinds, STEPS)]), form[1](full if len(full) > 1 else full[0]))


def test_each_length_gives_what_the_record_gives_alone(form: tuple[Form, Any, Any]) -> None:
    described, fixed, variable = form
    for length in (described.least, 7, STEPS + 5):
        alone = described.build(length)
        alone.set_weights(fixed.get_weights())
        records = drawn(described.inputs, RECORDS, length, length)
        given = padded(records, described.inputs, STEPS + 6, length)
        out = variable([*given, *lengths_of(described.inputs, length)])
        assert_same(out, alone(records if len(records) > 1 else records[0]))


def test_a_record_without_a_step_gives_finite_numbers(form: tuple[Form, Any, Any]) -> None:
    kinds = form[0].inputs
    given = padded(drawn(kinds, RECORDS, 0, 1), kinds, 4, 1)
    for out in flat(form[2]([*given, *lengths_of(kinds, 0)])):
        assert np.isfinite(out).all()
