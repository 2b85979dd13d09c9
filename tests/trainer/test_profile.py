"""The command `profile` from end to end: measurements, a search with trials of its own, wrong usage."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.yaml_text import parse_yaml
from trainer.cli import main
from trainer.profiling.trials import describe_machine

TINY = ["--set", "units=2", "--set", "embedding_size=2", "--set", "pooling=last", "--set", "bidirectional=false"]
MACHINE = {"device": "CPU", "versions": {}}


def run(capsys: Any, *arguments: object) -> tuple[int, str, list[str]]:
    """Returns the exit code, standard output and the lines of standard error."""
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err.splitlines()


def test_the_seconds_of_a_step(token_data: Path, capsys: Any) -> None:
    code, out, err = run(capsys, "profile", "--data", token_data, *TINY, "--set", "max_batch_size=32")
    assert code == 0, err
    result = json.loads(out)
    assert sorted(result["seconds"]) == ["batch", "examples", "padded_step", "padded_steps", "step"]
    assert (result["seconds"]["padded_steps"], result["seconds"]["examples"]) == (16_384, 32)
    assert min(result["seconds"].values()) >= 0
    assert max(result["seconds"][name] for name in ("batch", "step", "padded_step")) > 0
    shapes = {(item["examples"], item["steps"]) for item in result["measurements"]}
    assert shapes == {(examples, steps) for examples in (2, 8, 32) for steps in (1, 2, 5, 11)}
    assert min(item["seconds"] for item in result["measurements"]) > 0
    assert 0 <= result["median_relative_error"] < 10
    said = err[-1].removeprefix("in the spec: ")
    assert parse_yaml(said) == {"buckets": {"seconds": result["seconds"]}}


def test_a_search_with_a_cache(token_data: Path, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # The machine is asked once: starting TensorFlow takes seconds.
    monkeypatch.setattr("trainer.profiling.budget.describe_machine", functools.cache(describe_machine))
    limits = ["--set", "max_batch_size=8", "--memory-limit-mb", "20000"]
    command = ("profile", "--data", token_data, *TINY, *limits, "--search", "largest")
    code, out, err = run(capsys, *command)
    assert code == 0, err
    result = json.loads(out)
    (trial,) = result["trials"]
    assert (result["batch_padded_steps"], result["search"], result["cached"]) == (88, "largest", False)
    assert (trial["examples"], trial["padded_steps"], trial["failure"]) == (8, 88, "")
    assert trial["padded_steps_per_second"] == pytest.approx(88 / trial["seconds"], rel=0.01)
    assert 100 < trial["peak_mib"] < 20_000
    assert err[0].startswith("trial 1: 8 examples of 11 steps: ")
    assert err[-1] == "use it: --set batch_padded_steps=88"
    code, out, err = run(capsys, *command)
    assert code == 0, err
    assert json.loads(out) == {**result, "cached": True}
    assert err[0].startswith(f"from the cache: {tmp_path}/lengthwise/batches-")


def test_memory_in_which_nothing_fits(token_data: Path, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("trainer.profiling.budget.describe_machine", lambda seconds: MACHINE)
    limits = ["--set", "max_batch_size=1", "--set", "min_batch_size=1", "--memory-limit-mb", "50"]
    code, out, err = run(capsys, "profile", "--data", token_data, *TINY, *limits, "--search", "fastest")
    assert (code, out) == (1, "")
    assert err[0].startswith("trial 1: 1 examples of 11 steps: took ")
    assert err[0].endswith(" MiB of memory where 45 are allowed")
    assert err[1].startswith("error: not even one example of 11 steps can be trained on: the trial took ")
    assert len(err) == 2
    assert not list(tmp_path.iterdir())


def test_wrong_usage(token_data: Path, tmp_path: Path, capsys: Any) -> None:
    command = ("profile", "--data", token_data)
    for option, value in (("--memory-limit-mb", "100"), ("--trial-seconds", "5")):
        assert run(capsys, *command, option, value) == (
            2,
            "",
            [f"error: {option}: means something with --search only; add --search largest, or leave it out"],
        )
    assert run(capsys, *command, "--search", "largest", "--memory-limit-mb", "0") == (
        2,
        "",
        ["error: --memory-limit-mb: 0 is out of range; it must be a number above 0"],
    )
    code, _, (line,) = run(capsys, *command, "--search", "best")
    assert (code, line.startswith("error: argument --search: invalid choice: 'best' (choose from ")) == (2, True)
    code, _, (line,) = run(capsys, "profile", "--data", tmp_path, "--search", "largest")
    assert (code, line.startswith(f"error: {tmp_path}: holds no data set ")) == (1, True)
    assert run(capsys, *command, "--set", "batch_size=8")[2][0].startswith("error: batch_size: no such setting; ")
