"""What becomes of records by event time, on the runner that has a real watermark: TestStream."""

import json
from pathlib import Path

import apache_beam as beam
import pytest

from pipeline import files
from pipeline.failure import find_message
from pipeline.streaming.closing.collect import CollectWindows
from pipeline.streaming.closing.due import Held
from pipeline.streaming.closing.ledger import Ledger
from pipeline.streaming.graph import _to_one_key
from pipeline.streaming.job import StreamJob
from pipeline.streaming.spooled import Drained
from schemas.errors import DataError
from schemas.streams.windows import MINUTE
from tests.pipeline.streaming.happenings import Happening, closed, collect, held, spooled, stream_job


class Collected(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    def __init__(self, job: StreamJob) -> None:
        super().__init__()
        self._job = job

    def expand(self, read: beam.PCollection) -> beam.PCollection:
        keyed = read | beam.Map(_to_one_key)
        return keyed | "Collect" >> beam.ParDo(CollectWindows(self._job)).with_output_types(str)


def run(job: StreamJob, *happenings: Happening) -> None:
    collect(job, happenings, Collected(job))


def test_on_time(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    run(job, spooled(job, 0, [1, 2, 12]), 5, spooled(job, 3, [3, 14]), 11, spooled(job, 5, [25]), 21)
    assert held(job) == {"1970-01-01T0000": [0, 1, 3], "1970-01-01T0010": [2, 4], "1970-01-01T0020": [5]}
    assert {closing.kind for closing in closed(job).values()} == {"window"}


def test_out_of_order_between_sources(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    other = spooled(job, 7, [18, 2, 11], source="kafka:events/1")
    run(job, spooled(job, 0, [12, 1]), 9, other, 30)
    assert held(job) == {"1970-01-01T0000": [1, 8], "1970-01-01T0010": [0, 7, 9]}
    [closing] = [closing for name, closing in closed(job).items() if name.endswith("0010")]
    assert {source: ranges.tolist() for source, ranges in closing.positions.items()} == {
        "kafka:events/0": [[0, 1]],
        "kafka:events/1": [[7, 8], [9, 10]],
    }


def test_an_empty_window_makes_nothing(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    run(job, spooled(job, 0, [1]), 31, spooled(job, 1, [32]), 45)
    assert list(held(job)) == ["1970-01-01T0000", "1970-01-01T0030"]


def test_late_records_are_one_span_beside_the_window(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    run(job, spooled(job, 0, [1]), 11, spooled(job, 1, [2]), 15, spooled(job, 2, [3, 16]), 25)
    assert held(job) == {"1970-01-01T0000": [0], "1970-01-01T0000-late": [1, 2], "1970-01-01T0010": [3]}
    assert closed(job)["1970-01-01T0000-late"].kind == "late"


def test_a_window_whose_name_another_span_has(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    for name in ("1970-01-01T0000", "1970-01-01T0000-late"):  # as of a backfill
        files.write(f"{job.root}/spans/{name}/manifest.json", b"{}")
    run(job, spooled(job, 0, [1, 12]), 11, spooled(job, 2, [2]), 30)
    assert held(job) == {"1970-01-01T0000-late-2": [0], "1970-01-01T0000-late-3": [2], "1970-01-01T0010": [1]}


def test_very_late_records_are_rejected_with_their_place(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    run(job, spooled(job, 0, [1, 18]), 21, spooled(job, 2, [2], text='{{"text": "so {i}"}}'), 30)
    assert list(closed(job)) == ["1970-01-01T0000", "1970-01-01T0000-too-late-1", "1970-01-01T0010"]
    [path] = (tmp_path / "too_late").iterdir()
    assert path.name.startswith("1970-01-01T0000-too-late-1-")
    [row] = map(json.loads, path.read_text().splitlines())
    assert (row["file"], row["offset"], row["reason"]) == ("kafka:events/0", 2, "too_late")
    assert row["excerpt"] == '{"text": "so 2"}'
    assert "1970-01-01T0000 and the lateness" in row["rule"]


def test_what_is_read_again_changes_nothing(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    again = spooled(job, 0, [1, 2]), spooled(job, 1, [2, 3])  # other batches of the same records, and one more
    run(job, spooled(job, 0, [1, 2]), *again, 11, spooled(job, 0, [1, 2, 3]), 30)
    assert held(job) == {"1970-01-01T0000": [0, 1, 2]}


def test_a_stream_that_begins_again_knows_what_is_closed(tmp_path: Path) -> None:
    first = stream_job(tmp_path)
    run(first, spooled(first, 0, [1, 2, 12]), 11, Drained("a", 11 * MINUTE))
    assert held(first) == {"1970-01-01T0000": [0, 1]}
    second = stream_job(tmp_path, run="two", reached=10 * MINUTE)
    run(second, spooled(second, 1, [2, 12, 3]), 21)
    assert held(second) == {"1970-01-01T0000": [0, 1], "1970-01-01T0000-late": [3], "1970-01-01T0010": [2]}


@pytest.mark.parametrize(
    ("close_all", "names"), [(False, ["1970-01-01T0000"]), (True, ["1970-01-01T0000", "1970-01-01T0010"])]
)
def test_a_drain_leaves_open_windows_to_the_next_start(tmp_path: Path, close_all: bool, names: list[str]) -> None:
    job = stream_job(tmp_path, close_all=close_all)
    run(job, spooled(job, 0, [1, 12]), Drained("a", 14 * MINUTE), Drained("b", 13 * MINUTE))
    assert list(held(job)) == names


def test_windows_that_are_closed_before_they_are_over_make_nothing_late(tmp_path: Path) -> None:
    first, ledger = stream_job(tmp_path, close_all=True), Ledger(str(tmp_path / ".stream" / "closings"))
    run(first, spooled(first, 0, [1, 12, 5_000]), Drained("a", 14 * MINUTE), Drained("b", 13 * MINUTE))
    assert len(held(first)) == 3  # one of them of the future
    ledger.refresh()
    assert ledger.reached == 10 * MINUTE
    second = stream_job(tmp_path, run="two", reached=ledger.reached)
    run(second, spooled(second, 3, [13, 14, 25]), 31)
    assert {name: offsets for name, offsets in held(second).items() if offsets[0] > 2} == {
        "1970-01-01T0010-late": [3, 4],
        "1970-01-01T0020": [5],
    }


def test_a_window_that_holds_too_much(tmp_path: Path) -> None:
    job = stream_job(tmp_path, window_bytes=4)
    with pytest.raises(DataError, match="run one is over"):  # what the runner hears that tries it again
        run(job, spooled(job, 0, [1, 2, 3]), 11)
    said = find_message(job.failed)
    assert said is not None
    assert str(said).startswith("window 1970-01-01T0000: holds 6 bytes of records before it is over, and")
    assert ", and --window_bytes allows 4 bytes; nothing of it is published" in str(said)
    assert held(job) == {}
    assert not Path(job.lease_path).exists()


class _State:
    """State of Beam, of one key."""

    def __init__(self, *values: object) -> None:
        self.values = list(values)

    def read(self) -> object:
        return self.values

    def add(self, value: object) -> None:
        self.values.append(value)

    def clear(self) -> None:
        self.values.clear()


class _Value(_State):
    def read(self) -> object:
        return self.values[0] if self.values else None

    def write(self, value: object) -> None:
        self.values[:] = [value]


@pytest.mark.parametrize(
    ("close_all", "names"), [(False, ["1970-01-01T0000"]), (True, ["1970-01-01T0000", "1970-01-01T0010"])]
)
def test_the_end_of_time_may_come_before_that_of_windows(tmp_path: Path, close_all: bool, names: list[str]) -> None:
    job = stream_job(tmp_path, close_all=close_all)
    step, reached = CollectWindows(job), _Value()
    waiting = _State(*(Held(ref, "window") for ref in spooled(job, 0, [1, 12])))
    drained = _State(15 * MINUTE, 14 * MINUTE)
    assert list(step.end(waiting, drained, reached, None)) == names
    assert list(held(job)) == names
    assert Path(job.drained_path).exists()
    for due in (10, 20):  # the timers that should have come first
        assert list(step.close(str(due * MINUTE), waiting, drained, reached, None)) == []
    assert list(held(job)) == names
    assert len(waiting.values) == 2 - len(names)
