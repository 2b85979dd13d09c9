"""Interrupts and the output of worker processes."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.terminal import interruptible, quiet_workers


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_an_interrupt_and_is_remembered(number: int) -> None:
    before = signal.getsignal(number)
    with interruptible() as interrupted:
        assert not interrupted.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert interrupted.is_set()
    assert signal.getsignal(number) is before


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    seen: list[bool] = []

    def use() -> None:
        with interruptible() as interrupted:
            seen.append(interrupted.is_set())

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert seen == [False]


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


def test_a_run_that_is_ended_leaves_no_trace(tmp_path: Path) -> None:
    text = "a b c " * 400
    (tmp_path / "in.jsonl").write_text("".join(f'{{"text": "{text}{i}"}}\n' for i in range(40_000)))
    (tmp_path / "spec.yaml").write_text("sequences: {text: {type: tokens, tokenizer: words}}")
    output = tmp_path / "out"
    command = [sys.executable, "-m", "pipeline", "run", "--spec", str(tmp_path / "spec.yaml")]
    command += ["--input", str(tmp_path / "in.jsonl"), "--output", str(output)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while not (output / ".staging").exists():
        time.sleep(0.05)
    time.sleep(0.5)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "error: interrupted"
    assert not output.exists()
