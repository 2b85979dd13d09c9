"""What a spec says about drift: how far a span may be from its base."""

import math
from typing import Any, NamedTuple

from schemas.dataset_pb2 import DatasetSpec, Drift, DriftLimits
from schemas.errors import DataError

# Beyond these a run warns, unless the spec says otherwise. A distance of 0.1 is that of lengths of which about 2 % are
# where no record of the base is; 2 and 5 of 100 steps or records are what a look at the data can still confirm; a shift
# of 0.25 standard deviations is the one from which Rubin (2001) calls two groups too unlike; and sources that reject
# 1 of 100 records more than before have changed.
DEFAULT_WARN = {
    "length_distance": 0.1,
    "oov_rate_change": 0.02,
    "class_share_change": 0.05,
    "mean_shift": 0.25,
    "rejected_share_change": 0.01,
}
_UNBOUNDED = "mean_shift"  # the others are distances of shares


class Limits(NamedTuple):
    """Limits of one measure.

    Attributes:
      warn: Beyond it the run says so.
      fail: Beyond it the span is not published; 0: there is none.
    """

    warn: float
    fail: float


def resolve_drift(spec: DatasetSpec) -> None:
    """Checks `drift` of a spec that has it, and fills in the limits of `warn` that are not said.

    Raises:
      DataError: A limit is out of its range, or that of `warn` is beyond that of `fail`.
    """
    if not spec.HasField("drift"):
        return
    drift = spec.drift
    for kind in ("warn", "fail"):
        limits = getattr(drift, kind)
        for field, value in limits.ListFields():
            _check_limit(field.name, value, f"drift.{kind}.{field.name}")
    for name in DEFAULT_WARN:
        _check_order(name, drift)
    _fill(drift)


def drift_limits(spec: DatasetSpec) -> dict[str, Limits]:
    """Returns the limits of each measure; a resolved spec without `drift` has those of the defaults."""
    drift = Drift()
    drift.CopyFrom(spec.drift)
    _fill(drift)
    return {name: Limits(getattr(drift.warn, name), getattr(drift.fail, name)) for name in DEFAULT_WARN}


def _check_limit(name: str, value: float, path: str) -> None:
    if not 0 < value < math.inf:
        raise DataError(f"{path}: {value} is out of range; it must be greater than 0 and finite")
    if name != _UNBOUNDED and value > 1:
        raise DataError(f"{path}: {value} is out of range; it must lie in (0, 1], where 1 is never exceeded")


def _check_order(name: str, drift: Any) -> None:
    if drift.warn.HasField(name) and drift.fail.HasField(name):
        warn, fail = getattr(drift.warn, name), getattr(drift.fail, name)
        if warn > fail:
            raise DataError(
                f"drift.warn.{name}: {warn} is beyond drift.fail.{name}, {fail}, so that no run would warn; lower it, "
                "or remove it"
            )


def _fill(drift: Any) -> None:
    """Sets the limits of `warn` that are not said: the default, or that of `fail` where this is lower."""
    limits: DriftLimits = drift.warn
    for name, default in DEFAULT_WARN.items():
        if not limits.HasField(name):
            fail = getattr(drift.fail, name) if drift.fail.HasField(name) else default
            setattr(limits, name, min(default, fail))
