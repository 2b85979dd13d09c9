"""Finds the budget of padded steps that suits a model and a machine, by trials on the heaviest batch."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas.errors import DataError, UsageError
from schemas.manifest_pb2 import Manifest
from schemas.spans.folder import Data, load_data
from trainer.config import TrainerConfig, to_plain
from trainer.profiling.cache import cache_path, read_cached, write_cached
from trainer.profiling.memory import available_mib, total_mib
from trainer.profiling.search import fastest, largest
from trainer.profiling.shapes import Shape, longest_by_leader, model_facts
from trainer.profiling.trials import Trial, TrialRunner, describe_machine
from trainer.progress import say
from trainer.settings.model import MODEL_SETTINGS

LARGEST, FASTEST = "largest", "fastest"
SEARCHES = (LARGEST, FASTEST)
DEFAULT_TRIAL_SECONDS = 300.0
# Of the memory that there is, or that is allowed: what else the training process holds is not in a trial.
_SHARE = 0.9
# Weights and what belongs to them are all there after the first step.
_REPEATS = {LARGEST: 1, FASTEST: 15}


@dataclass(frozen=True)
class Search:
    """What is searched for.

    Attributes:
      kind: One of `SEARCHES`.
      memory_limit_mib: Main memory that training may take; None: what is available.
      trial_seconds: That a trial may take.
    """

    kind: str
    memory_limit_mib: int | None = None
    trial_seconds: float = DEFAULT_TRIAL_SECONDS

    def __post_init__(self) -> None:
        """Refuses limits that leave nothing."""
        for name, value in (("--memory-limit-mb", self.memory_limit_mib), ("--trial-seconds", self.trial_seconds)):
            if value is not None and not 0 < value < math.inf:
                raise UsageError(f"{name}: {value:g} is out of range; it must be a number above 0")


def search_budget(data: Data, config: TrainerConfig, search: Search) -> dict[str, Any]:
    """Finds a budget of padded steps, or takes it from the cache.

    Args:
      data: Folder of the data set, or a range of spans; only its manifest is read.
      config: Settings.
      search: What is searched for.

    Returns:
      {"batch_padded_steps", "search", "examples" and "steps" of the heaviest batch, "memory_limit_mib" of a trial,
      "device", "trials": [...] see `Trial`, "cached"}.

    Raises:
      UsageError: The data set's label is none that can be trained on.
      DataError: The data set cannot be used, or not even one example fits.
    """
    manifest = load_data(data)
    steps = max(longest_by_leader(manifest).values())
    machine = describe_machine(search.trial_seconds)
    facts = _facts(manifest, config, search, machine)
    path = cache_path(facts)
    result = read_cached(path, facts)
    cached = result is not None
    if result is None:
        limit = int(_SHARE * (search.memory_limit_mib or available_mib()))
        runner = TrialRunner(data, config, limit, search.trial_seconds, _REPEATS[search.kind])
        found = find_budget(runner.run, search.kind, steps, config)
        result = {**found, "memory_limit_mib": limit, "device": machine["device"]}
        write_cached(path, facts, result)
    else:
        say(f"from the cache: {path}; delete it to measure again")
    if result["examples"] == config.max_batch_size:
        say(f"{config.max_batch_size} examples are the most that max_batch_size allows; raise it to search further")
    say(f"use it: --set batch_padded_steps={result['batch_padded_steps']}")
    return {**result, "cached": cached}


def find_budget(run: Callable[[Shape], Trial], kind: str, steps: int, config: TrainerConfig) -> dict[str, Any]:
    """Finds a budget by trials.

    Args:
      run: Runs a trial.
      kind: One of `SEARCHES`.
      steps: Of the longest example: the heaviest batch is full of such.
      config: Settings: `batch_padded_steps` is where the search begins, `max_batch_size` where it ends.

    Returns:
      {"batch_padded_steps", "search", "examples", "steps", "trials"}.

    Raises:
      DataError: Not even one example fits.
    """
    trials: list[Trial] = []

    def tried(examples: int) -> Trial:
        trials.append(run(Shape(steps, examples)))
        say(_line(len(trials), trials[-1], steps))
        return trials[-1]

    most = config.max_batch_size
    start = min(max(config.batch_padded_steps // steps, 1), most)
    if kind == LARGEST:
        examples = largest(lambda size: not tried(size).failure, start, most)
    else:
        examples = fastest(lambda size: tried(size).padded_steps_per_second, start, most)
    if not examples:
        raise DataError(
            f"not even one example of {steps} steps can be trained on: the trial {trials[-1].failure}; allow more, "
            "make the model smaller (units, embedding_size), or cut long records in the spec (max_length)"
        )
    return {
        "batch_padded_steps": examples * steps,
        "search": kind,
        "examples": examples,
        "steps": steps,
        "trials": [trial.plain() for trial in trials],
    }


def _line(number: int, trial: Trial, steps: int) -> str:
    what = f"trial {number}: {trial.examples} examples of {steps} steps"
    if trial.seconds is None:
        return f"{what}: {trial.failure}"
    speed = trial.padded_steps_per_second or 0.0
    return f"{what}: {trial.seconds:.3g} s a training step, {speed:,.0f} steps/s, at most {trial.peak_mib} MiB"


def _facts(manifest: Manifest, config: TrainerConfig, search: Search, machine: dict[str, Any]) -> dict[str, Any]:
    """Returns all that a result follows from, but for where the search begins."""
    plain = to_plain(config)
    return {
        "format": 1,
        "search": search.kind,
        "settings": {name: plain[name] for name in (*MODEL_SETTINGS, "max_batch_size")},
        "data": model_facts(manifest),
        "machine": {**machine, "cores": os.cpu_count(), "memory_mib": total_mib()},
        "memory_limit_mib": search.memory_limit_mib,
        "trial_seconds": search.trial_seconds,
    }
