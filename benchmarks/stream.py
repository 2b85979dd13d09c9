"""What a stream costs beside a run of the same records: seconds of processor time for each step, and memory.

    python benchmarks/stream.py RECORDS.jsonl --spec SPEC [--rounds 5] [--batch 2000] [--window 10m]

Records are JSON lines with an event time, as `event_time` of the spec says it. Nothing of Beam and no engine takes
part: what is measured is what our own steps do, of which an engine adds its own cost (see docs/streaming.md).
Reading (`spool`) and closing (`close`) of all windows are timed in turn with parsing the same lines alone (`parse`),
which every reader of JSON has to do.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.guards import lease
from pipeline.spec_file import read_spec
from pipeline.streaming.closing.session_closer import closer_of
from pipeline.streaming.job import StreamJob
from pipeline.streaming.reading.spool import spool
from pipeline.streaming.sources.source import Batch
from pipeline.streaming.spooled import Spooled
from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.fields import raw_fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.streams.windows import parse_length, parse_window

_SOURCE = "kafka:benchmark/0"


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("--spec", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=2000, help="records that are handed on together")
    parser.add_argument("--window", default="10m")
    given = parser.parse_args()
    spec, _ = read_spec(given.spec)
    lines = given.records.read_bytes().splitlines()
    window = parse_window(given.window, "--window")
    batches = [_batch(lines[i : i + given.batch], i) for i in range(0, len(lines), given.batch)]
    seconds: dict[str, list[float]] = {"parse": [], "spool": [], "close": []}
    spans = 0
    for _ in range(given.rounds):
        seconds["parse"].append(_seconds(lambda: _parse(batches, spec)))
        with tempfile.TemporaryDirectory() as folder:
            job = _job(folder, spec, window)
            refs: list[Spooled] = []
            seconds["spool"].append(_seconds(lambda: refs.extend(_spool(batches, spec, job))))  # noqa: B023
            seconds["close"].append(_seconds(lambda: _close(refs, job)))  # noqa: B023
            spans = len(list(Path(job.closings).iterdir()))
    _print(seconds, len(lines), sum(map(len, lines)), len(batches), spans)
    return 0


def _batch(lines: list[bytes], start: int) -> Batch:
    places = np.arange(start, start + len(lines))
    return Batch(_SOURCE, lines, places, places, places + 1, np.zeros(len(lines), np.int64))


def _job(folder: str, spec: DatasetSpec, window: int) -> StreamJob:
    spec_bytes = spec.SerializeToString(deterministic=True)
    job = StreamJob(folder, "benchmark", spec_bytes, window, parse_length("1h", ""), 1 << 40, ())
    lease.begin(job)
    return job


def _parse(batches: list[Batch], spec: DatasetSpec) -> None:
    for batch in batches:
        parse_jsonl(b"\n".join(filter(None, batch.values)), raw_fields_of(spec), 0, spec.input.max_record_bytes)


def _spool(batches: list[Batch], spec: DatasetSpec, job: StreamJob) -> list[Spooled]:
    return [ref for batch in batches for ref in spool(batch, spec, job.window, job.spool).files]


def _close(refs: list[Spooled], job: StreamJob) -> None:
    """Closes all windows, each when time has passed its end, as an engine would ask for it."""
    closer = closer_of(job)
    held = [closer.hold(ref, job.reached, list) for ref in refs]
    reached = job.reached
    for due in sorted({due for one in held for due in closer.due_times(one)}):
        _, held = closer.close(held, due, reached)
        reached = due


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _print(seconds: dict[str, list[float]], records: int, size: int, batches: int, spans: int) -> None:
    print(f"{records:,} records, {size / 1e6:,.1f} MB, {batches:,} batches, {spans:,} windows; medians")
    parse = statistics.median(seconds["parse"])
    for step, each in seconds.items():
        median = statistics.median(each)
        print(
            f"{step:6} {median:7.3f} s of processor time, {records / median:10,.0f} records/s, {median / parse:5.2f} x"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:,.0f} MiB, of which the records themselves {size / 2**20:,.0f}")


if __name__ == "__main__":
    sys.exit(main())
