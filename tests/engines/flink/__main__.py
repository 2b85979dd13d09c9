"""Runs the pipeline on a real Flink cluster on this machine: `python -m tests.engines.flink`.

Brings up a standalone Flink with two task managers, each with Python workers of its own, prepares real records there
and locally, and compares the fingerprints and the digests of all files; then kills parts of it in the middle of jobs.
Ends with 1 where anything differs, with 2 where something has to be installed first.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.engines.commands import ROOT
from tests.engines.flink import cases
from tests.engines.flink.cluster import Cluster
from tests.engines.flink.parts import BEAM, CACHE, ENGINES, Engine, NotThereError, Parts, fetch, missing_tools
from tests.engines.processes import Children, children

_EXAMPLE = ROOT / "examples" / "python_functions"
_KILLS = (
    (cases.HOST, cases.READING),
    (cases.WORKERS, cases.ENCODING),
    (cases.HOST, cases.ENCODING),
    (cases.TASKS, cases.WRITING),
    (cases.HOST, cases.PUBLISHING),
    (cases.WORKERS, cases.PUBLISHING),
)


def main(argv: Sequence[str]) -> int:
    """Runs the cases that the arguments ask for."""
    arguments = _arguments(argv)
    missing = missing_tools()
    if missing:
        print("\n".join(missing))
        return _not_run(arguments)
    try:
        parts = fetch([Engine(arguments.flink, arguments.beam)] if arguments.flink else ENGINES, _say)
    except NotThereError as error:
        print(f"Flink cannot be had: {error}")
        return _not_run(arguments)
    with tempfile.TemporaryDirectory(prefix="flink-") as folder:
        return _run(Path(folder), parts, arguments)


def _run(folder: Path, parts: Parts, arguments: argparse.Namespace) -> int:
    source = _source(folder, arguments)
    failed = 0
    with children(folder / "logs") as group:
        for result in _results(group, folder, parts, source, arguments.short):
            note = f" ({result.note})" if result.note else ""
            state = "FAILED" if result.problems else "equal"
            _say(f"{state}: {result.name}, {result.seconds:.0f} s{note}")
            for problem in result.problems:
                _say(f"  {problem}")
            failed += bool(result.problems)
        if failed:
            kept = shutil.copytree(folder / "logs", CACHE / "flink-logs", dirs_exist_ok=True)
            _say(f"logs: {kept}")
    return 1 if failed else 0


def _results(group: Children, folder: Path, parts: Parts, source: cases.Source, short: bool) -> Iterator[cases.Result]:
    expected = cases.locally(source, folder / "local")
    _say(f"fingerprint of the local run: {expected.fingerprint}, {len(expected.digests)} files")
    engine = f"Flink {parts.engine.flink}, Beam's runner {parts.engine.beam}, Beam's Python SDK {BEAM}"
    _say(f"starting {engine}")
    cluster = Cluster(group, parts, folder / "flink")
    cluster.start(hosts=2)
    yield cases.undisturbed(cluster, source, expected, folder / "undisturbed")
    yield cases.refused(cluster, source, folder / "refused")
    kills = _KILLS[:2] if short else _KILLS
    for number, (victim, moment) in enumerate(kills):
        yield cases.killed(group, cluster, source, expected, folder / f"killed-{number}", victim, moment)


def _not_run(arguments: argparse.Namespace) -> int:
    print("the test on Flink was not run")
    return 0 if arguments.where_possible else 2


def _source(folder: Path, arguments: argparse.Namespace) -> cases.Source:
    """Returns what the person named, or else functions of Python's standard library, which every machine has."""
    if arguments.input:
        return cases.Source(arguments.spec, arguments.input)
    subprocess.run([sys.executable, _EXAMPLE / "harvest.py", folder], check=True, stdout=subprocess.DEVNULL)
    return cases.Source(_EXAMPLE / "spec.yaml", folder / "functions.jsonl")


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.engines.flink", description=__doc__)
    parser.add_argument("--short", action="store_true", help="two kills instead of all")
    parser.add_argument("--where_possible", action="store_true", help="end with 0 where something is not installed")
    parser.add_argument("--flink", help="version of Flink, such as 1.20; by default the first one that can be had")
    parser.add_argument("--beam", default=BEAM, help="version of Beam's runner for it (default: %(default)s)")
    parser.add_argument("--spec", type=Path, help="of the records in --input")
    parser.add_argument("--input", type=Path, help="JSON Lines (default: functions of Python's standard library)")
    return parser.parse_args(argv)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
