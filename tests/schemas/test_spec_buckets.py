"""What a spec says about its buckets: defaults, and what is refused."""

from typing import Any

import pytest
import yaml

from schemas.errors import DataError
from schemas.messages import to_plain
from schemas.spec import parse_spec, resolve

SECONDS = {"batch": 0.003, "step": 0.0004, "padded_step": 2.0e-7}


def parsed(buckets: dict[str, Any]) -> Any:
    spec = parse_spec(yaml.safe_dump({"sequences": {"t": {"type": "tokens"}}, "buckets": buckets}))
    assert resolve(spec) == spec, "a resolved spec resolves to itself"
    return to_plain(spec)["buckets"]


def error(buckets: dict[str, Any]) -> str:
    with pytest.raises(DataError) as raised:
        parsed(buckets)
    return str(raised.value)


def test_nothing_that_is_not_said_but_the_count_is_filled_in() -> None:
    """A fingerprint covers the resolved spec, so that any other default would change those of old data sets."""
    assert parsed({}) == {"count": 8}
    assert parsed({"by": "t", "count": 3}) == {"by": "t", "count": 3}
    assert parsed({"most": 32}) == {"most": 32}


def test_seconds_have_the_batches_of_the_trainer() -> None:
    assert parsed({"seconds": SECONDS}) == {
        "count": 8,
        "seconds": {**SECONDS, "padded_steps": 16_384, "examples": 512},
    }
    whole = {**SECONDS, "padded_steps": 1, "examples": 1}
    assert parsed({"most": 1000, "seconds": whole}) == {"most": 1000, "seconds": whole}


def test_a_coefficient_may_be_0_if_another_is_not() -> None:
    seconds = {"batch": 0, "step": 5e-324, "padded_step": 0.0, "padded_steps": 7, "examples": 3}
    assert parsed({"seconds": seconds})["seconds"] == seconds


@pytest.mark.parametrize(
    ("buckets", "text"),
    [
        ({"most": 0}, "buckets.most: 0 is out of range; it must lie in [1, 1000]"),
        ({"most": 1001}, "buckets.most: 1001 is out of range; it must lie in [1, 1000]"),
        ({"most": 2.5}, "buckets.most: expected a whole number; received 2.5 (float)"),
        (
            {"most": 8, "count": 8},
            "buckets.most: contradicts buckets.count; keep `count` for exactly so many buckets, or `most` to have "
            "their number chosen",
        ),
        (
            {"seconds": {"step": 1, "padded_step": 1}},
            "buckets.seconds.batch: is missing; say the seconds that a batch takes whatever it holds, 0 for none",
        ),
        (
            {"seconds": {"batch": 1, "padded_step": 1}},
            "buckets.seconds.step: is missing; say the seconds that a batch takes for each step of its longest "
            "example, 0 for none",
        ),
        (
            {"seconds": {"batch": 1, "step": 1}},
            "buckets.seconds.padded_step: is missing; say the seconds that a padded step takes, 0 for none",
        ),
        (
            {"seconds": {**SECONDS, "step": -0.1}},
            "buckets.seconds.step: -0.1 is no number of seconds; it must be finite, and 0 or more",
        ),
        (
            {"seconds": {**SECONDS, "batch": float("nan")}},
            "buckets.seconds.batch: nan (float) is out of range; it must be finite as a 64-bit float",
        ),
        (
            {"seconds": {**SECONDS, "batch": float("inf")}},
            "buckets.seconds.batch: inf (float) is out of range; it must be finite as a 64-bit float",
        ),
        (
            {"seconds": {"batch": 0, "step": -0.0, "padded_step": 0}},
            "buckets.seconds: batch, step, padded_step are all 0, by which all buckets cost the same; give at least "
            "one that is greater, or remove `seconds` to count padded steps",
        ),
        (
            {"seconds": {**SECONDS, "padded_steps": 0}},
            "buckets.seconds.padded_steps: 0 is out of range; it must be 1 or more",
        ),
        (
            {"seconds": {**SECONDS, "examples": -1}},
            "buckets.seconds.examples: -1 is out of range; it must be 1 or more",
        ),
        ({"seconds": {"bach": 1}}, "buckets.seconds.bach: no such field; did you mean 'batch'?"),
        ({"seconds": 3}, "buckets.seconds: expected named fields; received 3 (int)"),
    ],
)
def test_what_is_refused(buckets: dict[str, Any], text: str) -> None:
    assert error(buckets) == text


def test_no_number_is_refused_in_a_message_too() -> None:
    """A spec that is made in Python passes no reader of YAML, which knows that NaN is none."""
    spec = parse_spec("sequences: {t: {type: tokens}}\nbuckets: {seconds: {batch: 1, step: 1, padded_step: 1}}")
    spec.buckets.seconds.step = float("nan")
    with pytest.raises(DataError) as raised:
        resolve(spec)
    assert str(raised.value) == "buckets.seconds.step: nan is no number of seconds; it must be finite, and 0 or more"
