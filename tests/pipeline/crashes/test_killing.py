"""A sample of what `make soak` does at length."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(("scenario", "pairs"), [("plain", 1), ("next span", 0)])
def test_runs_that_are_killed_end_as_others_do(scenario: str, pairs: int) -> None:
    options = ["--only", scenario, "--kills", "3", "--seed", "7", "--flips", "5", "--pairs", str(pairs)]
    command = [sys.executable, "-m", "tests.pipeline.crashes.killing", *options]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout)
    assert figures["kills"] >= 3
    assert (figures["flips"], figures["pairs"], figures["findings"]) == (5, pairs, 0)
