"""Runs every benchmark of how batches are made, one after another.

    python benchmarks/batches.py [DATASET ...] [--learn DATASET ...] [--rounds 3] [--write]

DATASET is the folder of a prepared data set: of those named first the padding and the order of batches are
measured, after --learn those that a model is trained on, which takes about a minute for each of ten runs.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from peers import command_parser, positive
from project import HERE, ROOT, progress


def commands(datasets: Sequence[Path], learn: Sequence[Path], rounds: int) -> dict[str, list[str]]:
    """Returns by name of the script its options."""
    folders, turns = [str(path.resolve()) for path in datasets], ["--rounds", str(rounds)]
    scripts = {
        "padding": folders,
        "reading": turns,
        "resume": turns,
        "batch_order": folders,
        "reading_memory": [],
        "training": turns,
    }
    return scripts | ({"learning": [str(path.resolve()) for path in learn]} if learn else {})


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 1 where a script failed."""
    parser = command_parser("Run every benchmark of how batches are made.")
    parser.add_argument("datasets", nargs="*", type=Path, metavar="DATASET", help="folder of a prepared data set")
    parser.add_argument(
        "--learn", nargs="+", type=Path, default=[], metavar="DATASET", help="with a label and a validation split"
    )
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="timed runs of each (%(default)s)")
    options = parser.parse_args(arguments)
    common = ["--cache", str(options.cache.resolve()), *(["--write"] if options.write else [])]
    # The packages of this checkout come first: another may be the installed one.
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    failed = []
    for name, own in commands(options.datasets, options.learn, options.rounds).items():
        progress(f"{name} …")
        command = [sys.executable, str(HERE / f"{name}.py"), *own, *common]
        if subprocess.run(command, check=False, env=environment).returncode:
            failed.append(name)
    if failed:
        print(f"batches: failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
