"""Runs the cases on a real Flink cluster on this machine: `python -m tests.engines.flink`.

Brings up a standalone Flink with two task managers, each with Python workers of its own; prepares records there and
locally, and compares fingerprints and the digests of all files; then kills parts of it in the middle of jobs, and of
streams that read a real Kafka broker. Ends with 1 where a case fails, with 2 where something has to be installed first.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.engines.fetching import NotThereError, missing_tools
from tests.engines.flink.parts import BEAM, ENGINES, Engine, fetch
from tests.engines.kafka.parts import fetch as fetch_kafka
from tests.engines.told import FLINK, KAFKA, RECORDS

_CASES = Path(__file__).with_name("on_flink.py")
_STREAMS = Path(__file__).with_name("on_flink_stream.py")
# Whole names, because pytest fails where there is none of one, and would pass over a word that fits nothing.
_SHORT = (
    "test_the_same_bytes[labelled]",
    "test_a_bad_record_ends_the_run_as_locally",
    "test_a_killed_part_changes_no_byte[host-reading]",
    "test_a_killed_part_changes_no_byte[workers-encoding]",
)
_SHORT_STREAMS = ("test_every_message_is_in_one_place[short]", "test_a_checkpoint_holds_nothing_back")


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    given = _arguments(argv)
    missing = missing_tools("Flink")
    if missing:
        return _not_run(missing, given.where_possible)
    try:
        parts = fetch([Engine(given.flink, given.beam)] if given.flink else ENGINES, _say)
        os.environ[KAFKA] = str(fetch_kafka(_say))
    except NotThereError as error:
        return _not_run([f"Flink cannot be had: {error}"], given.where_possible)
    _say(f"Flink {parts.engine.flink}, Beam's runner for it {parts.engine.beam}, Beam's Python SDK {BEAM}")
    os.environ[FLINK] = json.dumps(parts.stated)
    if given.input:
        os.environ[RECORDS] = json.dumps([str(given.spec.resolve()), str(given.input.resolve())])
    short = [*(f"{_CASES}::{name}" for name in _SHORT), *(f"{_STREAMS}::{name}" for name in _SHORT_STREAMS)]
    chosen = short if given.short else [str(_CASES), str(_STREAMS), "-k", given.cases or ""]
    return int(pytest.main(["-v", "--durations=0", *chosen]))


def _not_run(reasons: Sequence[str], where_possible: bool) -> int:
    for line in [*reasons, "not run on Flink"]:
        _say(line)
    return 0 if where_possible else 2


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.engines.flink", description="Runs the cases on Flink.")
    parser.add_argument("--short", action="store_true", help="some of the cases")
    parser.add_argument("--cases", metavar="WORDS", help="those that `pytest -k WORDS` chooses")
    parser.add_argument("--where_possible", action="store_true", help="end with 0 where something is not to be had")
    parser.add_argument("--flink", help="version of Flink, such as 1.20 (default: the first one that can be had)")
    parser.add_argument("--beam", default=BEAM, help="version of Beam's runner for it (default: %(default)s)")
    parser.add_argument("--spec", type=Path, help="of the records in --input")
    parser.add_argument("--input", type=Path, help="file of records (default: functions of Python's standard library)")
    given = parser.parse_args(argv)
    if bool(given.spec) != bool(given.input):
        parser.error("--spec and --input belong together")
    return given


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
