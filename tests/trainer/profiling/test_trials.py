"""Processes of trials: what they say, and the ways in which they end."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import DataError, LengthwiseError, UsageError
from trainer.config import TrainerConfig
from trainer.profiling.shapes import Shape
from trainer.profiling.trial_process import OUT_OF_MEMORY
from trainer.profiling.trials import Trial, TrialRunner, describe_machine, run_process


def process(monkeypatch: Any, code: str) -> None:
    """Makes trials run a program that needs no TensorFlow."""
    monkeypatch.setattr("trainer.profiling.trials._COMMAND", [sys.executable, "-c", f"import os, sys, time\n{code}"])


def runner(**changes: Any) -> TrialRunner:
    values = {"data": Path("data"), "config": TrainerConfig(), "limit_mib": 1_000, "most_seconds": 60.0, "repeats": 3}
    return TrialRunner(**{**values, **changes})


def test_what_a_trial_is_asked_and_answers(monkeypatch: Any) -> None:
    process(
        monkeypatch,
        "import json; asked = json.load(sys.stdin)\n"
        "chosen = {'since': '', 'until': '', 'last': 0, 'names': [], 'beside': []}\n"
        "assert asked['data'] == {'root': 'data', **chosen}, asked['data']\n"
        "assert (asked['examples'], asked['steps'], asked['repeats']) == (8, 20, 3)\n"
        "assert asked['settings']['units'] == 64\n"
        "print('chatter'); print(json.dumps({'seconds': 0.0123456, 'peak_mib': 321}))",
    )
    trial = runner().run(Shape(steps=20, examples=8))
    assert trial == Trial(8, 160, "", 0.01235, 321)
    assert trial.plain() == {
        "examples": 8,
        "padded_steps": 160,
        "failure": "",
        "seconds": 0.01235,
        "peak_mib": 321,
        "padded_steps_per_second": 12955.5,
    }


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
        ("os.abort()", "was ended by SIGABRT"),
        (f"sys.exit({OUT_OF_MEMORY})", "ran out of memory"),
        ('print(\'{"seconds": 1, "peak_mib": 1001}\')', "took 1001 MiB of memory where 1000 are allowed"),
    ],
)
def test_a_trial_that_took_too_much(code: str, failure: str, monkeypatch: Any) -> None:
    process(monkeypatch, code)
    trial = runner().run(Shape(steps=20, examples=8))
    assert (trial.failure, trial.seconds, trial.padded_steps_per_second) == (failure, None, None)
    assert trial.plain()["padded_steps_per_second"] is None


def test_a_trial_is_ended_when_its_time_is_over(monkeypatch: Any) -> None:
    process(monkeypatch, "time.sleep(60)")
    started = time.monotonic()
    assert runner(most_seconds=0.2).run(Shape(20, 8)).failure == "took more than 0.2 s"
    assert time.monotonic() - started < 30


def test_a_trial_is_ended_as_soon_as_it_takes_too_much_memory(monkeypatch: Any) -> None:
    process(monkeypatch, "held = []\nwhile True:\n    held.append(b'x' * 2**22); time.sleep(0.01)")
    answer, failure, peak = run_process({}, 100, 60)
    assert answer == {}
    assert failure == f"took {peak} MiB of memory where 100 are allowed"
    assert 100 < peak < 1_000


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("print('one\\nlabel: none', file=sys.stderr); sys.exit(2)", UsageError, "label: none"),
        ("print('label: has 1 class', file=sys.stderr); sys.exit(1)", DataError, "label: has 1 class"),
        ("sys.exit(3)", DataError, "a trial ended with code 3 and said nothing"),
        ("raise ValueError('oh')", DataError, "ValueError: oh"),
    ],
)
def test_another_failure_is_no_matter_of_size(
    code: str, kind: type[LengthwiseError], message: str, monkeypatch: Any
) -> None:
    process(monkeypatch, code)
    with pytest.raises(kind) as error:
        runner().run(Shape(20, 8))
    assert str(error.value) == message


def test_tensorflow_that_does_not_start(monkeypatch: Any) -> None:
    process(monkeypatch, "os.kill(os.getpid(), 11)")
    with pytest.raises(DataError) as error:
        describe_machine(60)
    assert str(error.value) == (
        "TensorFlow does not start: its process was ended by SIGSEGV; see `python -c 'import tensorflow'`"
    )
