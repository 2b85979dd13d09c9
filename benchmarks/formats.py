"""How fast each format is read: by the pipeline, and by the format's own library.

    python benchmarks/formats.py [--records 60000] [--rounds 5] [--write]

The pipeline reads as in a run: it lists the file, cuts it into blocks, digests it, and reads every field of
the spec of every block, each value checked. The other side reads the whole file with the defaults of its
library. Both in this process, with one thread of Arrow; what counts is processor time. The rounds are
interleaved, so that a slow spell of the machine meets both alike.
"""

import gc
import json
import statistics
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq
from environments import machine, package_versions
from measure import run
from peers import command_parser, positive
from project import HERE, TIMEOUT, progress
from report import table, write_section

from pipeline.inputs import plan_job
from pipeline.read import read_parts
from schemas.example_pb2 import Example, SequenceExample
from schemas.formats.fields import fields_of
from schemas.spec import parse_spec

PACKAGES = ("pyarrow", "fastavro", "protobuf", "apache-beam")
TEXT = "sequences: {text: {type: tokens, tokenizer: whitespace}}\n"
NUMBERS = TEXT + "context: {age: {type: number}}\nlabel: {from: stars, type: class}\n"
ALL = NUMBERS.replace(
    "}}\n",
    "}, tags: {type: tokens, tokenizer: none}, frames: {type: series, dims: 4, layout: LAYOUT}}\n",
    1,
)
FRAMES, FLAT = ALL.replace("LAYOUT", "frames"), ALL.replace("LAYOUT", "flat")


@dataclass(frozen=True)
class Entrant:
    """A file and two ways to read it.

    Attributes:
      name: For people.
      file: Name of the file, or the folder.
      spec: What the pipeline reads of it.
      peer: What the other side does, for people.
      read: The other side.
    """

    name: str
    file: str
    spec: str
    peer: str
    read: Callable[[Path], object]


def read_csv_and_lists(path: Path) -> object:
    """Reads a table with a header, and what is in its lists."""
    read = pa_csv.read_csv(path, parse_options=pa_csv.ParseOptions(delimiter="\t" if path.suffix == ".tsv" else ","))
    return read, [[json.loads(cell) for cell in read[name].to_pylist()] for name in ("tags", "frames")]


def read_json(path: Path) -> object:
    """Reads JSON lines, compressed as the suffix says."""
    with pa.input_stream(str(path)) as stream:
        return pa_json.read_json(stream)


def read_csv(path: Path) -> object:
    """Reads the columns of a table that hold no lists."""
    return pa_csv.read_csv(path, convert_options=pa_csv.ConvertOptions(include_columns=["text", "age", "stars"]))


def read_avro(path: Path) -> object:
    """Reads records one by one."""
    with path.open("rb") as file:
        return [*fastavro.reader(file)]


def read_tfrecord(path: Path, message: Any) -> object:
    """Reads frames without a look at their checksums, and takes the values out of them."""
    content, position, found = path.read_bytes(), 0, []
    while position < len(content):
        (size,) = struct.unpack_from("<Q", content, position)
        found.append(plain(message.FromString(content[position + 12 : position + 12 + size])))
        position += 16 + size
    return found


def plain(message: Any) -> dict[str, Any]:
    """Returns the values of a message as lists, by name."""
    if isinstance(message, Example):
        return {name: values(feature) for name, feature in message.features.feature.items()}
    steps = message.feature_lists.feature_list.items()
    lists = {name: [values(step) for step in one.feature] for name, one in steps}
    return lists | {name: values(feature) for name, feature in message.context.feature.items()}


def values(feature: Any) -> list[Any]:
    """Returns what a feature holds."""
    return list(getattr(feature, feature.WhichOneof("kind")).value)


ENTRANTS = (
    Entrant("JSONL", "records.jsonl", FRAMES, "pyarrow.json", read_json),
    Entrant("JSONL, gzip", "records.jsonl.gz", FRAMES, "pyarrow.json over its own stream", read_json),
    Entrant("JSONL, zstd", "records.jsonl.zst", FRAMES, "pyarrow.json over its own stream", read_json),
    Entrant("CSV", "records.csv", FRAMES, "pyarrow.csv, json.loads of the lists", read_csv_and_lists),
    Entrant("TSV", "records.tsv", FRAMES, "pyarrow.csv, json.loads of the lists", read_csv_and_lists),
    Entrant(
        "CSV, columns without lists",
        "records.csv",
        NUMBERS,
        "pyarrow.csv, the same columns",
        read_csv,
    ),
    Entrant("lines", "records.txt", TEXT, "read, decode, split", lambda path: path.read_text().split("\n")),
    Entrant(
        "text files",
        "texts",
        "input: {format: text_files}\n" + TEXT,
        "read them",
        lambda path: [file.read_bytes() for file in path.iterdir()],
    ),
    Entrant("Parquet", "records.parquet", FRAMES, "pyarrow.parquet", lambda path: pq.read_table(path)),
    Entrant("Avro", "records.avro", FRAMES, "fastavro.reader", read_avro),
    Entrant(
        "TFRecord of Example",
        "examples.tfrecord",
        FLAT,
        "frames unchecked, Example.FromString, lists of its values",
        lambda path: read_tfrecord(path, Example),
    ),
    Entrant(
        "TFRecord of SequenceExample",
        "sequences.tfrecord",
        "input: {format: tfrecord_sequence}\n" + FRAMES,
        "frames unchecked, SequenceExample.FromString, lists of its values",
        lambda path: read_tfrecord(path, SequenceExample),
    ),
)


@dataclass
class Result:
    """What one entrant gave.

    Attributes:
      size: Bytes of its files.
      records: Read by the pipeline.
      ours: Processor seconds of the pipeline, one a round.
      theirs: Of the other side.
    """

    size: int
    records: int
    ours: list[float]
    theirs: list[float]

    @property
    def ratio(self) -> float:
        """Throughput of the pipeline / that of the other side; above 1, the pipeline is the faster one."""
        return statistics.median(self.theirs) / statistics.median(self.ours)


def read_ours(entrant: Entrant, path: Path) -> int:
    """Reads every record as a run does; returns how many there are.

    Raises:
      ValueError: It rejected some.
    """
    job = plan_job(parse_spec(entrant.spec), [str(path)], str(path.parent / "unwritten"))
    fields, count = fields_of(job.spec), 0
    for block in job.blocks():
        for part in read_parts(block, job.spec.input, fields):
            if part.raw.rejected:
                raise ValueError(f"{entrant.name}: {part.raw.rejected[0]}")
            count += len(part.raw.offsets)
    return count


def processor_seconds(work: Callable[[], object]) -> float:
    """Returns the processor time of all threads for something; garbage is cleared away before."""
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


def compare(folder: Path, rounds: int, entrants: tuple[Entrant, ...] = ENTRANTS) -> dict[str, Result]:
    """Returns the result of each entrant, by name."""
    pa.set_cpu_count(1)
    results: dict[str, Result] = {}
    for entrant in entrants:
        path = folder / entrant.file
        size = sum(file.stat().st_size for file in ([path] if path.is_file() else path.iterdir()))
        results[entrant.name] = Result(size, read_ours(entrant, path), [], [])  # also warms up
        entrant.read(path)
    for turn in range(rounds):
        progress(f"formats: round {turn + 1} of {rounds} …")
        for entrant in entrants:
            path, result = folder / entrant.file, results[entrant.name]
            result.ours.append(processor_seconds(partial(read_ours, entrant, path)))
            result.theirs.append(processor_seconds(partial(entrant.read, path)))
    return results


def result_text(results: dict[str, Result], entrants: tuple[Entrant, ...] = ENTRANTS) -> str:
    """Returns the whole section: table, versions, machine."""
    peers = {entrant.name: entrant.peer for entrant in entrants}
    header = ["", "MB", "ours, MB/s", "ours, records/s", "theirs, MB/s", "ours / theirs", "theirs"]
    rows = []
    for name, result in results.items():
        ours, theirs = statistics.median(result.ours), statistics.median(result.theirs)
        megabytes = result.size / 1e6
        speeds = [f"{megabytes / ours:,.0f}", f"{result.records / ours:,.0f}", f"{megabytes / theirs:,.0f}"]
        rows.append([name, f"{megabytes:.1f}", *speeds, f"{result.ratio:.2f}", peers[name]])
    rounds = max(len(result.ours) for result in results.values())
    return "\n".join(
        [
            f"{max(result.records for result in results.values()):,} records; medians of {rounds} rounds; MB of the "
            "file as it lies there, a second of processor time; above 1, the pipeline is the faster one.",
            "",
            table(header, rows),
            "",
            f"Machine: {machine()}; {package_versions(Path(sys.executable), PACKAGES)}.",
        ]
    )


def prepare_inputs(records: int, cache: Path) -> Path:
    """Returns the folder of the inputs, written if it is not there."""
    folder = cache / f"formats-{records}"
    if not folder.exists():
        progress(f"{records:,} records in every format …")
        unfinished = cache / f"formats-{records}.unfinished"
        unfinished.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(HERE / "format_inputs.py"), str(records), str(unfinished)]
        run(command, cache / "format-inputs.log", TIMEOUT)
        unfinished.replace(folder)
    return folder


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = command_parser("Show how fast each format is read.", records=60_000)
    parser.add_argument("--rounds", type=positive, default=5, metavar="N", help="runs of each (%(default)s)")
    options = parser.parse_args(arguments)
    text = result_text(compare(prepare_inputs(options.records, options.cache.resolve()), options.rounds))
    print(text)
    if options.write:
        write_section(f"formats {options.records}", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
