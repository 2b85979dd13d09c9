"""Times that stand once in a record: read, or refused with the rule."""

import pyarrow as pa
import pytest

from schemas.records.moments import read_moments
from schemas.records.verdicts import Verdicts


@pytest.mark.parametrize(
    ("column", "time_format", "zone", "more"),
    [
        (pa.array(["1970-01-01T00:00:01", "soon"]), "iso8601", "UTC", ""),
        (
            pa.array(["1970-01-01T00:00:01Z", "1970-01-01T00:00:01"]),
            "iso8601",
            "",
            ", with an offset from UTC, unless split.zone is said",
        ),
        (pa.array([1.0, float("nan")]), "unix_seconds", "", ""),
        (pa.array(["01.01.1970 00:00:01", None]), "%d.%m.%Y %H:%M:%S", "UTC", ""),
    ],
)
def test_a_moment_or_a_rule(column: pa.Array, time_format: str, zone: str, more: str) -> None:
    verdicts = Verdicts(2)
    assert read_moments(column, "day", time_format, zone, "split", verdicts).tolist() == [1_000_000, 0]
    assert verdicts.open.tolist() == [True, False]
    assert verdicts.broken_by(1) == ("invalid_time", f"'day' must be a time as '{time_format}' writes it{more}")
