"""What is said of a stream while it goes on, and when its sources are told to end."""

import io
import time
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from rich.console import Console

from pipeline import files
from pipeline.streaming import progress, status
from pipeline.streaming.closing import closings
from pipeline.streaming.closing.closings import Closing
from pipeline.streaming.closing.ledger import Ledger
from pipeline.streaming.figures import figures, write_figures
from pipeline.streaming.job import StreamJob
from pipeline.streaming.progress import ShowStream, State, Watched, line, time_of
from pipeline.streaming.status import Status
from schemas.errors import DataError
from schemas.manifest import SPAN_VERSION, dump_manifest, seal
from schemas.manifest_pb2 import Manifest
from schemas.streams.windows import MINUTE, SECOND, UNKNOWN
from schemas.times import FIRST_MICROS, LAST_MICROS
from tests.pipeline.streaming.happenings import stream_job

FIRST, LATE = "1970-01-01T0000", "1970-01-01T0000-late"


def say(job: StreamJob, part: str, records: int, lag: int | None = 0, watermark: int = 0, note: str = "") -> None:
    status.dump(job.root, Status(part, records, lag, watermark, records, 10 * records, time.time(), note))


def close(job: StreamJob, name: str, kind: str, records: int) -> None:
    path = files.join(job.window_folder(name), "a.jsonl")
    files.write(path, b"{}\n")
    closing = Closing(name, kind, 0, job.window, (path.removeprefix(f"{job.root}/"),), records, 3, {})
    assert closings.create(job.closings, closing)


def publish(job: StreamJob, name: str, kept: int, rejected: int, events: int = 0) -> None:
    manifest = Manifest(format_version=SPAN_VERSION)
    manifest.span.name = name
    manifest.counts.kept = kept
    manifest.counts.rejected["unknown_label"] = rejected
    if events:
        manifest.counts.events.rejected["invalid_json"] = events
    files.write(f"{job.root}/spans/{name}/manifest.json", dump_manifest(seal(manifest)))
    files.delete_folder(job.window_folder(name))


class Shown:
    """A `ShowStream` of which each look is asked for, with what it said and did."""

    def __init__(self, job: StreamJob, why: str = "") -> None:
        self.text, self.why, self.finished, self.asked = io.StringIO(), why, 0, 0
        console = Console(file=self.text, soft_wrap=True)
        self.show = ShowStream(job, Ledger(job.closings), console, "", lambda _: None, self._why, self._finish)

    def look(self) -> list[str]:
        self.show._look()
        return self.text.getvalue().splitlines()

    def _why(self, _: State) -> str:
        self.asked += 1
        return self.why

    def _finish(self) -> None:
        self.finished += 1


def test_a_line() -> None:
    state = State(1234, 56.7, 8, 600 * SECOND, 1, 2, 3, 4, 5, 6, 7)
    assert line(state, 600 + 7200.0) == (
        "1,234 records, 57/s; lag 8; event time 1970-01-01 00:10:00Z (2 h behind); 2 window(s) open, 3 being written, "
        "4 span(s); late 5, too late 6, rejected 7"
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "120 min"), (172_800, "2 d")]
)
def test_how_far_behind(seconds: float, text: str) -> None:
    assert f"({text} behind)" in line(State(watermark=600 * SECOND), 600 + seconds)


def test_a_line_of_what_nobody_knows() -> None:
    assert line(State(), 0.0).startswith("0 records, 0/s; lag unknown; no event time yet; 0 window(s) open")


def test_what_parts_say(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    watched = Watched(job, Ledger(job.closings))
    state = watched.look()
    assert (state.parts, state.lag, state.watermark, state.caught_up) == (0, None, UNKNOWN, False)
    say(job, "a", 10, lag=3, watermark=7, note="slow")
    say(job, "b", 5, lag=4, watermark=9, note="slow")
    state = watched.look()
    assert (state.records, state.parts, state.lag, state.watermark, state.notes) == (15, 2, 7, 7, ["slow"])
    assert not state.caught_up
    say(job, "b", 5, lag=None, watermark=UNKNOWN)
    state = watched.look()
    assert (state.lag, state.watermark, state.caught_up) == (None, UNKNOWN, True)


def test_records_a_second_are_of_the_last_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    job = stream_job(tmp_path)
    watched, rates = Watched(job, Ledger(job.closings)), []
    for seconds, records in ((5, 50), (7, 50), (15, 150), (30, 150), (60, 150)):
        now[0] = float(seconds)
        say(job, "a", records)
        rates.append(watched.look().rate)
    assert rates == pytest.approx([10, 50 / 7, 10, 0, 0])


def test_what_is_closed_and_published(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    watched = Watched(job, Ledger(job.closings))
    files.write(job.held_path, b"3")
    close(job, FIRST, closings.WINDOW, 9)
    close(job, LATE, closings.LATE, 4)
    close(job, f"{FIRST}-too-late-1", closings.TOO_LATE, 2)
    files.delete_folder(job.window_folder(f"{FIRST}-too-late-1"))
    state = watched.look()
    assert (state.open_windows, state.waiting, state.spans, state.late, state.too_late) == (3, 2, 0, 4, 2)
    publish(job, FIRST, 6, 3)
    publish(job, LATE, 2, 1, events=2)
    for _ in range(2):  # each span is counted once
        state = watched.look()
        assert (state.waiting, state.spans, state.kept, state.rejected) == (0, 2, 8, 6)


def test_spans_of_an_earlier_start_are_not_counted_but_those_it_left_are(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    close(job, FIRST, closings.WINDOW, 9)
    publish(job, FIRST, 9, 0)
    close(job, LATE, closings.LATE, 1)
    ledger = Ledger(job.closings)
    ledger.refresh()
    watched = Watched(job, ledger)
    publish(job, LATE, 1, 0)
    state = watched.look()
    assert (state.spans, state.kept) == (1, 1)


def test_sources_are_told_to_end_once(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    shown = Shown(job)
    assert shown.look() == []
    assert not Path(job.stop_path).exists()
    shown.why = "enough"
    assert shown.look() == ["enough"]
    assert Path(job.stop_path).exists()
    assert shown.look() == ["enough"]
    assert shown.asked == 2


def test_it_is_finished_once_all_is_published(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    shown = Shown(job, "enough")
    close(job, FIRST, closings.WINDOW, 9)
    shown.look()
    files.write(job.drained_path, b"")
    shown.look()
    assert shown.finished == 0  # a closed window waits
    publish(job, FIRST, 9, 0)
    shown.look()
    shown.look()
    assert shown.finished == 1


def test_windows_that_a_drain_has_just_closed_are_waited_for(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    shown = Shown(job, "enough")
    shown.look()
    shown.show._see()
    close(job, FIRST, closings.WINDOW, 9)  # by the last timer, between two steps of one look
    files.write(job.drained_path, b"")
    shown.show._decide()
    shown.look()
    assert shown.finished == 0
    publish(job, FIRST, 9, 0)
    shown.look()
    assert shown.finished == 1


def test_a_drain_in_which_nothing_is_published_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    job = stream_job(tmp_path)
    shown = Shown(job, "enough")
    close(job, FIRST, closings.WINDOW, 9)
    close(job, LATE, closings.LATE, 9)
    shown.look()
    files.write(job.drained_path, b"")
    shown.look()
    publish(job, FIRST, 9, 0)
    for seconds in (170, 340):  # since the last span that came
        now[0] = 100.0 + seconds
        assert "wait for their spans" not in shown.look()[-1]
    now[0] += 20
    [said] = [text for text in shown.look() if "wait for" in text]
    assert said.startswith("warning: 1 closed window(s) wait for their spans, and none came for 3 minutes; where that")
    assert shown.finished == 0


def test_parts_that_have_ended_are_not_missed(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    status.dump(job.root, Status("a", 1, 0, 0, 1, 1, time.time() - 999))
    watched = Watched(job, Ledger(job.closings))
    assert watched.look().notes
    files.write(job.drained_path, b"")
    assert watched.look().notes == []


def test_a_note_is_told_once(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    shown = Shown(job)
    say(job, "a", 1, note="part 2 is gone")
    assert shown.look() == shown.look() == ["warning: part 2 is gone"]


def test_a_wish_to_stop_comes_through_whatever_fails(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    shown = Shown(job, "enough")

    def fail(_: State) -> None:
        raise OSError("no room for figures")

    shown.show._told = fail
    files.write(status.status_path(job.root, "a"), b"{")
    for _ in range(2):
        said = shown.look()
    assert Path(job.stop_path).exists()
    assert said[0].startswith("warning: ")
    assert said[0].endswith("delete it: it is written again")
    assert said[1:] == ["enough", "warning: no room for figures"]


def test_a_part_that_nobody_reads_any_more_is_told() -> None:
    parts = [Status("a", 1, 0, 0, 1, 1, 1_000.0), Status("b", 1, 0, 0, 1, 1, 1_100.0)]
    assert progress.silent(parts, 1_180.0) == set()
    [said] = progress.silent(parts, 1_181.0)
    assert said.startswith("a: nothing was heard of it for 3 minutes;")


def test_figures() -> None:
    said = generate_latest(figures("out", State(records=5, lag=7, watermark=MINUTE, rejected=2), 9.0)).decode()
    values = dict(row.rsplit(" ", 1) for row in said.splitlines() if not row.startswith("#"))
    names = {
        name.removesuffix('{dataset="out"}').removeprefix("lengthwise_stream_"): float(values[name]) for name in values
    }
    assert names["look_timestamp_seconds"] == 9
    assert names["event_time_timestamp_seconds"] == 60
    assert {names[name] for name in ("open_windows", "windows_being_written", "spans", "records_late")} == {0}
    assert [names[name] for name in ("records_read", "lag", "records_rejected", "records_too_late")] == [5, 7, 2, 0]
    nothing = generate_latest(figures("out", State(), 9.0)).decode()
    assert "stream_lag" not in nothing
    assert "stream_event_time" not in nothing


def test_figures_that_cannot_be_written(tmp_path: Path) -> None:
    write_figures("", "out", State())
    with pytest.raises(DataError, match=r"--metrics .*/none/x: cannot be written: No such file"):
        write_figures(f"{tmp_path}/none/x", "out", State())


def test_the_end_of_the_last_window_of_all_is_shown() -> None:
    assert time_of(10 * MINUTE) == "1970-01-01 00:10:00Z"
    assert time_of(LAST_MICROS + 1) == "9999-12-31 23:59:59Z"
    assert time_of(FIRST_MICROS - 1) == time_of(FIRST_MICROS)
