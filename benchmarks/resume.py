"""Times how soon an epoch goes on at any of its steps, and compares its batches with an undisturbed one.

    python benchmarks/resume.py [--records 100000 400000] [--rounds 3] [--write]

Every resumption is a process of its own, as after a crash; the clock begins with TensorFlow imported.
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from environments import machine
from measure import CommandFailedError
from peers import command_parser, positive
from project import progress
from report import table, write_section
from worker import prepare_data, run_reader

from trainer.batches.batching import BUCKETED, PLANNED

RECORDS = (100_000, 400_000)
PLACES = {"first": 0.0, "1/4": 0.25, "1/2": 0.5, "3/4": 0.75, "last": 1.0}


@dataclass(frozen=True)
class Resumed:
    """What resuming one epoch came to.

    Attributes:
      step: Of each place.
      seconds: Until the first batch, of each place and round, planned batches.
      processor: The same in processor time, of all threads.
      replayed: The same of `bucket_by_sequence_length`, one round: it reads again what comes before.
      same: Of each place: whether all batches from there on are those of the undisturbed epoch.
    """

    step: Mapping[str, int]
    seconds: Mapping[str, Sequence[float]]
    processor: Mapping[str, Sequence[float]]
    replayed: Mapping[str, float]
    same: Mapping[str, bool]


def step_of(place: float, steps: int) -> int:
    """Returns the step at a share of an epoch, the last one at 1."""
    return min(int(place * steps), steps - 1)


def resume_everywhere(data: Path, cache: Path, rounds: int) -> Resumed:
    """Resumes an epoch at every place.

    Raises:
      CommandFailedError: A process failed.
    """
    sums = cache / "scratch" / "sums.json"
    whole = run_reader("resumed", [data, PLANNED, 0, sums], cache)
    undisturbed = json.loads(sums.read_text(encoding="utf-8"))
    steps = {place: step_of(share, int(whole["steps"])) for place, share in PLACES.items()}
    seconds: dict[str, list[float]] = {place: [] for place in PLACES}
    processor: dict[str, list[float]] = {place: [] for place in PLACES}
    replayed, same = {}, {}
    for number in range(rounds):
        for place, step in steps.items():
            position = json.dumps({**json.loads(whole["position"]), "step": step}, sort_keys=True)
            wanted = "-" if number else sums  # the batches are the same in every round
            resumed = run_reader("resumed", [data, PLANNED, step, wanted, position], cache)
            seconds[place].append(resumed["seconds"])
            processor[place].append(resumed["processor_seconds"])
            if not number:
                same[place] = json.loads(sums.read_text(encoding="utf-8")) == undisturbed[step:]
                replayed[place] = run_reader("resumed", [data, BUCKETED, step, "-"], cache)["seconds"]
            progress(f"resume at step {step:,}: {seconds[place][-1]:.2f} s, {BUCKETED} {replayed[place]:.2f} s")
    return Resumed(steps, seconds, processor, replayed, same)


def result_text(results: Mapping[int, Resumed]) -> str:
    """Returns the section, from what came of each number of records."""
    header = ["records", "place", "step", "first batch, s", "least – most", "CPU seconds"]
    header += [f"{BUCKETED}, s", "batches from there on"]
    rows = []
    for records, of in results.items():
        for place, seconds in of.seconds.items():
            rows.append(
                [
                    f"{records:,}",
                    place,
                    f"{of.step[place]:,}",
                    f"{statistics.median(seconds):.2f}",
                    f"{min(seconds):.2f} – {max(seconds):.2f}",
                    f"{statistics.median(of.processor[place]):.2f}",
                    f"{of.replayed[place]:.2f}",
                    "the same" if of.same[place] else "**others**",
                ]
            )
    return f"{table(header, rows)}\n\nMachine: {machine()}."


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 1 where a process failed, or batches are not the same."""
    parser = command_parser("Time how soon an epoch goes on at any of its steps.")
    parser.add_argument(
        "--records", nargs="+", type=positive, default=RECORDS, metavar="N", help="sizes of the corpus (%(default)s)"
    )
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="of each place (%(default)s)")
    options = parser.parse_args(arguments)
    cache: Path = options.cache.resolve()
    try:
        results = {
            count: resume_everywhere(prepare_data(count, cache), cache, options.rounds) for count in options.records
        }
    except CommandFailedError as error:
        print(f"resume: {error}", file=sys.stderr)
        return 1
    text = result_text(results)
    print(text)
    if options.write:
        write_section("resume", text)
    return int(not all(all(of.same.values()) for of in results.values()))


if __name__ == "__main__":
    sys.exit(main())
