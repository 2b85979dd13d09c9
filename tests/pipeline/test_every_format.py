"""The same records in every format and compression are the same data set."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.verify import verify
from schemas.errors import DataError
from schemas.manifest_pb2 import Manifest
from tests.pipeline.formats import COMPRESSORS, SUFFIXES, WRITERS
from tests.pipeline.helpers import prepare, read_dataset

COUNT = 200
SPEC = """
name: reviews
id: id
input: {INPUT}
sequences:
  text: {type: tokens, tokenizer: words, lowercase: true}
  tags: {type: tokens, empty: keep}
  frames: {type: series, dims: 2, layout: LAYOUT, normalize: zscore, empty: keep}
context: {age: {type: number}}
label: {from: stars, type: class}
split: {fractions: {train: 0.7, validation: 0.2, test: 0.1}}
buckets: {by: text, count: 3}
"""
# TFRecord compresses its whole files; Parquet and Avro what is inside.
CASES = [(name, suffix) for name in WRITERS for suffix in COMPRESSORS if not suffix or name not in {"parquet", "avro"}]


def records(count: int = COUNT) -> list[dict[str, Any]]:
    draw = np.random.default_rng(5)
    words = ["a", "bé", "東京", 'say "hi"', "c,d", "two\nlines", "tab\there", "x"]
    return [
        {
            "id": f"r{i}",
            "text": " ".join(draw.choice(words, draw.integers(1, 12))),
            "tags": draw.choice(["N", "V", "X"], draw.integers(0, 5)).tolist(),
            "frames": draw.integers(-40, 40, (draw.integers(0, 6), 2)).astype(float).__mul__(0.25).tolist(),
            "age": float(draw.integers(1, 90)),
            "stars": int(draw.integers(1, 4)),
        }
        for i in range(count)
    ]


def write(folder: Path, name: str, suffix: str = "", rows: list[dict[str, Any]] | None = None) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"in.{SUFFIXES.get(name, name)}{suffix}"
    path.write_bytes(COMPRESSORS[suffix](WRITERS[name](records() if rows is None else rows)))
    return str(path)


def spec_for(name: str) -> str:
    said = f"format: {name}" if name in SUFFIXES else ""
    return SPEC.replace("INPUT", said).replace("LAYOUT", "flat" if name == "tfrecord" else "frames")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("jsonl")
    return prepare(spec_for("jsonl"), write(folder, "jsonl"), folder / "out", block_bytes=3_000)


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_the_data_fingerprint_does_not_depend_on_it(name: str, suffix: str, expected: Manifest, tmp_path: Path) -> None:
    source = write(tmp_path, name, suffix)
    manifest = prepare(spec_for(name), source, tmp_path / "out", block_bytes=2_000)
    assert manifest.counts.read == manifest.counts.kept == manifest.counts.examples == COUNT
    assert manifest.data_fingerprint == expected.data_fingerprint
    assert [(file.format, file.records) for file in manifest.inputs] == [(name, COUNT)]
    assert verify(str(tmp_path / "out"))["problems"] == []


def test_several_files_of_several_formats_are_one_data_set(expected: Manifest, tmp_path: Path) -> None:
    rows = records()
    parts = [("jsonl", ".gz"), ("csv", ""), ("parquet", ""), ("avro", ""), ("tsv", ".bz2")]
    sources = [write(tmp_path / str(i), name, suffix, rows[i :: len(parts)]) for i, (name, suffix) in enumerate(parts)]
    manifest = prepare(spec_for("jsonl"), sources, tmp_path / "out", block_bytes=1_000)
    assert manifest.data_fingerprint == expected.data_fingerprint


def test_lines_and_text_files(tmp_path: Path) -> None:
    spec = (
        "sequences: {text: {type: tokens, tokenizer: whitespace, empty: keep}}\n"
        "split: {fractions: {train: 1.0}}\ninput: {format: FORMAT}\n"
    )
    texts = [f"word{i % 7} é {i}" for i in range(50)] + [""]
    for i, text in enumerate(texts):
        path = tmp_path / "folder" / ("pos" if i % 2 else "neg") / f"{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "in.txt").write_text("".join(text + "\n" for text in texts))
    lines = prepare(spec.replace("FORMAT", "lines"), str(tmp_path / "in.txt"), tmp_path / "a", block_bytes=100)
    files = prepare(spec.replace("FORMAT", "text_files"), str(tmp_path / "folder"), tmp_path / "b", block_bytes=100)
    assert lines.counts.kept == files.counts.kept == len(texts)
    assert lines.data_fingerprint == files.data_fingerprint
    labelled = spec.replace("FORMAT", "text_files") + "label: {type: class}\n"
    prepare(labelled, str(tmp_path / "folder"), tmp_path / "c", block_bytes=100)
    assert (tmp_path / "c/vocabulary/label.txt").read_text() == "neg\npos\n"
    assert len(read_dataset(tmp_path / "c")) == len(texts)


def test_other_encodings(tmp_path: Path, expected: Manifest) -> None:
    rows = records()
    for row in rows:
        row["text"] = row["text"].replace("東京", "ç")
    content = WRITERS["csv"](rows)
    (tmp_path / "utf8.csv").write_bytes(b"\xef\xbb\xbf" + content)
    (tmp_path / "latin.csv").write_bytes(content.decode().encode("latin-1"))
    (tmp_path / "utf16.csv").write_bytes(content.decode().encode("utf-16"))
    found = {}
    for name, encoding in (("utf8", ""), ("latin", "encoding: latin-1"), ("utf16", "encoding: utf-16")):
        spec = SPEC.replace("INPUT", encoding).replace("LAYOUT", "frames")
        found[name] = prepare(spec, str(tmp_path / f"{name}.csv"), tmp_path / name, block_bytes=2_000)
    assert len({manifest.data_fingerprint for manifest in found.values()}) == 1
    assert found["utf8"].data_fingerprint != expected.data_fingerprint


def test_quotes_that_mean_nothing(tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text('text\n5" nails\n"open\n')
    spec = "sequences: {text: {type: tokens, tokenizer: whitespace}}\nsplit: {fractions: {train: 1.0}}\n"
    with pytest.raises(DataError) as raised:
        prepare(spec, str(tmp_path / "in.tsv"), tmp_path / "quoted")
    assert str(raised.value).startswith(f'{tmp_path}/in.tsv: byte 14: the quote " that opens here is never closed')
    manifest = prepare(spec + "input: {quotes: false}\n", str(tmp_path / "in.tsv"), tmp_path / "plain")
    assert (manifest.counts.kept, manifest.vocabularies["text"].size) == (2, 3)


@pytest.mark.parametrize(
    ("name", "suffix", "rule"),
    [
        ("parquet", "", "no whole Parquet file"),
        ("avro", "", "byte 0: an Avro file begins with"),
        ("jsonl", ".gz", "byte 0 of the gzip file"),
        ("tfrecord", ".zst", "byte 0 of the zstd file"),
        ("csv", ".bz2", "byte 0 of the bzip2 file"),
    ],
)
def test_a_file_that_is_never_empty_is_damaged_where_it_is(name: str, suffix: str, rule: str, tmp_path: Path) -> None:
    sources = [write(tmp_path / "a", "jsonl"), str(tmp_path / f"b.{name}{suffix}")]
    Path(sources[1]).touch()
    with pytest.raises(DataError) as raised:
        prepare(spec_for("jsonl"), sources, tmp_path / "out")
    assert str(raised.value).startswith(f"{sources[1]}: {rule}")


@pytest.mark.parametrize("name", ["jsonl", "csv", "tfrecord"])
def test_a_file_that_may_be_empty_holds_no_record(name: str, expected: Manifest, tmp_path: Path) -> None:
    empty = tmp_path / f"b.{name}"
    empty.touch()
    manifest = prepare(spec_for("jsonl"), [write(tmp_path / "a", "jsonl"), str(empty)], tmp_path / "out")
    assert manifest.data_fingerprint == expected.data_fingerprint
    assert [(file.bytes, file.records) for file in manifest.inputs][1] == (0, 0)
