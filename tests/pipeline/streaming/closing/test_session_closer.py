"""Sessions of a stream are those of one batch of all events, whatever windows they span and how they come."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import apache_beam as beam
import numpy as np
import pytest

from pipeline import files
from pipeline.streaming.closing.closings import LATE, TOO_LATE, WINDOW, Closing
from pipeline.streaming.closing.collect import CollectWindows
from pipeline.streaming.closing.session_closer import SessionCloser, closer_of
from pipeline.streaming.graph import _to_one_key
from pipeline.streaming.job import StreamJob
from pipeline.streaming.spooled import Spooled
from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.fields import raw_fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.records.events import read_events
from schemas.records.grouping import EventTable, group_events
from schemas.spec import parse_spec
from schemas.streams.windows import MINUTE
from tests.pipeline.streaming.happenings import Happening, closed, collect, stream_job
from tests.pipeline.streaming.simulated import Topic, Worker, live, read_batch

SOURCE = "kafka:t/0"


def spec_of(**rules: Any) -> DatasetSpec:
    said = "".join(f", {name}: {value}" for name, value in rules.items())
    order = "order_by: at, order_as: time, time_format: unix_microseconds"
    return parse_spec(f"sequences: {{w: {{type: tokens}}}}\ngroup: {{by: who, {order}, duplicates: keep{said}}}\n")


def job_of(root: Path, spec: DatasetSpec, **changed: Any) -> StreamJob:
    return stream_job(root, spec_bytes=spec.SerializeToString(deterministic=True), **changed)


def event(who: str, minute: float, word: object = "x") -> bytes:
    return json.dumps({"who": who, "at": round(minute * MINUTE), "w": str(word)}).encode()


def topic_of(events: Sequence[tuple[str, float]]) -> Topic:
    """Events with their number as the word."""
    texts = [event(who, minute, i) for i, (who, minute) in enumerate(events)]
    return Topic(texts, np.array([round(minute * MINUTE) for _, minute in events], np.int64))


def records(lines: list[bytes], spec: DatasetSpec) -> dict[str, list[str]]:
    """What a batch makes of events: the steps of each record by its id."""
    events = read_events(parse_jsonl(b"\n".join(lines), raw_fields_of(spec)), spec)
    raw = group_events(EventTable(events.columns, events.offsets, np.zeros(len(events.lines), np.int64)), spec).raw
    return dict(zip(raw.columns["id"].to_pylist(), raw.columns["w"].to_pylist(), strict=True))


def lines_of(job: StreamJob, closing: Closing) -> list[bytes]:
    paths = [files.join(job.root, path) for path in closing.files]
    return [line for path in paths for line in Path(path).read_bytes().splitlines()]


def streamed(job: StreamJob) -> dict[str, dict[str, list[str]]]:
    """The records of each closing of a span."""
    return {
        name: records(lines_of(job, closing), job.spec)
        for name, closing in closed(job).items()
        if closing.kind != TOO_LATE
    }


RULES = [
    {"session_gap": "3m"},
    {"session_gap": "10m"},
    {"session_gap": "35m"},
    {"session_gap": "4m", "window": "20m"},
    {"session_gap": "12m", "max_events": 3},
]


@pytest.mark.parametrize("rules", RULES)
def test_where_nothing_is_late_records_are_those_of_one_batch(tmp_path: Path, rules: dict[str, Any]) -> None:
    spec, delay = spec_of(**rules), 7
    for seed in range(3):
        random = Random(seed)
        minutes = np.cumsum([random.choice([0, 0.5, 3, 3.5, 11]) for _ in range(25)]) - 60
        events = [(random.choice("abc"), minute) for minute in minutes.tolist()]
        events.sort(key=lambda one: one[1] + random.random() * delay)
        topic = topic_of(events)
        job = job_of(tmp_path / str(seed), spec, lateness=0)
        worker = Worker(job, {SOURCE: topic}, {SOURCE: 0})
        while (done := worker.read[SOURCE]) < len(events):
            worker.take(SOURCE, random.randint(1, 5))
            read = topic.times[: max(done, worker.read[SOURCE])]
            worker.advance(int(read.max()) - delay * MINUTE)
            if random.random() < 0.2:
                worker = worker.restart(f"{seed}-{done}")
        worker.advance(int(topic.times.max()) + 60 * MINUTE)
        found = streamed(job)
        assert {closing.kind for closing in closed(job).values()} == {WINDOW}
        ids = [one for made in found.values() for one in made]
        assert len(ids) == len(set(ids))
        every = records([topic.texts[i] for i in np.argsort(topic.times, kind="stable")], spec)
        assert {one: sorted(steps) for made in found.values() for one, steps in made.items()} == {
            one: sorted(steps) for one, steps in every.items()
        }


def test_every_event_is_in_one_closing_whatever_happens(tmp_path: Path) -> None:
    kinds = set()
    for seed in range(12):
        random = Random(seed)
        minutes = [i * 2 + random.randint(-20, 20) for i in range(random.randint(1, 30))]
        topic = topic_of([(random.choice("abc"), minute) for minute in minutes])
        topic.texts[::5] = [b"{broken %d" % i for i in range(0, len(minutes), 5)]
        job = job_of(tmp_path / str(seed), spec_of(session_gap="9m"), lateness=random.choice([0, 15]) * MINUTE)
        worker = Worker(job, {SOURCE: topic}, {SOURCE: 0})
        live(worker, random, 50, [i * 5 * MINUTE for i in range(-4, 20)])
        positions = [
            i for one in closed(job).values() for pair in one.positions.get(SOURCE, []) for i in range(*pair.tolist())
        ]
        assert sorted(positions) == list(range(len(minutes)))
        texts = [line for one in closed(job).values() if one.kind != TOO_LATE for line in lines_of(job, one)]
        assert len(texts) == sum(one.records for one in closed(job).values() if one.kind != TOO_LATE)
        assert set(texts) <= set(topic.texts)
        kinds |= {one.kind for one in closed(job).values()}
    assert kinds == {WINDOW, LATE, TOO_LATE}


class Collected(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    def __init__(self, job: StreamJob) -> None:
        super().__init__()
        self._job = job

    def expand(self, read: beam.PCollection) -> beam.PCollection:
        return read | beam.Map(_to_one_key) | beam.ParDo(CollectWindows(self._job)).with_output_types(str)


class Feed:
    """Events that come one after another."""

    def __init__(self, job: StreamJob) -> None:
        self._job, self._read = job, 0

    def __call__(self, *events: tuple[str, float] | bytes, time: float = 0) -> list[Spooled]:
        told = [one if isinstance(one, bytes) else event(*one, word=f"{one[1]:g}") for one in events]
        times = [time if isinstance(one, bytes) else one[1] for one in events]
        start, self._read = self._read, self._read + len(events)
        micros = np.array([0] * start + [round(one * MINUTE) for one in times], np.int64)
        return read_batch(self._job, SOURCE, Topic([b""] * start + told, micros), start, self._read)


def run(job: StreamJob, *happenings: Happening) -> dict[str, dict[str, list[str]]]:
    collect(job, happenings, Collected(job))
    return streamed(job)


def test_a_session_across_windows_is_of_the_one_in_which_it_is_complete(tmp_path: Path) -> None:
    job = job_of(tmp_path, spec_of(session_gap="5m"))
    feed = Feed(job)
    found = run(job, feed(("a", 1), ("b", 8)), 9, feed(("b", 12)), 11, feed(("b", 16), ("a", 14)), 21, 31)
    assert found == {
        "1970-01-01T0000": {"a@1970-01-01T00:01:00Z": ["1"]},
        "1970-01-01T0010": {"a@1970-01-01T00:14:00Z": ["14"]},
        "1970-01-01T0020": {"b@1970-01-01T00:08:00Z": ["8", "12", "16"]},
    }
    assert {one.kind for one in closed(job).values()} == {WINDOW}


def test_a_session_that_spans_many_windows(tmp_path: Path) -> None:
    job = job_of(tmp_path, spec_of(session_gap="9m"))
    feed = Feed(job)
    minutes = list(range(1, 60, 8))
    happenings = [one for minute in minutes for one in (feed(("a", minute)), minute + 0.5)]
    found = run(job, *happenings, 80)
    assert found == {"1970-01-01T0100": {"a@1970-01-01T00:01:00Z": [str(minute) for minute in minutes]}}


def test_late_events_of_a_session_are_a_late_span_once_their_lateness_is_over(tmp_path: Path) -> None:
    job = job_of(tmp_path, spec_of(session_gap="2m"))
    feed = Feed(job)
    happenings = [feed(("a", 1)), 11, feed(("a", 2), ("b", 3)), 15, feed(("b", 4)), 21]
    found = run(job, *happenings)
    assert found == {
        "1970-01-01T0000": {"a@1970-01-01T00:01:00Z": ["1"]},
        "1970-01-01T0000-late": {"a@1970-01-01T00:02:00Z": ["2"], "b@1970-01-01T00:03:00Z": ["3", "4"]},
    }


def test_events_that_come_later_than_any_lateness_are_rejected_even_of_an_empty_window(tmp_path: Path) -> None:
    job = job_of(tmp_path, spec_of(session_gap="2m"))
    feed = Feed(job)
    found = run(job, feed(("a", 41)), 51, feed(("a", 1), ("b", 42)), 61)
    assert list(found) == ["1970-01-01T0040", "1970-01-01T0040-late"]
    assert {name: one.kind for name, one in closed(job).items() if "too" in name} == {
        "1970-01-01T0000-too-late-1": TOO_LATE
    }


def test_a_session_of_more_events_than_a_record_may_have_is_cut_when_it_is_complete(tmp_path: Path) -> None:
    job = job_of(tmp_path, spec_of(session_gap="5m", max_events=2))
    feed = Feed(job)
    found = run(job, feed(("a", 6), ("a", 7)), 8, feed(("a", 9), ("a", 13)), 25, 31)
    assert found == {"1970-01-01T0010": {"a@1970-01-01T00:06:00Z": ["6", "7"], "a@1970-01-01T00:09:00Z": ["9", "13"]}}


def test_events_that_are_rejected_wait_for_no_session(tmp_path: Path) -> None:
    job = job_of(tmp_path, spec_of(session_gap="5m"))
    feed = Feed(job)
    run(job, feed(("a", 8), b"{broken"), 11, feed(("a", 12)), 21)
    assert {name: lines_of(job, one) for name, one in closed(job).items()} == {
        "1970-01-01T0000": [b"{broken"],
        "1970-01-01T0010": [event("a", 8, "8"), event("a", 12, "12")],
    }


def test_what_is_closed_of_a_file_is_left_out_after_an_older_state_comes_back(tmp_path: Path) -> None:
    job = job_of(tmp_path, spec_of(session_gap="5m"))
    closer = SessionCloser(job)
    held = [closer.hold(ref, 0, list) for ref in Feed(job)(("a", 1), ("b", 8))]
    _, rest = closer.close(held, 10 * MINUTE, 0)
    assert [one.ref.path for one in rest] == [one.ref.path for one in held]
    again = closer_of(job)
    assert again.close(held, 10 * MINUTE, 0)[1] == rest
    assert again.close(rest, 20 * MINUTE, 10 * MINUTE)[1] == []
    assert {name: one.records for name, one in closed(job).items()} == {"1970-01-01T0000": 1, "1970-01-01T0010": 1}
