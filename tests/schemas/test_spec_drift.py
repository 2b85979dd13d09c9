"""What a spec says about drift: limits, their defaults, and what is refused."""

from typing import Any

import pytest
import yaml

from schemas.errors import DataError
from schemas.messages import to_plain
from schemas.spec import parse_spec, resolve
from schemas.spec_drift import DEFAULT_WARN, Limits, drift_limits

SEQUENCES = {"sequences": {"t": {"type": "tokens"}}}


def parsed(drift: Any) -> Any:
    spec = parse_spec(yaml.safe_dump({**SEQUENCES, "drift": drift}))
    assert resolve(spec) == spec, "a resolved spec resolves to itself"
    return to_plain(spec)["drift"]


def test_nothing_is_filled_in_that_is_not_said() -> None:
    """A fingerprint covers the resolved spec: data sets without spans keep theirs."""
    spec = parse_spec(yaml.safe_dump(SEQUENCES))
    assert "drift" not in to_plain(spec)
    assert drift_limits(spec) == {name: Limits(limit, 0) for name, limit in DEFAULT_WARN.items()}


def test_limits_of_warn_that_are_not_said_are_the_defaults() -> None:
    assert parsed({}) == {"warn": DEFAULT_WARN}
    found = parsed({"warn": {"mean_shift": 2}, "fail": {"mean_shift": 7.5, "oov_rate_change": 1}})
    expected = {**DEFAULT_WARN, "mean_shift": 2.0}
    assert found == {"warn": expected, "fail": {"mean_shift": 7.5, "oov_rate_change": 1.0}}


def test_a_default_is_never_beyond_a_limit_that_is_said() -> None:
    assert parsed({"fail": {"length_distance": 0.05}})["warn"] == {**DEFAULT_WARN, "length_distance": 0.05}
    spec = parse_spec(yaml.safe_dump({**SEQUENCES, "drift": {"fail": {"length_distance": 0.05}}}))
    assert drift_limits(spec)["length_distance"] == Limits(0.05, 0.05)


@pytest.mark.parametrize(
    ("drift", "text"),
    [
        (
            {"warn": {"length_distance": 0}},
            "drift.warn.length_distance: 0.0 is out of range; it must be greater than 0 and finite",
        ),
        (
            {"fail": {"mean_shift": -1}},
            "drift.fail.mean_shift: -1.0 is out of range; it must be greater than 0 and finite",
        ),
        (
            {"fail": {"oov_rate_change": 1.5}},
            "drift.fail.oov_rate_change: 1.5 is out of range; it must lie in (0, 1], where 1 is never exceeded",
        ),
        (
            {"warn": {"class_share_change": 0.2}, "fail": {"class_share_change": 0.1}},
            "drift.warn.class_share_change: 0.2 is beyond drift.fail.class_share_change, 0.1, so that no run would "
            "warn; lower it, or remove it",
        ),
        (
            {"warn": {"length_distanse": 0.2}},
            "drift.warn.length_distanse: no such field; did you mean 'length_distance'?",
        ),
        ({"limit": {}}, "drift.limit: no such field; valid: fail, warn"),
    ],
)
def test_refused(drift: Any, text: str) -> None:
    with pytest.raises(DataError) as raised:
        parsed(drift)
    assert str(raised.value) == text


@pytest.mark.parametrize("value", [".inf", ".nan"])
def test_no_number(value: str) -> None:
    with pytest.raises(DataError, match=r"^drift\.warn\.mean_shift: "):
        parse_spec(f"sequences: {{t: {{type: tokens}}}}\ndrift: {{warn: {{mean_shift: {value}}}}}\n")
