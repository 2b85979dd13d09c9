"""Interrupts: at once, or at the end of what must be done whole."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.interrupts import interruptible, shielded


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


def test_a_signal_waits_for_the_end_of_a_shield() -> None:
    steps = []
    with interruptible() as interrupted:
        with pytest.raises(KeyboardInterrupt), shielded():
            with shielded():
                signal.raise_signal(signal.SIGINT)
                steps.append("inner")
            steps.append("outer")
        assert interrupted.is_set()
        with shielded():
            steps.append("nothing waits any more")
    assert steps == ["inner", "outer", "nothing waits any more"]


def test_an_error_under_a_shield_is_told_before_an_interrupt() -> None:
    with interruptible() as interrupted, pytest.raises(ValueError, match="broken"), shielded():
        signal.raise_signal(signal.SIGTERM)
        raise ValueError("broken")
    assert interrupted.is_set()


def test_another_thread_has_no_shield() -> None:
    with interruptible():
        entered, left = threading.Event(), threading.Event()

        def use() -> None:
            with shielded():
                entered.set()
                left.wait(10)

        thread = threading.Thread(target=use)
        thread.start()
        entered.wait(10)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        left.set()
        thread.join()


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


def test_a_thread_that_waits_for_ever_does_not_keep_an_interrupted_process() -> None:
    code = (
        "import threading, pipeline.__main__ as m\n"
        "def main():\n"
        "    threading.Thread(target=threading.Event().wait).start()\n"
        "    print('said')\n"
        "    return m.cli.INTERRUPTED\n"
        "m.cli.main = main\n"
        "m.main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (130, "said\n")
