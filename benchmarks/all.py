"""Runs every benchmark and holds the figures against the goals; `make bench` calls it.

    python benchmarks/all.py [--scale 1] [--rounds 3] [--cache DIR] [--readme FILE]

Each step replaces its section of README.md as soon as it is done; the table of goals comes last, there
and on standard output. Exit code 1 where a step failed, a run over an extreme input did not keep every
record, or the fingerprints differ; a missed goal of speed or memory shows in the table only.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import extremes
import memory
import peers
import prediction
import same_data
import workers
from environments import commit, machine, package_versions
from format_inputs import make_records
from goals import GIGABYTE, GOALS, Fact, Goal, Measured, NotMeasured, goals_table
from measure import CommandFailedError
from peers import OUR_PACKAGES, OURS, command_parser, positive, positive_number
from project import HERE, ROOT, progress
from report import README, write_section

FIXED_DISK, SCALED_DISK = 6.5e9, 2.5e9  # bytes: the peers' environments; inputs, and the output of one run


@dataclass(frozen=True)
class Session:
    """What all steps need to know.

    Attributes:
      scale: Size of every input; 1 is that of the goals.
      rounds: Runs of each contestant; the slow peers run once.
      cache: Folder of environments, inputs and logs.
      readme: File whose sections are replaced; None for none.
    """

    scale: float
    rounds: int
    cache: Path
    readme: Path | None

    def records(self, count: int) -> int:
        """Returns a number of records at this scale."""
        return extremes.scaled(count, self.scale)

    def write(self, name: str, text: str) -> None:
        """Replaces a section."""
        if self.readme:
            write_section(name, text, self.readme)


@dataclass(frozen=True)
class Step:
    """One benchmark.

    Attributes:
      title: For people.
      keys: Of the goals that it measures.
      fixed_seconds: About how long it takes whatever the scale, environments not counted.
      scaled_seconds: About how long more at scale 1.
      run: Does it; returns the figures.
    """

    title: str
    keys: tuple[str, ...]
    fixed_seconds: float
    scaled_seconds: float
    run: Callable[[Session], dict[str, Measured]]


def speed_ratios(seconds: dict[str, float], entrants: list[peers.Contestant]) -> dict[str, Measured]:
    """Returns the ratio of wall times of each peer, the way round that its goal has it."""
    figures: dict[str, Measured] = {}
    failures = {entrant.name: entrant.failure for entrant in entrants if entrant.failure}
    for entrant in entrants:
        if entrant.name == OURS:
            continue
        if failure := failures.get(OURS) or failures.get(entrant.name):
            figures[entrant.name] = NotMeasured(failure)
        else:
            ratio = seconds[entrant.name] / seconds[OURS]
            figures[entrant.name] = 1 / ratio if GOALS[entrant.name].lower else ratio
    return figures


def run_peers(session: Session, records: int, only: tuple[str, ...]) -> dict[str, Measured]:
    """Times the whole job beside some peers."""
    count = session.records(records)
    entrants, text = peers.compare(count, session.cache, only, session.rounds, slow_rounds=1)
    session.write(f"peers {count}", text)
    return speed_ratios(peers.median_seconds(entrants), entrants)


def run_memory(session: Session) -> dict[str, Measured]:
    """Measures memory at once and eight times the input."""
    load = os.getloadavg()[0]
    costs = memory.measure_memory(session.records(100_000), session.cache)
    if session.readme:
        memory.draw(costs, session.readme.with_name(memory.CHART.name))
    session.write("memory", memory.result_text(costs, load, chart=session.readme is not None))
    return {
        "growth": memory.growth(costs),
        "peak": costs[max(costs)].peak_bytes / GIGABYTE,
    }


def run_extremes(session: Session) -> dict[str, Measured]:
    """Runs over the extreme inputs."""
    results = extremes.try_all(session.scale, session.cache)
    session.write("extremes", extremes.result_text(results))
    keys = {extremes.DISTINCT: "distinct", extremes.LONG: "long", extremes.FILES: "files"}
    return {keys[result.name]: extreme_figure(result, GOALS[keys[result.name]]) for result in results}


def extreme_figure(result: extremes.Extreme, goal: Goal) -> Measured:
    """Returns the peak memory in gigabytes, or whether it works where the goal is no number."""
    if result.failure or result.outcome is None:
        return Fact(False, result.failure)
    if not isinstance(goal.least, str):
        return result.outcome.cost.peak_bytes / GIGABYTE
    relative = result.relative_seconds
    return Fact(
        True, "works" if relative is None else f"works, in {relative:.2f} times the wall time of one plain file"
    )


def run_workers(session: Session) -> dict[str, Measured]:
    """Compares the fingerprints of every setting."""
    records = session.records(workers.RECORDS)
    results = workers.try_settings(records, session.cache)
    session.write("workers", workers.result_text(results, records))
    different = len(workers.fingerprints(results))
    text = f"the same for all {len(results)}" if different == 1 else f"{different} different ones or failures"
    return {"workers": Fact(different == 1, text)}


def run_same_data(session: Session) -> dict[str, Measured]:
    """Compares the data sets that every format gives.

    Raises:
      CommandFailedError: They are not the same.
    """
    records = session.records(10_000)
    results = same_data.try_cases(make_records(records), session.cache / "scratch" / "same-data")
    session.write(f"same_data {records}", same_data.result_text(results, records))
    if (count := same_data.different(results, records)) != 1:
        raise CommandFailedError(f"{count} different data sets or failures")
    return {}


def run_prediction(session: Session) -> dict[str, Measured]:
    """Times predictions beside `model.predict`."""
    load = os.getloadavg()[0]
    measured = prediction.measure_predictions(session.records(2_000), session.cache, session.rounds)
    session.write("prediction", prediction.result_text(measured, load))
    keys = {"predict": "bulk", "predict_one": "alone"}
    return {key: prediction.ratios(measured[name])[prediction.LONGEST] for key, name in keys.items()}


def run_script(session: Session, name: str, records: int) -> dict[str, Measured]:
    """Runs a script that measures something without a goal, in a process of its own.

    Raises:
      CommandFailedError: It failed; its errors are on standard error.
    """
    count = session.records(records)
    options = ["--records", str(count), "--rounds", str(session.rounds), "--cache", str(session.cache)]
    command = [sys.executable, str(HERE / f"{name}.py"), *options]
    # The packages of this checkout come first, as for the other steps: another may be the installed one.
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise CommandFailedError(f"{name}.py: exit code {done.returncode}")
    session.write(f"{name} {count}", done.stdout)
    return {}


STEPS = (
    Step(
        "100,000 records beside all peers",
        ("beam", "tft", "hf"),
        40,
        170,
        lambda s: run_peers(s, 100_000, ("polars", "hf", "tft", "beam")),
    ),
    Step("400,000 records beside polars", ("polars",), 6, 70, lambda s: run_peers(s, 400_000, ("polars",))),
    Step("memory", ("growth", "peak"), 4, 35, run_memory),
    Step("extreme inputs", ("distinct", "long", "files"), 5, 330, run_extremes),
    Step("settings of the workers", ("workers",), 10, 40, run_workers),
    Step("processor time step by step", (), 6, 30, lambda s: run_script(s, "stages", 100_000)),
    Step("the same data in every format", (), 55, 25, run_same_data),
    Step("reading of each format", (), 20, 100, lambda s: run_script(s, "formats", 60_000)),
    Step("prediction", ("predict", "predict_one"), 60, 200, run_prediction),
    Step("reading", (), 60, 60, lambda s: run_script(s, "reading", 100_000)),
)


def forecast(scale: float) -> str:
    """Returns one line: about how long it takes, and how much disk."""
    minutes = sum(step.fixed_seconds + scale * step.scaled_seconds for step in STEPS) / 60
    disk = (FIXED_DISK + scale * SCALED_DISK) / GIGABYTE
    return (
        f"about {max(1, round(minutes))} min on two cores, and some more the first time, when the peers are "
        f"installed; about {disk:.1f} GB of disk"
    )


def run_steps(session: Session) -> tuple[dict[str, Measured], bool]:
    """Runs one step after another; returns the figures, and whether every step ran to its end."""
    figures: dict[str, Measured] = {}
    complete = True
    for number, step in enumerate(STEPS, 1):
        progress(f"[{number}/{len(STEPS)}] {step.title} …")
        start = time.perf_counter()
        try:
            figures |= step.run(session)
        except (CommandFailedError, OSError, ImportError) as error:
            complete = False
            figures |= {key: NotMeasured(f"failed: {error}") for key in step.keys}
            progress(f"{step.title}: failed: {error}")
        progress(f"[{number}/{len(STEPS)}] {step.title}: {time.perf_counter() - start:.0f} s")
    return figures, complete


def result_text(figures: dict[str, Measured], scale: float, origin: str) -> str:
    """Returns the section: table of goals, and where the figures come from."""
    lines = [goals_table(figures), "", origin]
    if scale != 1:
        lines = [f"**At {scale:g} times the size that the goals are for: this shows only that it works.**", "", *lines]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = command_parser("Run every benchmark.", writes=False)
    parser.add_argument(
        "--scale", type=positive_number, default=1.0, metavar="X", help="size of every input (1 = that of the goals)"
    )
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="runs of each (%(default)s)")
    parser.add_argument(
        "--readme", type=Path, metavar="FILE", help="file with the sections (at scale 1 benchmarks/README.md)"
    )
    options = parser.parse_args(arguments)
    readme = options.readme or (README if options.scale == 1 else None)
    session = Session(options.scale, options.rounds, options.cache.resolve(), readme)
    session.cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(session.cache).free / GIGABYTE
    progress(f"{forecast(options.scale)} in {session.cache} ({free:.0f} GB free)")
    # Before the first step: each of them changes the README.
    origin = (
        f"Machine: {machine()}; load average at the start {os.getloadavg()[0]:.2f}; "
        f"{package_versions(Path(sys.executable), OUR_PACKAGES)}; {commit(ROOT)}."
    )
    figures, complete = run_steps(session)
    text = result_text(figures, options.scale, origin)
    print(text)
    session.write("goals", text)
    facts = all(figure.holds for figure in figures.values() if isinstance(figure, Fact))
    return int(not complete or not facts)


if __name__ == "__main__":
    sys.exit(main())
