import re
from pathlib import Path

import grpc
import pytest

from pipeline.runners.options import beam_options
from pipeline.runners.told import known_error, one_line, where_logs
from schemas.errors import DataError, UsageError
from tests.pipeline.helpers import REVIEW_SPEC, make_job, review_records, run_job, write_jsonl

WORKER = """Traceback (most recent call last):
  File "sdk_worker.py", line 310, in _execute
    response = task()
  File "stage.py", line 7, in work
    raise {0}
{0}
"""
JAVA = """Pipeline job-1 failed in state FAILED: java.lang.RuntimeException: Error received from SDK harness: {0}
\tat org.apache.beam.runners.fnexecution.control.FnApiControlClient.onNext(FnApiControlClient.java:180)
Caused by: java.lang.IllegalStateException: bundle failed
\tat java.base/java.lang.Thread.run(Thread.java:840)
"""


def wrapped(error: str, java: bool) -> RuntimeError:
    text = WORKER.format(error)
    return RuntimeError(JAVA.format(text) if java else f"Pipeline job-1 failed in state FAILED: {text}")


@pytest.mark.parametrize("java", [False, True])
def test_what_a_worker_says_of_the_data_is_told_as_it_is(java: bool) -> None:
    error = wrapped("schemas.errors.DataError: a.jsonl: is damaged; mend it [while running 'Stage blocks/Stage']", java)
    told = known_error(error)
    assert (type(told), str(told)) == (DataError, "a.jsonl: is damaged; mend it")
    assert type(known_error(wrapped("schemas.errors.UsageError: no", java))) is UsageError


@pytest.mark.parametrize("java", [False, True])
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("ModuleNotFoundError: No module named 'pipeline'", "the workers do not have this package (No module named 'p"),
        ("ModuleNotFoundError: No module named 'schemas'", "the workers do not have this package (No module named 's"),
        (
            "ModuleNotFoundError: No module named 'pipeline.runners'",
            "the workers have another version of this package (No module named 'pipeline.runners'); install",
        ),
        (
            "AttributeError: Can't get attribute '_Stage' on <module 'pipeline.stage' from '/x/stage.py'>",
            "the workers have another version of this package (no _Stage in pipeline.stage); install",
        ),
    ],
)
def test_workers_without_what_the_job_is_made_of(said: str, told: str, java: bool) -> None:
    assert str(known_error(wrapped(said, java))).startswith(told)


def test_a_package_of_somebody_else_is_no_such_error() -> None:
    assert known_error(wrapped("ModuleNotFoundError: No module named 'rfc8785'", False)) is None
    assert known_error(ValueError("pipeline")) is None


@pytest.mark.parametrize("java", [False, True])
def test_of_a_traceback_the_last_line_of_python(java: bool) -> None:
    assert (
        one_line(wrapped("pyarrow.lib.ArrowInvalid: x\nZeroDivisionError: by zero", java))
        == "ZeroDivisionError: by zero"
    )
    assert known_error(wrapped("ZeroDivisionError: by zero", java)) is None


def test_line_ends_that_an_engine_has_escaped() -> None:
    error = RuntimeError(wrapped("ValueError: 5", False).args[0].replace("\n", "\\n"))
    assert one_line(error) == "ValueError: 5"


def test_of_java_alone_the_cause() -> None:
    text = "java.lang.RuntimeException: wrapped\n\tat a.b(C.java:1)\nCaused by: java.io.IOException: disk\n\tat d.e(F)"
    assert one_line(RuntimeError(text)) == "RuntimeError: java.io.IOException: disk"


def test_of_anything_else_the_first_line() -> None:
    assert one_line(ZeroDivisionError("\n by zero \nand more")) == "ZeroDivisionError: by zero"
    assert one_line(AssertionError()) == "AssertionError: says nothing more"


def test_where_there_is_more() -> None:
    assert where_logs(beam_options([])) == where_logs(beam_options(["--runner=FlinkRunner"])) == ""
    pool = ["--environment_type=EXTERNAL", "--environment_config=pool:50000"]
    assert where_logs(beam_options(["--runner=FlinkRunner", "--flink_master=m", *pool])) == (
        "; the cluster's own log: http://m:8081; what workers printed: where the pool at pool:50000 was started"
    )


@pytest.mark.parametrize("fails", ["pipeline.encode.encode_block", "pipeline.stage.validate"])
def test_a_job_that_fails_behind_a_job_service(fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(fails, crash)
    job = make_job(REVIEW_SPEC, write_jsonl(tmp_path / "r.jsonl", review_records(20)), tmp_path / "data")
    with pytest.raises(DataError) as caught:
        run_job(job, "--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK")
    path = Path(job.failed, "traceback.txt")
    assert re.fullmatch(
        rf"the run failed: ZeroDivisionError: by zero \[while running '.*'\]; nothing was published; details: {path}",
        str(caught.value),
    )
    assert "in crash" in path.read_text()


def test_of_a_status_of_grpc_what_it_means() -> None:
    channel = grpc.insecure_channel("localhost:1")
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/a/b")(b"", timeout=5)
    assert one_line(caught.value).startswith("UNAVAILABLE: ")
    assert len(one_line(caught.value).splitlines()) == 1
