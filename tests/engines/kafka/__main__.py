"""Reads a real Kafka broker on this machine: `python -m tests.engines.kafka`.

Starts a broker without any container, kills it, deletes records of it. Ends with 1 where a case fails, with 2 where
something has to be installed first.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.engines.fetching import NotThereError, missing_tools
from tests.engines.kafka.parts import VERSION, fetch
from tests.engines.told import KAFKA

_CASES = Path(__file__).with_name("on_kafka.py")


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    given = _arguments(argv)
    missing = missing_tools("Kafka")
    if missing:
        return _not_run(missing, given.where_possible)
    try:
        os.environ[KAFKA] = str(fetch(_say, given.kafka))
    except NotThereError as error:
        return _not_run([f"Kafka cannot be had: {error}"], given.where_possible)
    return int(pytest.main(["-v", "--durations=0", str(_CASES), "-k", given.cases or ""]))


def _not_run(reasons: Sequence[str], where_possible: bool) -> int:
    for line in [*reasons, "not run on Kafka"]:
        _say(line)
    return 0 if where_possible else 2


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.engines.kafka", description="Reads a Kafka broker.")
    parser.add_argument("--cases", metavar="WORDS", help="those that `pytest -k WORDS` chooses")
    parser.add_argument("--where_possible", action="store_true", help="end with 0 where something is not to be had")
    parser.add_argument("--kafka", default=VERSION, help="version of Kafka (default: %(default)s)")
    return parser.parse_args(argv)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
