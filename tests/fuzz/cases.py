"""What is fuzzed: small files in every format, compression and encoding, and the specs that read them."""

import io
import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.dataset_pb2 import DatasetSpec
from schemas.example import FRAME_HEADER, frame_offsets
from schemas.formats.reading import TEXT_FILES, Reading, reading_of
from schemas.spec import parse_spec, resolve
from tests.fuzz.mutations import mutate
from tests.pipeline.formats import AVRO_SCHEMA, COMPRESSORS, WRITERS, Records, tfrecord_frame

_STRICT = """
id: id
input: {INPUT}
sequences:
  text: {type: tokens, tokenizer: words, lowercase: true}
  tags: {type: tokens, empty: keep}
  frames: {type: series, dims: 2, layout: LAYOUT, empty: keep}
context: {age: {type: number}}
label: {from: stars, type: class}
split: {fractions: {train: 1.0}}
"""
_LENIENT = """
input: {INPUT}
sequences:
  text: {type: tokens, tokenizer: characters, empty: drop, max_length: 9, too_long: truncate_head}
  frames: {type: series, dims: 2, layout: LAYOUT, empty: keep, missing: forward, max_length: 3, too_long: drop}
context: {stars: {type: category}, number: {type: category, from: id}}
label: {from: age, type: number}
split: {fractions: {train: 1.0}}
"""
_TEXTS = """
input: {INPUT}
sequences: {text: {type: tokens, tokenizer: whitespace, empty: keep, max_length: 3, too_long: split}}
split: {fractions: {train: 1.0}}
"""
_FEW_BYTES = 200  # most bytes of a record in some cases, which most records exceed
_COMPRESS_THEMSELVES = {"parquet", "avro"}
_ENCODED = [("jsonl", "utf-16"), ("csv", "cp1252"), ("tsv", "utf-32-le"), ("lines", "shift_jis"), ("jsonl", "utf-7")]


@dataclass(frozen=True)
class Case:
    """A way to read files.

    Attributes:
      name: For people.
      reading: Format, compression and encoding.
      spec: Resolved.
      files: Whole files, undamaged.
    """

    name: str
    reading: Reading
    spec: DatasetSpec
    files: tuple[bytes, ...]


class Damaged(NamedTuple):
    """One input of the fuzzer.

    Attributes:
      case: How it is read.
      content: The damaged file.
      block_bytes: Size of a block when it is read in small ones.
    """

    case: Case
    content: bytes
    block_bytes: int


def damaged(seed: int, number: int) -> Damaged:
    """Returns an input: a function of the two numbers alone."""
    draw = random.Random(f"{seed}/{number}")
    case = all_cases()[number % len(all_cases())]
    content = draw.choice(case.files)
    other = draw.choice(draw.choice((case, case, draw.choice(all_cases()))).files)
    block_bytes = draw.choice((1, 40, 40, 300, 300, 2_000, 2_000, 2_000))
    suffix = _suffix_of(case)
    if not suffix or draw.random() < 0.15:
        return Damaged(case, _mutated(draw, case, content, other), block_bytes)
    plain = _plain_of(case)  # damage from before it was compressed
    content = _mutated(draw, plain, draw.choice(plain.files), draw.choice(plain.files))
    return Damaged(case, COMPRESSORS[suffix](content), block_bytes)


def _mutated(draw: random.Random, case: Case, content: bytes, other: bytes) -> bytes:
    """Returns damaged content; of TFRecord, often frames that are whole and hold damaged data."""
    if not case.reading.format.startswith("tfrecord") or case.reading.compression != "none" or draw.random() < 0.3:
        return mutate(draw, content, other)
    frames = [content[a + FRAME_HEADER : b - 4] for a, b in itertools.pairwise(frame_offsets(content, case.name))]
    for _ in range(draw.choice((1, 1, 2, 5))):
        i = draw.randrange(len(frames))
        frames[i] = mutate(draw, frames[i], other)
    return b"".join(map(tfrecord_frame, frames))


@cache
def all_cases() -> tuple[Case, ...]:
    """Returns every way to read."""
    return tuple(_cases())


def records(count: int) -> list[dict[str, Any]]:
    """Returns small records, none of which a spec rejects."""
    draw = random.Random(count)
    words = ["a", "bé", "ç", 'say "hi"', "c,d", "two\nlines", "tab\there", "x"]
    return [
        {
            "id": f"r{i}",
            "text": " ".join(draw.choices(words, k=draw.randint(1, 6))),
            "tags": draw.choices(["N", "V", "é"], k=draw.randint(0, 4)),
            "frames": [[draw.randint(-9, 9) / 4, draw.randint(0, 9) / 2] for _ in range(draw.randint(0, 4))],
            "age": draw.randint(1, 90) / 1.0,
            "stars": draw.randint(1, 3),
        }
        for i in range(count)
    ]


def as_lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """Returns the texts of records, a line each."""
    return b"".join(row["text"].replace("\n", " ").encode() + b"\r\n" for row in rows)


def _cases() -> Iterable[Case]:
    rows = [records(count) for count in (1, 3, 12)]
    for name, writer in WRITERS.items():
        files = [writer(some) for some in rows]
        suffixes = [""] if name in _COMPRESS_THEMSELVES else list(COMPRESSORS)
        for suffix, (kind, spec) in itertools.product(suffixes, (("strict", _STRICT), ("lenient", _LENIENT))):
            yield _case(name, kind, spec, suffix, files)
        if name not in _COMPRESS_THEMSELVES:
            yield _case(name, "few bytes", _STRICT, "", files, f"max_record_bytes: {_FEW_BYTES}")
    texts = [as_lines(some) for some in rows]
    for name, suffix in itertools.product(("lines", TEXT_FILES), COMPRESSORS):
        yield _case(name, "texts", _TEXTS, suffix, texts)
    variants = [_avro(codec) for codec in ("null", "bzip2", "xz")]
    variants += [
        ("parquet", "plain", _parquet(compression="none", use_dictionary=False, write_statistics=False)),
        ("parquet", "v2", _parquet(data_page_version="2.0", compression="gzip", row_group_size=5)),
        ("parquet", "checksum", _parquet(write_page_checksum=True, store_schema=False)),
    ]
    for name, kind, writer in variants:
        yield _case(name, kind, _STRICT, "", [writer(some) for some in rows])
    plain = {"lines": as_lines, **WRITERS}
    for name, encoding in _ENCODED:
        files = [plain[name](some).decode().encode(encoding, "replace") for some in rows]
        spec = _TEXTS if name == "lines" else _STRICT
        yield _case(name, encoding, spec, "", files, f"encoding: {encoding}")


def _avro(codec: str) -> tuple[str, str, Callable[[Records], bytes]]:
    def write(rows: Records) -> bytes:
        sink = io.BytesIO()
        schema = fastavro.parse_schema(AVRO_SCHEMA)
        fastavro.writer(sink, schema, rows, codec=codec, sync_interval=300, sync_marker=b"sixteen bytes ok")
        return sink.getvalue()

    return "avro", codec, write


def _parquet(**settings: Any) -> Callable[[Records], bytes]:
    def write(rows: Records) -> bytes:
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), sink, **settings)
        return sink.getvalue()

    return write


def _case(name: str, kind: str, spec: str, suffix: str, files: list[bytes], said: str = "") -> Case:
    layout = "flat" if name == "tfrecord" else "frames"
    given = ", ".join(filter(None, (f"format: {name}", said)))
    resolved = resolve(parse_spec(spec.replace("INPUT", given).replace("LAYOUT", layout)))
    reading = reading_of(f"in.{name}{suffix}", resolved.input)
    return Case(f"{name}{suffix} {kind}", reading, resolved, tuple(COMPRESSORS[suffix](file) for file in files))


def _suffix_of(case: Case) -> str:
    return {"gzip": ".gz", "bzip2": ".bz2", "zstd": ".zst"}.get(case.reading.compression, "")


@cache
def _plain_cases() -> dict[str, Case]:
    return {case.name: case for case in all_cases()}


def _plain_of(case: Case) -> Case:
    return _plain_cases()[case.name.replace(_suffix_of(case), "", 1)]
