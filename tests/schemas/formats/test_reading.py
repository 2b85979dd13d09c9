"""The format of a file, by its suffix or as the spec says."""

import pytest

from schemas.errors import UsageError
from schemas.formats.reading import Reading, is_known, reading_of
from schemas.spec import parse_spec


def reading(path: str, said: str = "") -> Reading:
    return reading_of(path, parse_spec(f"sequences: {{t: {{type: tokens}}}}\ninput: {{{said}}}").input)


def error(path: str, said: str = "") -> str:
    with pytest.raises(UsageError) as raised:
        reading(path, said)
    return str(raised.value)


@pytest.mark.parametrize(
    ("path", "format", "compression"),
    [
        ("a.jsonl", "jsonl", "none"),
        ("in/b.ndjson", "jsonl", "none"),
        ("/x/c.json", "jsonl", "none"),
        ("gs://bucket/D.JSONL", "jsonl", "none"),
        ("a.jsonl.gz", "jsonl", "gzip"),
        ("a.b.CSV.BZ2", "csv", "bzip2"),
        ("a.tsv.zst", "tsv", "zstd"),
        ("a.tab", "tsv", "none"),
        ("a.txt.zstd", "lines", "zstd"),
        ("a.parquet", "parquet", "none"),
        ("a.pq", "parquet", "none"),
        ("a.avro", "avro", "none"),
        ("a.tfrecord", "tfrecord", "none"),
        ("a.tfrecords.gz", "tfrecord", "gzip"),
    ],
)
def test_by_suffix(path: str, format: str, compression: str) -> None:
    assert reading(path) == Reading(format, compression)
    assert reading_of(path) == Reading(format, compression)
    assert is_known(path)


def test_what_the_spec_says_goes_before_the_suffix() -> None:
    assert reading("a.txt", "format: text_files") == Reading("text_files")
    assert reading("part-00001", "format: jsonl") == Reading("jsonl")
    assert reading("part-00001.gz", "format: csv") == Reading("csv", "gzip")
    assert reading("a.jsonl.gz", "compression: none") == Reading("jsonl")
    assert reading("a.jsonl", "compression: zstd") == Reading("jsonl", "zstd")
    assert reading("a.tfrecord", "format: tfrecord_sequence") == Reading("tfrecord_sequence")


def test_encodings() -> None:
    assert reading("a.csv", "encoding: latin-1") == Reading("csv", "none", "iso8859-1")
    assert reading("a.csv", "encoding: UTF8") == Reading("csv")
    assert error("a.csv", "encoding: klingon") == (
        "encoding: received 'klingon'; it must be one that Python knows, as utf-8, latin-1, cp1252 or utf-16"
    )
    assert error("a.avro", "encoding: latin-1") == (
        "a.avro: avro is no text, so that `input.encoding` means nothing; remove it"
    )


def test_which_files_are_read_from_their_start() -> None:
    whole = ["a.jsonl.gz", "a.tfrecord"]
    assert [reading(path).from_the_start for path in [*whole, "a.jsonl", "a.csv", "a.avro"]] == [True] * 2 + [False] * 3
    assert reading("a.csv", "encoding: utf-16").from_the_start


@pytest.mark.parametrize(
    ("path", "suffix"), [("a.doc", ".doc"), ("in.jsonl/a", ""), ("a.jsonl.zip", ".zip"), ("a.gz", "")]
)
def test_other_suffixes_are_refused(path: str, suffix: str) -> None:
    assert error(path) == (
        f"{path}: has the suffix '{suffix}', which names no format; say `input: {{format: …}}` in the spec, one of "
        "jsonl, csv, tsv, lines, text_files, parquet, avro, tfrecord, tfrecord_sequence"
    )
    assert not is_known(path)


def test_formats_that_compress_themselves() -> None:
    assert error("a.parquet.gz") == (
        "a.parquet.gz: parquet compresses within the file and is not read from gzip; unpack it"
    )
