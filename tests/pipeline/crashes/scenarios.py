"""What is killed: commands on small data of several blocks and shards, and the folders they begin with."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.upkeep.finishing import is_finished
from pipeline.verify import verify
from schemas.manifest import load_manifest
from tests.pipeline.crashes.processes import start
from tests.pipeline.helpers import REVIEW_SPEC, review_records, tree, write_jsonl

BAD = [b"not json", b'{"id": "m", "stars": 1}']
UNIQUE_SPEC = REVIEW_SPEC + "duplicate_ids: reject\n"
EVENTS_SPEC = """
name: visits

group: {by: user, order_by: time}
sequences: {page: {type: tokens, tokenizer: none}, seconds: {type: series, dims: 1}}
split: {fractions: {train: 0.7, validation: 0.2, test: 0.1}}
buckets: {count: 2}
"""


class Scenario(NamedTuple):
    """A command line to kill.

    Attributes:
      name: Of the scenario.
      options: Of `run`, but for the output.
      before: Options of runs that come before it, in the same folder.
      data: Folder of the data set within that of the output.
    """

    name: str
    options: list[str]
    before: tuple[list[str], ...] = ()
    data: str = "."


class Expected(NamedTuple):
    """What an undisturbed run leaves.

    Attributes:
      fingerprint: Of the manifest.
      tree: The files of the data set.
      old: Fingerprint of what was published before; empty of none.
      changes: How many times a file is changed.
    """

    fingerprint: str
    tree: set[str]
    old: str
    changes: int


def write_inputs(folder: Path) -> list[Scenario]:
    """Writes specs and inputs; returns the scenarios."""
    records = review_records(400)
    records[50:50] = [record | {"text": "another text"} for record in records[10:13]]  # ids that occur again
    first = write_jsonl(folder / "first.jsonl", [*records[:200], *BAD])
    second = write_jsonl(folder / "second.jsonl", records[203:])
    old = write_jsonl(folder / "old.jsonl", review_records(150, seed=3))
    events = write_jsonl(folder / "events.jsonl", _events())
    specs = {}
    for name, text in {"reviews": REVIEW_SPEC, "unique": UNIQUE_SPEC, "events": EVENTS_SPEC}.items():
        specs[name] = folder / f"{name}.yaml"
        specs[name].write_text(text)

    def options(spec: str, *inputs: str) -> list[str]:
        return ["--spec", str(specs[spec]), "--input", *inputs, "--max_rejected", "10"]

    plain = [*options("reviews", first, second), "--no_report"]
    replace = [*options("reviews", first, second), "--replace"]
    older = [*options("reviews", old), "--no_report"]
    return [
        Scenario("plain", plain),
        Scenario("unique", [*options("unique", first, second), "--no_report"]),
        Scenario("events", [*options("events", events), "--no_report"]),
        Scenario("replace", replace, (older,)),
        *_spans(options, first, second, old),
    ]


def _spans(options: Callable[..., list[str]], first: str, second: str, old: str) -> list[Scenario]:
    day, next_day = ["--span", "2026-11-19"], ["--span", "2026-11-20"]
    base = [*options("reviews", first), *day, "--no_report"]
    span = [*options("reviews", second), *next_day, "--no_report"]
    other = [*options("reviews", old), *next_day, "--no_report"]
    return [
        Scenario("first span", base, data="spans/2026-11-19"),
        Scenario("next span", [*options("reviews", second), *next_day], (base,), "spans/2026-11-20"),
        Scenario("extending span", [*span, "--extend_vocabulary", "5"], (base,), "spans/2026-11-20"),
        Scenario("replaced span", [*span, "--replace"], (base, other), "spans/2026-11-20"),
    ]


def _events() -> list[dict[str, object]]:
    draw = np.random.default_rng(5)
    return [
        {
            "user": f"u{draw.integers(60)}",
            "time": i,
            "page": f"p{draw.integers(9)}",
            "seconds": [float(draw.integers(99))],
        }
        for i in range(600)
    ]


def prepare(scenario: Scenario, output: Path) -> None:
    """Runs what comes before."""
    for options in scenario.before:
        code, errors = start(["run", *options, "--output", str(output)], output.with_suffix(".before")).wait()
        assert code == 0, errors


def arguments(scenario: Scenario, output: Path) -> list[str]:
    return ["run", *scenario.options, "--output", str(output)]


def undisturbed(scenario: Scenario, output: Path) -> Expected:
    """Runs a scenario that nobody kills."""
    from tests.pipeline.crashes.processes import count_changes

    prepare(scenario, output)
    data = output / scenario.data
    old = load_manifest(data).fingerprint if (data / "manifest.json").exists() else ""
    changes = output.with_suffix(".changes")
    code, errors = start(
        arguments(scenario, output), output.with_suffix(".stderr"), count_changes(output, changes)
    ).wait()
    assert code == 0, errors
    return Expected(load_manifest(data).fingerprint, tree(output), old, changes.stat().st_size)


def check_killed(scenario: Scenario, output: Path, expected: Expected) -> list[str]:
    """Returns what is wrong with the data set that a reader finds after a kill: the old one, the new one, or none."""
    data = output / scenario.data
    if not (data / "manifest.json").exists():
        return [f"{data}: the old data set is gone"] if expected.old else []
    found = load_manifest(data).fingerprint
    problems = [] if found in {expected.old, expected.fingerprint} else [f"{data}: is neither the old nor the new one"]
    return [*problems, *verify(str(data))["problems"]]


def check_end(scenario: Scenario, output: Path, expected: Expected, code: int, errors: str) -> list[str]:
    """Returns what is wrong after the run that nobody killed."""
    data = output / scenario.data
    refused = code == 2 and "holds a data set already" in errors and not expected.old
    if code and not refused:
        return [f"{output}: ended with {code}: {errors}"]
    manifest = load_manifest(data)
    problems = list(verify(str(data))["problems"])
    if manifest.fingerprint != expected.fingerprint:
        problems.append(f"{data}: another fingerprint than that of the undisturbed run")
    if not is_finished(str(data), manifest):
        problems.append(f"{data}: the record of the run is of another one")
    found = {path for path in tree(output) if not path.startswith("failed/") and "/failed/" not in path}
    if found != expected.tree:
        problems.append(f"{output}: too many {found - expected.tree}, too few {expected.tree - found}")
    return problems


def remove(output: Path) -> None:
    shutil.rmtree(output, ignore_errors=True)
    for path in output.parent.glob(f"{output.name}.*"):
        path.unlink()
