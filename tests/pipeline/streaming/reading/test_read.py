"""What is read is spooled once and told of, however often the reading is handed on, until somebody asks to stop."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.io.restriction_trackers import OffsetRange
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.sdf_utils import RestrictionTrackerView, ThreadsafeRestrictionTracker
from apache_beam.transforms.window import TimestampedValue

from pipeline.failure import find_message
from pipeline.streaming import status
from pipeline.streaming.reading.read import PartRestrictions, PartTracker, ReadParts, ReadSettings
from pipeline.streaming.sources.source import Covered, Part
from pipeline.streaming.spooled import Drained, Spooled
from schemas.errors import DataError, RefusedError
from schemas.streams.windows import SECOND
from tests.pipeline.streaming.helpers import Made, spec_of

MINUTE = 60 * SECOND
FIRST = 1_700_000_040  # begins a minute


class Covering(NamedTuple):
    """Returns what is covered; can be pickled."""

    covered: dict[str, list[list[int]]]

    def __call__(self) -> Covered:
        return {name: np.array(ranges, np.int64) for name, ranges in self.covered.items()}


def record(second: int) -> bytes:
    return b'{"text":"a","at":%d}' % (FIRST + second)


def settings_of(folder: Path, values: list[list[bytes | None]], **changed: Any) -> ReadSettings:
    (folder / ".stream").mkdir()
    (folder / "log").touch()
    source = Made(
        values,
        status.stop_path(str(folder)),
        str(folder / "log"),
        changed.pop("fail_at", -1),
        changed.pop("kind", DataError),
    )
    spool, failed = str(folder / ".stream" / "spool"), str(folder / "failed")
    settings = ReadSettings(source, spec_of(), str(folder), spool, failed, str(folder / "lease"), MINUTE, Covering({}))
    return replace(settings, **{"flush": 0.0, "turn": 0.0, **changed})


class Write(beam.DoFn):  # type: ignore[misc]
    """Writes what is said of each element to a file."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def process(self, element: Any, at: Any = beam.DoFn.TimestampParam) -> None:
        said = {"kind": type(element).__name__, "at": int(at.micros), **element._asdict()}
        if isinstance(element, Spooled):
            said["ranges"] = element.ranges.tolist()
            said["lines"] = Path(element.path).read_text().splitlines()
        with (Path(self._folder) / "out").open("a") as stream:
            stream.write(json.dumps(said) + "\n")


def run(settings: ReadSettings) -> list[dict[str, Any]]:
    """Reads until the source has nothing more, on FnApiRunner; returns what was given."""
    parts = settings.source.parts(settings.covered())
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
        read = pipeline | beam.Create(parts, reshuffle=False) | beam.ParDo(ReadParts(settings))
        read | beam.ParDo(Write(settings.root))
    return [json.loads(line) for line in (Path(settings.root) / "out").read_text().splitlines()]


def positions(found: list[dict[str, Any]], source: str) -> list[int]:
    return sorted(
        position
        for one in found
        if one.get("source") == source
        for start, end in one["ranges"]
        for position in range(start, end)
    )


def test_every_record_is_given_once_with_its_window_until_the_end(tmp_path: Path) -> None:
    values = [[record(i * 20) for i in range(9)], [record(500), None, b"?"], []]
    settings = settings_of(tmp_path, values)
    found = run(settings)
    spooled = [one for one in found if one["kind"] == "Spooled"]
    assert [positions(spooled, f"kafka:t/{i}") for i in range(3)] == [list(range(9)), [0, 1, 2], []]
    assert sorted(line for one in spooled for line in one["lines"]) == sorted(
        (value or b"null").decode() for part in values for value in part
    )
    by_window = {one["window"] for one in spooled if one["source"] == "kafka:t/0"}
    assert by_window == {(FIRST + start) * SECOND for start in (0, 60, 120)}
    assert all(one["at"] == one["newest"] for one in spooled)
    drained = {one["part"]: one["watermark"] for one in found if one["kind"] == "Drained"}
    assert set(drained) == {f"kafka:t/{i}" for i in range(3)}
    assert drained["kafka:t/0"] == (FIRST + 160) * SECOND
    assert drained["kafka:t/1"] == (FIRST + 500) * SECOND
    told = settings.source.told()  # type: ignore[attr-defined]
    assert [line for line in told if line.startswith("open")] == [f"open kafka:t/{i} at 0" for i in range(3)]


def test_what_is_covered_is_neither_read_nor_given(tmp_path: Path) -> None:
    values = [[record(i) for i in range(9)]]
    found = run(settings_of(tmp_path, values, covered=Covering({"kafka:t/0": [[0, 3], [5, 7]]})))
    assert positions(found, "kafka:t/0") == [3, 4, 7, 8]


def test_each_part_says_how_far_it_is(tmp_path: Path) -> None:
    run(settings_of(tmp_path, [[record(i) for i in range(5)], [record(7)]]))
    first, second = status.load_all(str(tmp_path))
    assert (first.part, first.position, first.lag, first.records) == ("kafka:t/0", 5, 0, 5)
    assert first.bytes == 5 * len(record(0))
    assert first.watermark == (FIRST + 4) * SECOND
    assert (second.part, second.position, second.note) == ("kafka:t/1", 1, "kafka:t/1 is read")


def test_an_error_is_left_for_the_command_and_ends_the_job(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, [[record(i) for i in range(5)]], fail_at=4)
    with pytest.raises(Exception, match="is broken"):
        run(settings)
    error = find_message(settings.failed)
    assert isinstance(error, DataError)
    assert str(error) == "kafka:t/0: is broken; mend it"
    assert settings.source.told()[-1] == "close kafka:t/0"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("kind", "goes_on"), [(DataError, True), (RefusedError, False)])
def test_an_error_that_comes_again_ends_the_stream(kind: type[DataError], goes_on: bool, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, [[record(0)]], fail_at=0, kind=kind)
    Path(settings.lease).touch()
    with pytest.raises(kind):
        Turn(settings, settings.source.parts({})[0]).take(ReadParts(settings))
    assert Path(settings.lease).exists() == goes_on


class Turn:
    """One invocation at a time, as a runner makes them, which may be lost."""

    def __init__(self, settings: ReadSettings, part: Part) -> None:
        self._settings, self._part = settings, part
        self._restriction = PartRestrictions().initial_restriction(part)
        self._watermark = None
        self.pause = 0.0  # seconds that the runner is to wait

    def take(self, read: ReadParts, meanwhile: Callable[[Any], None] = lambda tracker: None) -> list[TimestampedValue]:
        """Returns what an invocation gives; the next one goes on behind it."""
        tracker = ThreadsafeRestrictionTracker(PartRestrictions().create_tracker(self._restriction))
        estimator = ManualWatermarkEstimator(self._watermark)
        found = []
        for one in read.process(self._part, RestrictionTrackerView(tracker), estimator):
            found.append(one)
            meanwhile(tracker)
        tracker.check_done()
        deferred = tracker.deferred_status()
        if deferred:
            self._restriction, pause = deferred
            self.pause = pause.micros / SECOND
        self._watermark = estimator.current_watermark()
        return found


def test_an_invocation_that_was_lost_is_read_again_from_where_it_began(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, [[record(i) for i in range(6)], [record(0)] * 99])
    [part, _] = settings.source.parts({})
    turn = Turn(settings, part)
    read = ReadParts(settings)
    first = turn.take(read)
    before = turn._restriction
    lost = turn.take(read)
    turn._restriction = before
    again = turn.take(ReadParts(settings))
    assert [one.value.path for one in again] == [one.value.path for one in lost]
    assert [one.value.ranges.tolist() for one in [*first, *again, *turn.take(read)]] == [[[0, 2]], [[2, 4]], [[4, 6]]]
    read.teardown()
    told = settings.source.told()  # type: ignore[attr-defined]
    assert [line for line in told if line.startswith(("open", "close"))] == [
        "open kafka:t/0 at 0",
        "close kafka:t/0",
        "open kafka:t/0 at 2",
        "close kafka:t/0",
    ]


def test_instances_of_one_process_share_what_is_open(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, [[record(i) for i in range(6)], [record(0)] * 99])
    turn = Turn(settings, settings.source.parts({})[0])
    one, other = ReadParts(settings), ReadParts(settings)
    found = [value for read in (one, other, one) for value in turn.take(read)]
    assert [value.value.ranges.tolist() for value in found] == [[[0, 2]], [[2, 4]], [[4, 6]]]
    other.teardown()
    opened = [line for line in settings.source.told() if not line.startswith("end")]  # type: ignore[attr-defined]
    assert opened == ["open kafka:t/0 at 0", "close kafka:t/0"]


def test_what_a_runner_splits_off_is_read_by_another_invocation(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, [[record(i) for i in range(6)], [record(0)] * 99], turn=60.0)
    turn = Turn(settings, settings.source.parts({})[0])
    rest = []

    def split(tracker: Any) -> None:
        if not rest:
            rest.append(tracker.try_split(0)[1])

    read = ReadParts(settings)
    first = turn.take(read, split)
    turn._restriction = rest[0]
    Path(settings.source.stop).write_text("")  # type: ignore[attr-defined]
    read._looked = float("-inf")
    [end] = turn.take(read)
    assert [one.value.ranges.tolist() for one in first] == [[[0, 2]]]
    assert end.value == Drained("kafka:t/0", (FIRST + 1) * SECOND)
    read.teardown()


def test_a_part_is_not_read_by_two_at_the_same_time(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, [[record(i) for i in range(6)]])
    restrictions = PartRestrictions()
    tracker = restrictions.create_tracker(restrictions.initial_restriction(settings.source.parts({})[0]))
    assert tracker.try_claim(1)
    assert tracker.try_split(0.5) is None
    done, rest = tracker.try_split(0)
    assert (done.start, done.stop, rest.start) == (0, 2, 2)


def test_a_part_of_which_all_is_read_leaves_the_waiting_to_the_runner(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, [[record(i) for i in range(10)], [record(0)] * 99], flush=7.0, turn=60.0)
    turn = Turn(settings, settings.source.parts({})[0])
    read = ReadParts(settings)
    counts, pauses = [], []
    for _ in range(3):
        counts.append(len(turn.take(read)))
        pauses.append(turn.pause)
    assert counts == [4, 1, 0]  # while more is waiting than has just come it goes on
    assert all(0.1 < pause <= 7.0 for pause in pauses)  # what is left of it when it is asked for
    read.teardown()


def test_a_part_that_has_more_lets_others_have_their_turn(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, [[record(i) for i in range(10)], [record(0)] * 99], flush=7.0)
    turn = Turn(settings, settings.source.parts({})[0])
    read = ReadParts(settings)
    assert len(turn.take(read)) == 1
    assert turn.pause <= 0.1
    read.teardown()


def test_a_part_is_never_shared_out() -> None:
    tracker = PartTracker(OffsetRange(5, 1 << 62))
    assert tracker.try_claim(6)
    assert tracker.try_split(0.5) is None
    assert tracker.try_split(0) == (OffsetRange(5, 7), OffsetRange(7, 1 << 62))
