"""What an engine says while it is at work."""

import logging
import threading
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import StandardOptions

from pipeline.runners import said
from pipeline.runners.options import beam_options
from pipeline.runners.said import EngineLog, cancelling, listening
from pipeline.runners.told import one_line

REMOTE = beam_options(["--runner=PortableRunner", "--job_endpoint=localhost:1"])
STATUS = """Traceback (most recent call last):
  File "channel.py", line 999, in __call__
    raise _InactiveRpcError(state)
grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with:
	status = StatusCode.UNAVAILABLE
	details = "Failed to connect to remote host: Connection refused"
>"""


def test_what_an_engine_says_is_kept_and_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    log, root = EngineLog(), logging.getLogger()
    before = root.handlers[:], root.level
    with listening(REMOTE, log, threading.Event()):
        logging.log(logging.INFO, "started")
        logging.warning("slow")
        logging.error("%s failed", "bundle")
    assert (log.text, log.errors) == ("slow\nbundle failed", "bundle failed")
    assert (root.handlers, root.level) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("is_broken_off", [True, False])
def test_what_prism_says_of_what_was_broken_off_is_not_printed(is_broken_off: bool) -> None:
    interrupted, prism, after = threading.Event(), logging.getLogger("PrismJobServer"), EngineLog()
    prism.setLevel(logging.INFO)  # as Beam does with each that it starts
    prism.addHandler(after)
    try:
        with listening(REMOTE, EngineLog(), interrupted):
            if is_broken_off:
                interrupted.set()
        prism.warning("pipeline canceled")
        assert after.text == ("" if is_broken_off else "pipeline canceled")
    finally:
        prism.removeHandler(after)
        prism.setLevel(logging.NOTSET)


def test_only_the_last_messages_are_kept() -> None:
    log = EngineLog()
    with listening(REMOTE, log, threading.Event()):
        for i in range(1_000):
            logging.error("message %d", i)
    assert log.text.splitlines()[-1] == "message 999"
    assert len(log.text.splitlines()) == 200


def test_the_log_of_a_local_runner_is_left_alone() -> None:
    log, handlers = EngineLog(), logging.getLogger().handlers[:]
    with listening(beam_options([]), log, threading.Event()):
        assert logging.getLogger().handlers == handlers
    assert log.text == ""


class Result:
    """Of a job that an engine has."""

    def __init__(self, error: BaseException | None) -> None:
        self.cancelled, self._error = False, error

    def wait_until_finish(self) -> None:
        if self._error:
            raise self._error

    def cancel(self) -> None:
        self.cancelled = True
        raise RuntimeError("it cannot")


@pytest.mark.parametrize(("error", "cancelled"), [(None, False), (KeyboardInterrupt(), True), (OSError("x"), True)])
def test_a_job_that_is_broken_off_is_cancelled(error: Any, cancelled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    result = Result(error)
    monkeypatch.setattr(beam.Pipeline, "run", lambda self: result)
    try:
        with cancelling(beam.Pipeline(), lambda: False):
            pass
    except BaseException as raised:
        assert raised is error  # and not what cancelling said
    assert result.cancelled == cancelled


@pytest.mark.parametrize("is_over", [True, False])
def test_a_job_that_a_worker_has_ended_is_cancelled_on_the_cluster(
    is_over: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    looked = threading.Event()

    def over() -> bool:
        looked.set()
        return is_over

    def cancel(url: str, job_id: str) -> bool:
        asked.append(f"{url} {job_id}")
        cancelled.set()
        return True

    class Job(Result):
        _job_id = "job_1"

        def wait_until_finish(self) -> None:
            assert looked.wait(10)
            assert not is_over or cancelled.wait(10)

    cancelled = threading.Event()
    monkeypatch.setattr(said, "_ASK_SECONDS", 0.0)
    monkeypatch.setattr(said, "cancel_job", cancel)
    options = beam_options(["--runner=FlinkRunner", "--flink_master=m"])

    def run(_: beam.Pipeline) -> Job:
        options.view_as(StandardOptions).runner = None  # as Beam does
        return Job(None)

    monkeypatch.setattr(beam.Pipeline, "run", run)
    with cancelling(beam.Pipeline(options=options), over):
        pass
    assert asked == ["http://m:8081 job_1"] * is_over


def test_a_worker_that_is_lost_is_told_in_words() -> None:
    error = RuntimeError("Pipeline job-1 failed in state FAILED: Error running pipeline.")
    said = "Traceback (most recent call last):\n  File x\nRuntimeError: Channel closed prematurely."
    told = "a worker ended in the middle of its work (Channel closed prematurely); start the same command again"
    assert one_line(error, said) == told
    prism = RuntimeError("bundle inst012 failed:SDK worker disconnected: worker[job-1], error: context canceled")
    assert one_line(prism) == told.replace("Channel closed prematurely", "SDK worker disconnected")


def test_what_was_said_before_an_error_that_says_nothing() -> None:
    error = RuntimeError("Pipeline job-1 failed in state FAILED: Error running pipeline.")
    assert one_line(error) == "RuntimeError: Pipeline job-1 failed in state FAILED: Error running pipeline."
    assert one_line(error, STATUS) == "InactiveRpcError: Failed to connect to remote host: Connection refused"
