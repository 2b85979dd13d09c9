"""Kills runs and starts them again: `python -m tests.pipeline.crashes.killing [--kills N] [--seed S]`.

Each run is killed once or several times, at a moment of the clock or before a change of some file, and then runs to its
end. Prints figures as one JSON document; ends with 1 where the data set is not, file by file, the one of a run that
nobody kills, or where a reader found less than a whole data set meanwhile.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.pipeline.crashes.bits import flip_bits
from tests.pipeline.crashes.full_disk import fill_disks
from tests.pipeline.crashes.processes import kill_before, start
from tests.pipeline.crashes.scenarios import (
    Expected,
    Scenario,
    arguments,
    check_end,
    check_killed,
    prepare,
    remove,
    undisturbed,
    write_inputs,
)
from tests.pipeline.crashes.together import run_together

_KILLED = -9
_SECONDS = 2.0  # in which a run is over


def kill(scenario: Scenario, output: Path, expected: Expected, draw: random.Random) -> tuple[int, list[str]]:
    """Kills one run at a random moment; returns how it ended, and what is wrong."""
    errors = output.with_suffix(".stderr")
    if draw.random() < 0.7:
        # Publishing is the last of it, and most of what can go wrong.
        change = draw.choice([draw.randrange(expected.changes), expected.changes - 1 - draw.randrange(40)])
        process = start(arguments(scenario, output), errors, kill_before(max(0, change), output))
    else:
        process = start(arguments(scenario, output), errors)
        time.sleep(draw.uniform(0, _SECONDS))
        process.kill()
    code, _ = process.wait()
    return code, check_killed(scenario, output, expected)


def go_through(
    scenario: Scenario, output: Path, expected: Expected, draw: random.Random
) -> tuple[Counter[str], list[str]]:
    """Kills the runs of one scenario, then lets it end; returns figures and findings."""
    prepare(scenario, output)
    figures, findings = Counter[str](runs=1), []
    for _ in range(draw.choice([1, 1, 2, 4])):
        code, wrong = kill(scenario, output, expected, draw)
        figures["kills"] += code == _KILLED
        findings += wrong
    code, errors = start(arguments(scenario, output), output.with_suffix(".stderr")).wait()
    figures["went on"] += "going on: " in errors
    figures["finished"] += "finished what a run had left undone" in errors
    findings += check_end(scenario, output, expected, code, errors)
    if not findings:
        remove(output)
    return figures, [f"{scenario.name}: {finding}" for finding in findings]


def soak(kills: int, seed: int, scratch: Path) -> tuple[dict[str, int], list[str]]:
    """Returns figures and findings."""
    scenarios = write_inputs(scratch)
    expected = [undisturbed(scenario, scratch / f"expected-{i}") for i, scenario in enumerate(scenarios)]
    figures, findings = Counter[str](), list[str]()
    while figures["kills"] < kills:
        number = figures["runs"]
        i = number % len(scenarios)
        draw = random.Random(f"{seed} {number}")
        counted, found = go_through(scenarios[i], scratch / f"run-{number}", expected[i], draw)
        figures += counted
        findings += found
        for finding in found:
            print(f"seed {seed}, run {number}: {finding}", file=sys.stderr, flush=True)
    return dict(figures), findings


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description="Kills runs and starts them again.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="decides on what is killed, and when")
    parser.add_argument("--flips", type=int, default=100, help="bits to flip in published files")
    parser.add_argument("--pairs", type=int, default=50, help="of runs at the same time")
    parser.add_argument("--keep", metavar="DIR", help="folder for the runs with findings")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(given.keep or folder)
        figures, findings = soak(given.kills, given.seed, scratch / "kills")
        for part in (
            flip_bits(given.flips, given.seed, scratch / "bits"),
            run_together(given.pairs, scratch / "pairs"),
            fill_disks(given.seed, scratch / "disks"),
        ):
            figures |= part[0]
            findings += part[1]
    for finding in findings:
        print(finding, file=sys.stderr)
    print(json.dumps({**figures, "seed": given.seed, "findings": len(findings)}, indent=2))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
