import io
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import progress
from pipeline.blocks import InputFile
from pipeline.job import Job
from pipeline.progress import ShowProgress, is_late
from tests.pipeline.helpers import quiet


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Two blocks of 100 bytes."""
    inputs = (InputFile("a", 100, ""), InputFile("b", 100, ""))
    return Job(b"", inputs, {"train": 1.0}, output=str(tmp_path), run="run", block_bytes=100)


@pytest.fixture
def small_blocks(tmp_path: Path) -> Job:
    """Blocks of 40, 40 and 20 bytes."""
    return Job(b"", (InputFile("a", 100, ""),), {"train": 1.0}, output=str(tmp_path), run="run", block_bytes=40)


def leave(path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(b"x")


def test_the_share_rises_with_the_bytes_of_the_blocks_that_are_through(small_blocks: Job) -> None:
    job = small_blocks
    watch = ShowProgress(job, quiet())
    assert watch.share_done() == (0.0, "reading")
    leave(job.staged_path(1, 0, 40))
    leave(job.staged_path(0, 0, 40) + ".stage.tmp")  # not finished
    share, step = watch.share_done()
    assert (share, step) == (pytest.approx(0.55 * 0.4), "reading")
    leave(job.staged_path(0, 0, 40))
    leave(job.staged_path(2, 0, 20))
    assert watch.share_done() == (pytest.approx(0.55), "encoding and writing")
    leave(job.segment_path(2))  # without its index it is not finished
    assert watch.share_done()[0] == pytest.approx(0.55)
    leave(job.segment_path(2) + ".index")
    assert watch.share_done()[0] == pytest.approx(0.55 + 0.45 * 0.2)
    leave(job.segment_path(0) + ".index")
    leave(job.segment_path(1) + ".index")
    assert watch.share_done() == (pytest.approx(1.0), "encoding and writing")


def test_a_block_that_is_read_part_by_part(small_blocks: Job) -> None:
    job = small_blocks
    watch = ShowProgress(job, quiet())
    leave(job.staged_path(0, 0, 10))
    leave(job.staged_path(0, 1, 30))
    assert watch.share_done() == (pytest.approx(0.55 * 0.3), "reading")
    leave(job.segment_path(0, 1) + ".index")
    assert watch.share_done() == (pytest.approx(0.55 * 0.3 + 0.45 * 0.2), "reading")


def test_events_are_read_and_then_grouped(small_blocks: Job) -> None:
    job = replace(small_blocks, partitions=4)
    watch = ShowProgress(job, quiet())
    leave(job.events_path(0, 0, 40))
    leave(job.events_path(1, 0, 40))
    assert watch.share_done() == (pytest.approx(0.55 * 0.7 * 0.8), "reading")
    leave(job.events_path(2, 0, 20))
    assert watch.share_done() == (pytest.approx(0.55 * 0.7), "reading")
    for partition in range(4):
        leave(job.staged_path(partition, 0, 25))
    assert watch.share_done() == (pytest.approx(0.55), "encoding and writing")
    leave(job.segment_path(3) + ".index")
    assert watch.share_done() == (pytest.approx(0.55 + 0.45 * 0.25), "encoding and writing")


def test_sets_are_gathered_after_everything_is_encoded(small_blocks: Job) -> None:
    job = replace(small_blocks, sets=4)
    watch = ShowProgress(job, quiet())
    for block, consumed in enumerate((40, 40, 20)):
        leave(job.staged_path(block, 0, consumed))
    assert watch.share_done() == (pytest.approx(0.8 * 0.55), "encoding and writing")
    for block in range(3):
        leave(job.segment_path(block) + ".index")
    assert watch.share_done() == (pytest.approx(0.8), "gathering and writing")
    leave(job.gathered_path(0))  # its positions come last
    leave(job.gathered_path(1) + ".positions")
    assert watch.share_done() == (pytest.approx(0.85), "gathering and writing")
    for number in range(4):
        leave(job.gathered_path(number) + ".positions")
    assert watch.share_done() == (pytest.approx(1.0), "gathering and writing")


def test_a_block_without_records_leaves_nothing_that_is_encoded(small_blocks: Job) -> None:
    job = replace(small_blocks, sets=4)
    leave(job.staged_path(0, 0, 100))
    leave(job.gathered_path(0) + ".positions")
    assert ShowProgress(job, quiet()).share_done()[1] == "gathering and writing"


def test_lines_where_there_is_no_terminal(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.02)
    said = io.StringIO()
    with ShowProgress(job, Console(file=said, soft_wrap=True)):
        wait_for(said, "reading: 0% of 200 bytes, time left unknown\n")
        leave(job.staged_path(0, 0, 100))
        wait_for(said, "reading: 28% of 200 bytes, about 0:00 left\n")
        leave(job.staged_path(1, 0, 100))
        wait_for(said, "encoding and writing: 55% of 200 bytes, about 0:00 left\n")
    lines = said.getvalue().splitlines()
    time.sleep(0.05)
    assert said.getvalue().splitlines() == lines  # nobody speaks after the end


def wait_for(said: io.StringIO, text: str) -> None:
    end = time.monotonic() + 10
    while text not in said.getvalue():
        assert time.monotonic() < end, f"{text!r} never came; said: {said.getvalue()!r}"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("seconds", "done", "late"), [(59.9, 0.0, False), (60.0, 0.0, True), (600.0, 1e-6, False), (0.0, 0.0, False)]
)
def test_when_something_should_be_done_by_now(seconds: float, done: float, late: bool) -> None:
    assert is_late(seconds, done) == late


@pytest.mark.parametrize(("hint", "staged", "told"), [("look", 0, 1), ("", 0, 0), ("look", 100, 1)])
def test_where_to_look_is_told_once_where_nothing_is_done(
    hint: str, staged: int, told: int, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LINE_SECONDS", 0.02)
    monkeypatch.setattr(progress, "_LATE_SECONDS", 0.0)
    if staged:  # by the run that this one goes on from
        leave(job.staged_path(0, 0, staged))
    said = io.StringIO()
    with ShowProgress(job, Console(file=said, soft_wrap=True), hint):
        wait_for(said, "\n")
        lines = said.getvalue().count("\n")
        while said.getvalue().count("\n") < lines + 3:
            time.sleep(0.01)
    assert said.getvalue().count("nothing is done after 0 s: look\n") == told


def test_the_time_left_follows_from_the_time_so_far(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = ShowProgress(job, quiet())
    started = watch._started
    monkeypatch.setattr(time, "monotonic", lambda: started + 90)
    assert watch._remaining(0) == "time left unknown"
    assert watch._remaining(0.25) == "about 4:30 left"
    assert watch._remaining(0.75) == "about 0:30 left"
    assert watch._remaining(1) == "about 0:00 left"


def test_a_bar_on_a_terminal(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_POLL_SECONDS", 0.02)
    said = io.StringIO()
    leave(job.staged_path(0, 0, 100))
    with ShowProgress(job, Console(file=said, force_terminal=True, width=80)):
        wait_for(said, "28%")
    assert "reading" in said.getvalue()


def test_short_runs_say_nothing(job: Job) -> None:
    said = io.StringIO()
    with ShowProgress(job, Console(file=said)):
        pass
    assert said.getvalue() == ""


def test_an_error_passes_through(job: Job) -> None:
    with pytest.raises(ZeroDivisionError), ShowProgress(job, quiet()):
        raise ZeroDivisionError
