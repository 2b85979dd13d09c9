"""The output of worker processes."""

import subprocess
import sys

from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.terminal import quiet_workers


def test_what_worker_processes_print_is_not_shown() -> None:
    code = """
import subprocess, sys
from apache_beam.options.pipeline_options import PipelineOptions
from pipeline.terminal import quiet_workers
child = [sys.executable, "-c", "import sys; print('noise', file=sys.stderr)"]
with quiet_workers(PipelineOptions(["--direct_running_mode=multi_processing"])) as terminal:
    subprocess.run(child, check=True)
    terminal.write(b"progress\\n")
    terminal.flush()
subprocess.run(child, check=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [line for line in done.stderr.splitlines() if "apitools" not in line] == ["progress", "noise"]


def test_what_a_worker_thread_prints_after_a_run_is_not_shown() -> None:
    code = """
import logging, queue
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.worker.sdk_worker import SdkHarness
from pipeline.terminal import quiet_workers
logging.disable()
with quiet_workers(PipelineOptions(["--runner=PrismRunner"])):
    pass
late = object.__new__(SdkHarness)
late._responses = queue.Queue()
late._execute(lambda: 1 / 0, beam_fn_api_pb2.InstructionRequest(instruction_id="1"))
print(late._responses.get().error.splitlines()[-1])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ZeroDivisionError: division by zero\n"
    assert [line for line in done.stderr.splitlines() if "apitools" not in line] == []


def test_one_process_keeps_its_standard_error() -> None:
    with quiet_workers(PipelineOptions([])) as terminal:
        assert terminal is None
