"""Times that stand once in a record or an event."""

import pyarrow as pa

from schemas.ragged import Int64s
from schemas.records.since import INVALID_TIME
from schemas.records.verdicts import Verdicts
from schemas.times import UNIX_UNITS, parse_times


def read_moments(column: pa.Array, path: str, time_format: str, zone: str, part: str, verdicts: Verdicts) -> Int64s:
    """Returns times in microseconds since 1970 UTC, int64, (records,); 0 where one is bad.

    Args:
      column: As `parse_times` takes it.
      path: Of the field.
      time_format: How times are written.
      zone: Of those that state no offset; empty: they must.
      part: Of the spec, which says both.
      verdicts: Of the records; rejects those whose time is none.
    """
    times, bad = parse_times(column, time_format, zone)
    rule = f"'{path}' must be a time as '{time_format}' writes it"
    if not zone and time_format not in UNIX_UNITS:
        rule += f", with an offset from UTC, unless {part}.zone is said"
    verdicts.reject(bad, INVALID_TIME, rule)
    return times
