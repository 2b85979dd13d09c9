"""A place in training as a small text, read strictly."""

import json

import pytest

from schemas.errors import DataError
from trainer import Position
from trainer.batches.position import digest

PLACE = Position(3, 141, "d" * 64, "b" * 64)


def test_a_position_comes_back_from_its_text() -> None:
    assert Position.from_json(PLACE.to_json()) == PLACE


def test_the_text_is_short() -> None:
    assert len(Position(2**62, 2**62, "d" * 64, "b" * 64).to_json()) < 1024


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "[3, 141]", "7", "null", '{"epoch": 3}', PLACE.to_json()[:-1], '{"a": 1}', '"x"', "[" * 9999],
)
def test_a_text_that_is_none(text: str) -> None:
    with pytest.raises(DataError) as error:
        Position.from_json(text)
    assert str(error.value) == f"position: {text[:80]!r} is none; give what `Position.to_json` returned"


@pytest.mark.parametrize("name", ["epoch", "step"])
@pytest.mark.parametrize("value", [-1, 1.0, "1", True, None, [1]])
def test_counts_that_are_none(name: str, value: object) -> None:
    values = {**json.loads(PLACE.to_json()), name: value}
    with pytest.raises(DataError) as error:
        Position.from_json(json.dumps(values))
    expected = f"position: epoch {values['epoch']!r} and step {values['step']!r} must be counts from 0"
    assert str(error.value) == expected


@pytest.mark.parametrize("name", ["data", "batches"])
@pytest.mark.parametrize("value", [5, None, ["d"]])
def test_digests_that_are_none(name: str, value: object) -> None:
    text = json.dumps({**json.loads(PLACE.to_json()), name: value})
    with pytest.raises(DataError) as error:
        Position.from_json(text)
    assert str(error.value) == f"position: {text[:80]!r} is none; give what `Position.to_json` returned"


def test_a_digest_does_not_depend_on_the_order_of_names() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": [3]})
