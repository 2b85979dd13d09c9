"""Times of the frames of a series: read and checked, then as the time since the frame before."""

import numpy as np
import pyarrow as pa

from schemas.dataset_pb2 import SequenceFeature, TimeField
from schemas.messages import printable
from schemas.ragged import Int64s, Ragged, from_lists
from schemas.records.lengths import NOT_ALIGNED
from schemas.records.nulls import any_in_row, first_in_row, without_nulls
from schemas.records.verdicts import Verdicts
from schemas.times import UNIX_UNITS, parse_times

INVALID_TIME = "invalid_time"
NOT_IN_ORDER = "not_in_order"
_MICROSECONDS = 1e6  # of one second


def read_times(name: str, column: pa.Array, feature: SequenceFeature, steps: Int64s, verdicts: Verdicts) -> Ragged:
    """Returns the time of each frame in microseconds since 1970 UTC, int64.

    Args:
      name: Of the series.
      column: list<string> or list<double>, (records,), as the format of the times needs.
      feature: A resolved series with times.
      steps: Frames of each record, int64, (records,).
      verdicts: Of the records; rejects those whose times are none, too many or too few, or fall back.
    """
    times = from_lists(without_nulls(column))
    micros, bad = parse_times(times.values, feature.time.format, feature.time.zone)

    def invalid(i: int) -> str:
        place = first_in_row(bad, times.offsets, i)
        value = times.values[int(times.offsets[i]) + place].as_py()
        shown = "null" if value is None else repr(printable(value)) if isinstance(value, str) else f"{value:.16g}"
        return f"time {place + 1:,} of {times.lengths[i]:,} is {shown}"

    verdicts.reject(any_in_row(bad, times.offsets), INVALID_TIME, _time_rule(name, feature.time), invalid)
    rule = f"'{name}' must have as many times as frames"
    verdicts.reject(
        times.lengths != steps, NOT_ALIGNED, rule, lambda i: f"it has {times.lengths[i]:,} and {steps[i]:,}"
    )
    falls = np.concatenate([[False], micros[1:] < micros[:-1]])[: len(micros)]
    falls[_firsts(times)] = False
    verdicts.reject(
        any_in_row(falls, times.offsets),
        NOT_IN_ORDER,
        f"the times of '{name}' must not fall back",
        lambda i: (
            f"time {first_in_row(falls, times.offsets, i) + 1:,} of {times.lengths[i]:,} is before the one before"
        ),
    )
    return Ragged(pa.array(micros), times.offsets)


def seconds_since(times: Ragged) -> Ragged:
    """Returns the seconds since the frame before in the record, float32; 0 for the first frame.

    Args:
      times: Whole records, as `read_times` returns them.
    """
    seconds = np.diff(times.values.to_numpy(), prepend=np.int64(0)) / _MICROSECONDS
    seconds[_firsts(times)] = 0
    return Ragged(pa.array(seconds.astype(np.float32)), times.offsets)


def _time_rule(name: str, clock: TimeField) -> str:
    if clock.format in UNIX_UNITS:
        return f"every time of '{name}' must be a number of {clock.format} within the years 1 to 9999"
    rule = f"every time of '{name}' must be written as {clock.format} says"
    return rule if clock.zone else f"{rule}, with its offset from UTC; or name the `zone` of these times in the spec"


def _firsts(times: Ragged) -> Int64s:
    """Returns where the first time of each record that has one stands, int64."""
    starts: Int64s = times.offsets[:-1][np.diff(times.offsets) > 0]
    return starts
