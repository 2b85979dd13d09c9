"""Checks that the data set is the same, to the byte, however many workers write it.

    python benchmarks/workers.py [--records 100000] [--write]

Exit code 1 where the fingerprints of two settings differ or a setting fails.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from environments import machine
from measure import CommandFailedError
from peers import command_parser, prepare_corpus
from project import Outcome, progress, run_pipeline
from report import table, write_section

RECORDS = 100_000  # nine blocks, so that the workers have something to share out
ONE_CPU, FOUR_CPUS = "one processor", "four threads, as on four processors"
# How many threads a run takes goes by the processors that it may use; this says four on any machine.
ON_FOUR_CPUS = (
    "-c",
    "import os, sys; os.sched_getaffinity = lambda process: set(range(4)); "
    "from pipeline.__main__ import main; sys.exit(main())",
)
SETTINGS: dict[str, tuple[str, ...]] = {
    "defaults": (),
    ONE_CPU: (),
    FOUR_CPUS: (),
    "two processes": ("--direct_running_mode=multi_processing", "--direct_num_workers=2"),
    "two threads": ("--direct_running_mode=multi_threading", "--direct_num_workers=2"),
    "each bundle twice": ("--direct_runner_bundle_repeat=2",),
}


@contextmanager
def one_cpu() -> Iterator[None]:
    """Context in which this process and those that it starts have one processor; Linux only.

    Raises:
      CommandFailedError: The system cannot do that.
    """
    if sys.platform != "linux":
        raise CommandFailedError("this system cannot bind a process to one processor")
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_of_them)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


def try_settings(records: int, cache: Path) -> dict[str, Outcome | str]:
    """Returns by setting what its run gave, or why it failed."""
    source, _ = prepare_corpus(records, cache)
    results: dict[str, Outcome | str] = {}
    for name, options in SETTINGS.items():
        try:
            if name == ONE_CPU:
                with one_cpu():
                    results[name] = run_pipeline(source, cache / "scratch", name, options)
            elif name == FOUR_CPUS:
                results[name] = run_pipeline(source, cache / "scratch", name, options, program=ON_FOUR_CPUS)
            else:
                results[name] = run_pipeline(source, cache / "scratch", name, options)
        except CommandFailedError as error:
            results[name] = f"failed: {error}"
            progress(f"{name}: failed: {error}")
    return results


def fingerprints(results: Mapping[str, Outcome | str]) -> set[str]:
    """Returns the different fingerprints; a failure counts as one of its own."""
    return {result if isinstance(result, str) else result.fingerprint for result in results.values()}


def result_text(results: Mapping[str, Outcome | str], records: int) -> str:
    """Returns the section: verdict, table, machine."""
    rows = []
    for name, result in results.items():
        options = " ".join(f"`{option}`" for option in SETTINGS[name])
        if isinstance(result, str):
            rows.append([name, "–", "–", result, options])
        else:
            cost = result.cost
            rows.append(
                [name, f"{cost.seconds:.1f}", f"{cost.peak_bytes / 1e6:,.0f}", f"`{result.fingerprint[:16]}…`", options]
            )
    same = len(fingerprints(results)) == 1
    verdict = (
        "the fingerprint is the same for all of them" if same else "**the fingerprints differ or a setting failed**"
    )
    lines = [
        f"{records:,} records, one run of each setting: {verdict}.",
        "",
        table(["", "seconds", "peak MB", "fingerprint", "options"], rows),
        "",
        f"Machine: {machine()}.",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = command_parser("Check that the data set does not depend on the workers.", records=RECORDS)
    options = parser.parse_args(arguments)
    results = try_settings(options.records, options.cache.resolve())
    text = result_text(results, options.records)
    print(text)
    if options.write:
        write_section("workers", text)
    return int(len(fingerprints(results)) > 1)


if __name__ == "__main__":
    sys.exit(main())
