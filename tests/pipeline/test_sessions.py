"""Several records of one key, and when records came to be, from the files to the data set."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from pipeline.verify import verify
from schemas.errors import DataError
from tests.pipeline.helpers import jsonl, make_job, prepare, read_dataset, run_job, write_jsonl
from tests.pipeline.spans.helpers import publish

EVENTS = """
sequences: {w: {type: tokens}}
group: {by: who, order_by: at, order_as: time, time_format: unix_seconds%s}
split: {fractions: {train: 0.5, validation: 0.5}}
"""
RECORDS = "id: id\nsequences: {w: {type: tokens}}\nsplit: {fractions: {train: 1.0}}\n"


def events_of(count: int, keys: int) -> list[dict[str, Any]]:
    """Events in no order, each at another second of an hour; the word says the second."""
    draw = Random(5)
    seconds = draw.sample(range(3600), count)
    return [{"who": f"u{draw.randrange(keys)}", "at": at, "w": f"s{at}"} for at in seconds]


def sessions(events: list[dict[str, Any]], gap: int, most: int) -> dict[str, int]:
    """Steps of each record by its id."""
    found: dict[str, int] = {}
    of: dict[str, tuple[str, int]] = {}
    for event in sorted(events, key=lambda event: event["at"]):
        name, last = of.get(event["who"], ("", -gap - 1))
        if event["at"] - last > gap or found[name] == most:
            name = f"{event['who']}@1970-01-01T00:{event['at'] // 60:02d}:{event['at'] % 60:02d}Z"
            found[name] = 0
        found[name] += 1
        of[event["who"]] = name, event["at"]
    return found


def test_sessions_are_the_same_however_the_input_is_cut(tmp_path: Path) -> None:
    events = events_of(500, 12)
    spec = EVENTS % ", session_gap: 1m, max_events: 4"
    whole = prepare(spec, write_jsonl(tmp_path / "in.jsonl", events), tmp_path / "whole", block_bytes=1 << 20)
    for i in range(5):
        write_jsonl(tmp_path / "parts" / f"{i}.jsonl", Random(i).sample(events[i::5], 100))
    parts = prepare(spec, str(tmp_path / "parts" / "*.jsonl"), tmp_path / "parted", block_bytes=2_000)
    assert parts.data_fingerprint == whole.data_fingerprint
    records = read_dataset(tmp_path / "parted")
    assert {record.id: record.length for record in records} == sessions(events, 60, 4)
    assert len(records) == parts.counts.read > 24
    assert (parts.counts.events.read, parts.counts.events.kept, parts.counts.events.tied) == (500, 500, 0)
    assert verify(str(tmp_path / "parted"))["problems"] == []
    splits = {record.id.split("@")[0]: record.split for record in records}
    assert {(record.id.split("@")[0], record.split) for record in records} == set(splits.items()), "a key has one split"
    assert set(splits.values()) == {"train", "validation"}
    prepare(EVENTS % "", str(tmp_path / "in.jsonl"), tmp_path / "keys")
    assert {record.id: record.split for record in read_dataset(tmp_path / "keys")} == splits


def test_pieces_of_sessions(tmp_path: Path) -> None:
    events = [{"who": "k", "at": at, "w": "x"} for at in (0, 1, 2, 100, 101)]
    spec = EVENTS % ", window: 1m" + "window: {length: 2}\n"
    prepare(spec.replace("0.5, validation: 0.5", "1.0"), write_jsonl(tmp_path / "in.jsonl", events), tmp_path / "data")
    found = {record.id: record.values["id/parent"][0].decode() for record in read_dataset(tmp_path / "data")}
    first, second = "k@1970-01-01T00:00:00Z", "k@1970-01-01T00:01:40Z"
    assert found == {f"{first}#0": first, f"{first}#1": first, f"{second}#0": second}


def test_records_without_a_time_are_rejected_where_it_is_said(tmp_path: Path) -> None:
    good = [{"id": f"r{i}", "w": ["x"], "at": f"2024-01-{i + 1:02d}"} for i in range(20)]
    bad = [{"id": "a", "w": ["x"]}, {"id": "b", "w": ["x"], "at": "soon"}]
    source = write_jsonl(tmp_path / "in.jsonl", [*good, *bad])
    timed = RECORDS + "event_time: {from: at, zone: UTC}\n"
    found = prepare(timed, source, tmp_path / "timed", max_rejected=2)
    assert dict(found.counts.rejected) == {"missing_field": 1, "invalid_time": 1}
    others = write_jsonl(tmp_path / "good.jsonl", good)
    assert prepare(RECORDS, others, tmp_path / "plain").data_fingerprint == found.data_fingerprint
    with pytest.raises(DataError) as caught:
        run_job(make_job(timed, write_jsonl(tmp_path / "bad.jsonl", [*good, bad[1]]), tmp_path / "refused"))
    place = f"{tmp_path}/bad.jsonl, line 21 (byte {len(jsonl(good))})"
    assert f"; first: {place}: invalid_time: 'at' must be a time as 'iso8601' writes it; " in str(caught.value)


def test_a_span_may_say_an_event_time_that_its_base_does_not(tmp_path: Path) -> None:
    records = [{"id": f"r{i}", "w": ["x"], "at": 100 * i} for i in range(10)]
    publish(tmp_path, "2024-01-01", write_jsonl(tmp_path / "1.jsonl", records[:5]), spec=RECORDS)
    timed = RECORDS + "event_time: {from: at, format: unix_seconds}\n"
    second = publish(tmp_path, "2024-01-02", write_jsonl(tmp_path / "2.jsonl", records[5:]), spec=timed)
    assert second.span.base == "2024-01-01"
    assert second.counts.kept == 5
