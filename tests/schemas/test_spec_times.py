"""What a spec says about times: forms, zones, and the times between splits."""

from typing import Any

import pytest
import yaml

from schemas.errors import DataError
from schemas.spec import parse_spec

TOKENS = {"t": {"type": "tokens"}}
SERIES = {"type": "series", "dims": 1}


def split_by_time(**changed: Any) -> dict[str, Any]:
    values = {"by": "time", "from": "day", "time_format": "iso8601", "zone": "UTC", "before": {"train": "2024-01-01"}}
    values |= changed
    return {"sequences": TOKENS, "split": {name: value for name, value in values.items() if value is not None}}


@pytest.mark.parametrize(
    ("values", "error"),
    [
        (
            split_by_time(before={"train": "2024-02-30"}),
            "split.before.train: '2024-02-30' is no time as 'iso8601' writes it; correct it, or say split.zone where "
            "a time states no offset",
        ),
        (
            split_by_time(zone=None),
            "split.before.train: '2024-01-01' is no time as 'iso8601' writes it; correct it, or say split.zone where "
            "a time states no offset",
        ),
        (
            split_by_time(before={"train": "2024-01-01", "validation": "2024-01-01T00:00:00Z"}),
            "split.before.validation: is the same time as that of 'train'; use a later one",
        ),
        (
            split_by_time(zone="Mars/Base"),
            "split.zone: 'Mars/Base' is no time zone; use UTC or a name of the IANA database, such as Europe/Berlin",
        ),
        (
            split_by_time(time_format="unix_seconds", before={"train": "0"}),
            "split.zone: means nothing for unix_seconds, which counts from 1970-01-01 UTC; remove it",
        ),
        (
            split_by_time(time_format="%q", before={"train": "0"}),
            "split.time_format: '%q' is no pattern of strptime; use directives such as %Y-%m-%d %H:%M:%S",
        ),
        (
            split_by_time(time_format=None),
            "split.time_format: is missing; say how the times are written, such as iso8601",
        ),
        (
            {
                "sequences": TOKENS,
                "group": {"by": "k", "order_by": "d", "order_as": "time", "time_format": "iso8601", "zone": "Nowhere"},
            },
            "group.zone: 'Nowhere' is no time zone; use UTC or a name of the IANA database, such as Europe/Berlin",
        ),
        (
            {"sequences": {"s": {**SERIES, "time": {"from": "d", "format": "iso8601", "zone": ""}}}},
            "sequences.s.time.zone: '' is no time zone; use UTC or a name of the IANA database, such as Europe/Berlin",
        ),
        (
            {"sequences": {"s": {**SERIES, "time": {"from": "d", "format": "unix"}}}},
            "sequences.s.time.format: 'unix' is no way to write a time; use iso8601, unix_seconds, unix_milliseconds, "
            "unix_microseconds, unix_nanoseconds, or a pattern of strptime such as '%d.%m.%Y %H:%M'",
        ),
    ],
)
def test_a_time_that_means_nothing_is_refused(values: dict[str, Any], error: str) -> None:
    with pytest.raises(DataError) as raised:
        parse_spec(yaml.safe_dump(values))
    assert str(raised.value) == error


def test_times_of_splits_are_kept_as_they_were_written() -> None:
    spec = parse_spec(yaml.safe_dump(split_by_time(before={"validation": "2024-06-01", "train": "2024-01-01"})))
    assert dict(spec.split.before) == {"train": "2024-01-01", "validation": "2024-06-01"}
    assert spec.split.otherwise == "test"
