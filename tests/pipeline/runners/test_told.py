import re
from pathlib import Path

import grpc
import pytest

from pipeline.runners.options import beam_options
from pipeline.runners.told import known_error, one_line, where_logs, where_workers
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


# As Flink 1.19 and Beam's runner for it said them.
SILENT = """org.apache.flink.client.program.ProgramInvocationException: Job failed (JobID: 9fb642)
Caused by: java.lang.RuntimeException: No client connected within timeout
\tat org.apache.beam.runners.fnexecution.data.GrpcDataService.createOutboundAggregator(GrpcDataService.java:189)
Caused by: java.util.concurrent.TimeoutException: Waited 3 minutes (plus 156161 nanoseconds delay) for \
SettableFuture@42fbca59[status=PENDING]
"""
NO_PYTHON = """Pipeline job-1 failed in state FAILED: java.lang.RuntimeException: Traceback (most recent call last):
  File "/x/site-packages/apache_beam/runners/worker/worker_pool_main.py", line 163, in StartWorker
    worker_process = subprocess.Popen(
                     ^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/subprocess.py", line 1955, in _execute_child
    raise child_exception_type(errno_num, err_msg, err_filename)
FileNotFoundError: [Errno 2] No such file or directory: 'python'

\tat org.apache.beam.runners.fnexecution.environment.ExternalEnvironmentFactory.createEnvironment(External.java:137)
"""
SLOTS = """Caused by: org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: Slot request bulk \
is not fulfillable! Could not allocate the required slot within slot request timeout
"""
MASTER = "Pipeline job-1 failed in state FAILED: java.net.ConnectException: Connection refused"
CANCELLED = "Pipeline job-1 failed in state FAILED: org.apache.flink.runtime.client.JobCancellationException: Job was x"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            SILENT,
            r"a Python worker that the engine waited for did not come, .*each task manager a pool of its own",
        ),
        (SILENT.split("Caused by: java.util")[0], r"a Python worker that the engine waited for did not come, .*"),
        (
            NO_PYTHON,
            r"the pool of workers cannot start one \(FileNotFoundError: \[Errno 2\] No such file or directory: "
            r"'python'\); start it with the package's Python first in its PATH",
        ),
        (SLOTS, r"the job got too few free slots .*; say a smaller --parallelism, start more task managers, .*"),
        (MASTER, r"the cluster's master is gone \(Connection refused\); start it, and then the same command, again"),
        (CANCELLED, "somebody else cancelled the job on the cluster"),
    ],
)
def test_what_an_engine_waited_for_in_vain(said: str, told: str) -> None:
    assert re.fullmatch(told, one_line(RuntimeError(said)))
    assert re.fullmatch(told, one_line(RuntimeError("Pipeline job-1 failed."), said))


def test_where_to_look_when_no_worker_begins() -> None:
    pool = ["--environment_type=EXTERNAL", "--environment_config=pool:50000"]
    flink = ["--runner=FlinkRunner", "--flink_master=m"]
    loopback = ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"]
    for certain in ([], loopback, ["--runner=PrismRunner"]):
        assert where_workers(beam_options(certain)) == ""
    assert where_workers(beam_options([*flink, *pool])) == (
        "perhaps no worker has begun yet; look at whether Flink has task managers and free slots: http://m:8081, and "
        "what the pool at pool:50000 printed, and whether its `python` has this package"
    )
    assert where_workers(beam_options(flink)) == (
        "perhaps no worker has begun yet; look at whether Flink has task managers and free slots: http://m:8081"
    )
    docker = ["--runner=PortableRunner", "--job_endpoint=j:1", "--environment_type=DOCKER"]
    assert where_workers(beam_options(docker)) == (
        "perhaps no worker has begun yet, and it is the engine that starts workers"
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
    assert one_line(caught.value).startswith("the job service is gone (UNAVAILABLE: ")
    assert len(one_line(caught.value).splitlines()) == 1
