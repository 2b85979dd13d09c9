"""What tests of streams share: records that were read, and what happens in event time."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import apache_beam as beam
import numpy as np
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from pipeline import files
from pipeline.arrow_files import read_table
from pipeline.guards import lease
from pipeline.origins import SUFFIX
from pipeline.streaming.closing import closings
from pipeline.streaming.closing.closings import Closing
from pipeline.streaming.job import StreamJob
from pipeline.streaming.lines import Lines, name_of, write_lines
from pipeline.streaming.reading.spool import spool
from pipeline.streaming.sources.source import Batch
from pipeline.streaming.spooled import Drained, Spooled
from schemas.spec import parse_spec
from schemas.streams.positions import runs
from schemas.streams.windows import MINUTE, windows_of
from tests.pipeline.helpers import REVIEW_SPEC

WINDOW = 10 * MINUTE
TOPIC = "kafka:events/0"
STREAM_SPEC = f"{REVIEW_SPEC}event_time: {{from: at, format: unix_seconds}}\n"


def stream_job(root: Path, **changed: object) -> StreamJob:
    """A stream with windows of 10 minutes and 10 more for what is late."""
    values = {"window": WINDOW, "lateness": 10 * MINUTE, "window_bytes": 1 << 30, "run_options": (), "spec_bytes": b""}
    job = StreamJob(str(root), **{"run": "one", **values, **changed})  # type: ignore[arg-type]
    lease.begin(job)
    return job


def spooled(
    job: StreamJob, start: int, minutes: Sequence[float], source: str = TOPIC, text: str = "{i}"
) -> list[Spooled]:
    """Writes records as a reader does.

    Args:
      job: Whose.
      start: Offset of the first one.
      minutes: Event time of each, since 1970.
      source: Of all.
      text: Of each; `{i}` is its offset.
    """
    times = np.array([int(minute * MINUTE) for minute in minutes], np.int64)
    positions = np.arange(start, start + len(times))
    windows = windows_of(times, job.window)
    found = []
    for window in np.unique(windows).tolist():
        mask = windows == window
        texts = [text.format(i=i).encode() for i in positions[mask].tolist()]
        lines = Lines(texts, positions[mask], positions[mask])
        written = write_lines(job.spool, name_of(source, lines), [(source, lines)])
        ranges, newest = runs(lines.positions, lines.positions + 1), int(times[mask].max())
        found.append(Spooled(*written[:1], source, window, len(lines.texts), *written[1:], ranges, newest))
    return found


Happening = float | Sequence[Spooled] | Drained


def collect(job: StreamJob, happenings: Iterable[Happening], transform: beam.PTransform) -> None:
    """Runs a transform over what happens.

    Args:
      job: The stream.
      happenings: Numbers move event time, in minutes since 1970; anything else is read.
      transform: Of `Spooled` and `Drained`.
    """
    stream = TestStream()
    for happening in happenings:
        if isinstance(happening, int | float):
            stream.advance_watermark_to(Timestamp(micros=int(happening * MINUTE)))
        elif isinstance(happening, Drained):
            stream.add_elements([happening])
        else:
            stream.add_elements([TimestampedValue(ref, Timestamp(micros=ref.newest)) for ref in happening])
    stream.advance_watermark_to_infinity()
    options = PipelineOptions(["--runner=BundleBasedDirectRunner", "--streaming"])
    with beam.Pipeline(options=options) as pipeline:
        _ = pipeline | stream | transform


def closed(job: StreamJob) -> dict[str, Closing]:
    """All closings by name."""
    return {name: closings.load(job.closings, name) for name in sorted(closings.names_in(job.closings))}


def offsets_of(job: StreamJob, name: str) -> list[int]:
    """Offsets of the records of a closing, as its positions and as its files say."""
    closing = closings.load(job.closings, name)
    stated = [i for ranges in closing.positions.values() for start, end in ranges.tolist() for i in range(start, end)]
    assert closing.records == len(stated)
    assert sum(files.size(files.join(job.root, path)) for path in closing.files) == closing.bytes
    if closing.kind != closings.TOO_LATE:
        paths = [files.join(job.root, path) for path in closing.files]
        texts = [text for path in paths for text in Path(path).read_bytes().splitlines()]
        positions = [i for path in paths for i in read_table(path + SUFFIX)["position"].to_pylist()]
        assert sorted(positions) == sorted(stated)
        assert [int(text) for text in texts] == positions
    return sorted(stated)


def held(job: StreamJob) -> Mapping[str, list[int]]:
    """Offsets of the records of all closings."""
    return {name: offsets_of(job, name) for name in closed(job)}


def reviews_job(root: Path, base: Path, *run_options: str, **changed: object) -> StreamJob:
    """A stream of reviews, as `begin` makes it, whose windows have the vocabulary of a base."""
    job = stream_job(root, **{"spec_bytes": parse_spec(STREAM_SPEC).SerializeToString(), **changed})
    spec = files.join(job.folder, "spec.yaml")
    files.write(spec, STREAM_SPEC.encode())
    options = ("--spec", spec, "--base_dataset", str(base), "--no_report", *run_options)
    return replace(job, run_options=options)


def read(job: StreamJob, start: int, records: Sequence[object], source: str = TOPIC) -> list[Spooled]:
    """What is handed on of records, or of raw lines, that are read from an offset on."""
    values = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    places = np.arange(start, start + len(values))
    batch = Batch(source, values, places, places, places + 1, np.zeros(len(values), np.int64))
    return spool(batch, job.spec, job.window, job.spool).files


def at(records: Iterable[Mapping[str, object]], *minutes: float) -> list[dict[str, object]]:
    """Records that came to be at minutes since 1970, which are repeated as often as there are records."""
    return [{**record, "at": minute * 60} for record, minute in zip(records, itertools.cycle(minutes), strict=False)]
