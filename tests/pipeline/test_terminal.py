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


def test_one_process_keeps_its_standard_error() -> None:
    with quiet_workers(PipelineOptions([])) as terminal:
        assert terminal is None
