"""The search for a budget, by trials that are not run, and from the cache."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError, UsageError
from trainer.config import TrainerConfig
from trainer.profiling.budget import FASTEST, LARGEST, Search, find_budget, search_budget
from trainer.profiling.shapes import Shape
from trainer.profiling.trials import Trial, TrialRunner

MACHINE = {"device": "CPU", "versions": {"tensorflow": "2"}}


class Machine:
    """Has memory for so many padded steps, and takes 0.1 s for a batch and 1 ms for each of its examples."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.trials = 0

    def run(self, shape: Shape) -> Trial:
        self.trials += 1
        failed = shape.padded_steps > self.memory
        seconds = None if failed else 0.1 + 0.001 * shape.examples
        return Trial(shape.examples, shape.padded_steps, "ran out of memory" if failed else "", seconds, 700)


@pytest.fixture
def machine(monkeypatch: Any, tmp_path: Path) -> Machine:
    """Stands for this machine, with a cache of its own."""
    machine = Machine(500)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("trainer.profiling.budget.describe_machine", lambda seconds: MACHINE)
    monkeypatch.setattr("trainer.profiling.budget.available_mib", lambda: 10_000)
    monkeypatch.setattr(TrialRunner, "run", lambda runner, shape: machine.run(shape))
    return machine


@given(st.integers(1, 300), st.integers(1, 1_000_000), st.integers(1, 100_000), st.integers(8, 4_096))
def test_the_largest_budget_that_fits(steps: int, memory: int, start: int, most: int) -> None:
    config = TrainerConfig(batch_padded_steps=start, max_batch_size=most)
    if memory < steps:
        with pytest.raises(DataError, match=f"^not even one example of {steps} steps can be trained on: "):
            find_budget(Machine(memory).run, LARGEST, steps, config)
        return
    found = find_budget(Machine(memory).run, LARGEST, steps, config)
    reachable = min(memory // steps, most)
    assert found["examples"] <= reachable <= max(found["examples"], int(1.05 * found["examples"]))
    assert found["batch_padded_steps"] == found["examples"] * steps
    assert {"examples": found["examples"], "failure": ""}.items() <= max(
        (trial for trial in found["trials"] if not trial["failure"]), key=lambda trial: trial["examples"]
    ).items()


def test_the_fastest_budget() -> None:
    found = find_budget(Machine(10**9).run, FASTEST, 10, TrainerConfig(max_batch_size=100_000))
    tried = {trial["examples"]: trial["padded_steps_per_second"] for trial in found["trials"]}
    assert tried[found["examples"]] == max(tried.values()) > 0.9 * 10 / 0.001
    assert (found["search"], found["steps"]) == (FASTEST, 10)


def test_every_trial_is_a_line(capsys: Any) -> None:
    find_budget(Machine(120).run, LARGEST, 10, TrainerConfig(batch_padded_steps=80, max_batch_size=16))
    assert capsys.readouterr().err.splitlines() == [
        "trial 1: 8 examples of 10 steps: 0.108 s a training step, 741 steps/s, at most 700 MiB",
        "trial 2: 16 examples of 10 steps: ran out of memory",
        "trial 3: 11 examples of 10 steps: 0.111 s a training step, 991 steps/s, at most 700 MiB",
        "trial 4: 13 examples of 10 steps: ran out of memory",
        "trial 5: 12 examples of 10 steps: 0.112 s a training step, 1,071 steps/s, at most 700 MiB",
    ]


def test_the_second_search_answers_from_the_cache(token_data: Path, machine: Machine, capsys: Any) -> None:
    config, search = TrainerConfig(batch_padded_steps=100), Search(LARGEST, memory_limit_mib=2_000)
    first = search_budget(token_data, config, search)
    assert (first["batch_padded_steps"], first["examples"], first["steps"]) == (495, 45, 11)
    assert (first["memory_limit_mib"], first["device"], first["cached"]) == (1_800, "CPU", False)
    assert capsys.readouterr().err.splitlines()[-1] == "use it: --set batch_padded_steps=495"
    trials = machine.trials
    # Where the search begins does not matter for what it finds.
    second = search_budget(token_data, replace(config, batch_padded_steps=7), search)
    assert second == {**first, "cached": True}
    assert machine.trials == trials
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("from the cache: ")
    assert said[1:] == ["use it: --set batch_padded_steps=495"]


@pytest.mark.parametrize(
    ("config", "search"),
    [
        (TrainerConfig(units=65), Search(LARGEST)),
        (TrainerConfig(max_batch_size=100), Search(LARGEST)),
        (TrainerConfig(), Search(FASTEST)),
        (TrainerConfig(), Search(LARGEST, memory_limit_mib=2_000)),
        (TrainerConfig(), Search(LARGEST, trial_seconds=10)),
    ],
)
def test_another_question_is_measured(
    config: TrainerConfig, search: Search, token_data: Path, machine: Machine
) -> None:
    search_budget(token_data, TrainerConfig(), Search(LARGEST))
    assert not search_budget(token_data, config, search)["cached"]


def test_another_machine_is_measured(token_data: Path, machine: Machine, monkeypatch: Any) -> None:
    search_budget(token_data, TrainerConfig(), Search(LARGEST))
    assert search_budget(token_data, TrainerConfig(), Search(LARGEST))["cached"]
    monkeypatch.setattr("trainer.profiling.budget.describe_machine", lambda seconds: {**MACHINE, "device": "GPU"})
    assert not search_budget(token_data, TrainerConfig(), Search(LARGEST))["cached"]


def test_a_damaged_cache_is_measured_again_and_mended(
    token_data: Path, machine: Machine, tmp_path: Path, capsys: Any
) -> None:
    first = search_budget(token_data, TrainerConfig(), Search(LARGEST))
    (path,) = (tmp_path / "cache" / "lengthwise").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    capsys.readouterr()
    assert search_budget(token_data, TrainerConfig(), Search(LARGEST)) == first
    assert capsys.readouterr().err.startswith(f"{path}: is damaged; measuring again\n")
    assert json.loads(path.read_bytes())["result"]["batch_padded_steps"] == 495
    assert list(path.parent.iterdir()) == [path]


def test_all_that_is_allowed_is_said(token_data: Path, machine: Machine, capsys: Any) -> None:
    result = search_budget(token_data, TrainerConfig(max_batch_size=10), Search(LARGEST))
    assert (result["batch_padded_steps"], len(result["trials"])) == (110, 1)
    said = capsys.readouterr().err
    assert "10 examples are the most that max_batch_size allows; raise it to search further\n" in said


def test_where_nothing_fits_there_is_a_remedy(token_data: Path, machine: Machine, tmp_path: Path) -> None:
    machine.memory = 10
    with pytest.raises(DataError) as error:
        search_budget(token_data, TrainerConfig(), Search(LARGEST))
    assert str(error.value) == (
        "not even one example of 11 steps can be trained on: the trial ran out of memory; allow more, make the model "
        "smaller (units, embedding_size), or cut long records in the spec (max_length)"
    )
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("values", "option"),
    [
        ({"memory_limit_mib": 0}, "--memory-limit-mb: 0"),
        ({"trial_seconds": -1.0}, "--trial-seconds: -1"),
        ({"trial_seconds": float("inf")}, "--trial-seconds: inf"),
        ({"trial_seconds": float("nan")}, "--trial-seconds: nan"),
    ],
)
def test_limits_that_leave_nothing(values: dict[str, Any], option: str) -> None:
    with pytest.raises(UsageError) as error:
        Search(LARGEST, **values)
    assert str(error.value) == f"{option} is out of range; it must be a number above 0"
