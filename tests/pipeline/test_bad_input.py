"""Bad records through whole runs: what is lost is named with its place, and nothing else is lost."""

import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.pipeline.bad_input import (
    QUOTE,
    TEXT_SPEC,
    check_rejected,
    line,
    published,
    record,
    refused,
    rejected_rows,
    spec_for,
    written,
)
from tests.pipeline.formats import COMPRESSORS, WRITERS
from tests.pipeline.helpers import make_job, prepare, read_dataset

BAD_LINES: dict[str, tuple[bytes, str, str]] = {
    "broken JSON": (b'{"id": "r", "words": ["a"', "invalid_json", "a line must hold one JSON object; Expecting"),
    "no object": (b"17", "not_an_object", "a line must hold one JSON object with named fields"),
    "invalid UTF-8": (
        line(1).replace(b'"a"', b'"a\xff"'),
        "invalid_utf8",
        "a record must be UTF-8; byte 25 of the record is not",
    ),
    "a NUL in a text": (
        line(1).replace(b'"a"', b'"a\0"'),
        "invalid_json",
        "a line must hold one JSON object; Invalid control character",
    ),
    "NULs only": (b"\0\0\0\0", "invalid_json", "a line must hold one JSON object; Expecting value"),
    "NaN": (line(1).replace(b"0.5", b"NaN"), "not_finite", "every number of 'frames' must be finite as a 32-bit float"),
    "Infinity": (
        line(1).replace(b"0.5", b"-Infinity"),
        "not_finite",
        "every number of 'frames' must be finite as a 32-bit float",
    ),
    "1e999": (line(1).replace(b"0.5", b"1e999"), "not_finite", "field 'frames' must be finite"),
    "beyond a 32-bit float": (
        line(1).replace(b"0.5", b"1e300"),
        "not_finite",
        "every number of 'frames' must be finite as a 32-bit float",
    ),
    "an id beyond 64 bits": (line(1, id=2**63), "wrong_type", "field 'id' must be a string, an integer of 64 bits"),
    "wrong dims in one frame": (
        line(1, frames=[[1.0, 2.0], [3.0]]),
        "wrong_dims",
        "every frame of 'frames' must hold 2 numbers",
    ),
    "labels longer than the sequence": (
        line(1, labels=["x", "y", "z"]),
        "label_length",
        "the label must have as many steps as 'words'",
    ),
    "no key": (
        b'{"words": ["a"], "frames": [[1, 2]], "labels": ["x"]}',
        "missing_field",
        "field 'id' must have a value",
    ),
    "a key twice": (b'{"id": "a", ' + line(1)[1:], "invalid_json", "a line must hold one JSON object of valid"),
    "an array and an end": (line(1) + b"]", "invalid_json", "a line must hold one JSON object; Extra data"),
    "half a surrogate pair": (line(1, words=["\ud800"]), "invalid_json", "a line must hold one JSON object of valid"),
    "nested without end": (b'{"id":' * 5_000, "invalid_json", "a line must hold one JSON object; this one is nested"),
}


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_bad_lines_between_good_ones(suffix: str, tmp_path: Path) -> None:
    lines, expected = [], {}
    for i, (bad, reason, rule) in enumerate(BAD_LINES.values()):
        lines += [line(3 * i), bad, b"", line(3 * i + 1)]
        expected[len(lines) - 2] = (reason, rule)
    lines.append(line(1)[:-9])  # half a line, and the file ends
    expected[len(lines)] = ("invalid_json", "a line must hold one JSON object; ")
    content = b"\n".join(lines)
    source = written(tmp_path, f"in.jsonl{suffix}", COMPRESSORS[suffix](content))
    manifest = published(tmp_path, spec_for(), source, len(expected), block_bytes=900)
    assert manifest.counts.kept == 2 * len(BAD_LINES)
    assert dict(manifest.counts.rejected) == Counter(reason for reason, _ in expected.values())
    check_rejected(tmp_path, content, expected)


def test_a_type_that_changes_half_way(tmp_path: Path) -> None:
    first = [line(i) for i in range(400)]
    second = [line(i, id=i, words="a b", labels=[True]) for i in range(400, 800)]
    content = b"\n".join(first + second) + b"\n"
    manifest = published(tmp_path, spec_for(), written(tmp_path, "in.jsonl", content), 400, block_bytes=30_000)
    assert (manifest.counts.read, manifest.counts.kept) == (800, 400)
    rule = "field 'words' must be a list of strings, of integers of 64 bits or of booleans; it is \"a b\""
    check_rejected(tmp_path, content, dict.fromkeys(range(401, 801), ("wrong_type", rule)))


def test_names_of_several_types_are_no_change(tmp_path: Path) -> None:
    lines = [line(2 * i, id=value, labels=[i % 2 == 0]) for i, value in enumerate([1, "2", True, -4, "e"] * 1)]
    published(tmp_path, spec_for(), written(tmp_path, "in.jsonl", b"\n".join(lines)), 0)
    assert sorted(stored.id for stored in read_dataset(tmp_path / "out")) == ["-4", "1", "2", "e", "true"]


def test_bad_lines_of_text(tmp_path: Path) -> None:
    content = b"a b\n\xffc\n\n\0 d\nlast"
    manifest = published(tmp_path, TEXT_SPEC, written(tmp_path, "in.txt", content), 1)
    assert manifest.counts.kept == 4
    check_rejected(tmp_path, content, {2: ("invalid_utf8", "a record must be UTF-8; byte 0 of the record is not")})


def csv_of(*rows: bytes) -> bytes:
    return b"\n".join([b"id,words,frames,labels", *rows]) + b"\n"


def cells(i: int) -> bytes:
    return b'r%d,"[""a""]","[[1, 2]]","[""x""]"' % i


def test_bad_rows_of_csv(tmp_path: Path) -> None:
    bad = {
        3: (cells(1) + b",more", "wrong_cells", "a record must have 4 cells, one for each column of the header; this"),
        4: (cells(1).replace(b"r1", b"r\xff"), "invalid_utf8", "a record must be UTF-8; byte 1 of the record is not"),
        6: (b'r"1,' + cells(1), "invalid_csv", 'a quote " must open at the beginning of a cell'),
        7: (b'x,[],"[[1, 2]",[]', "wrong_type", "field 'frames' must be a list of frames"),
        8: (b'x,"[""a""]","[[NaN, 2]]","[""x""]"', "not_finite", "every number of 'frames' must be finite"),
        9: (b',"[""a""]","[[1, 2]]","[""x""]"', "missing_field", "field 'id' must have a value; its cell is empty"),
        10: (b'"a"b,[],[],[]', "invalid_csv", 'a quote " must open at the beginning of a cell, close at its end'),
    }
    rows = [bad[number][0] if number in bad else cells(number) for number in range(2, 13)]
    content = csv_of(*rows)
    manifest = published(tmp_path, spec_for("csv"), written(tmp_path, "in.csv", content), len(bad))
    assert manifest.counts.kept == 4
    check_rejected(tmp_path, content, {number: (reason, rule) for number, (_, reason, rule) in bad.items()})


@pytest.mark.parametrize("block_bytes", [30, 1 << 20])
def test_a_quote_that_is_never_closed(block_bytes: int, tmp_path: Path) -> None:
    content = csv_of(cells(1), cells(2), b'r3,"[]', b"r4,[],[],[]", b"r5,[],[],[]")
    source = written(tmp_path, "in.csv", content)
    settings: Any = {"block_bytes": block_bytes, "max_rejected": 1.0}
    assert refused(lambda: prepare(spec_for("csv"), source, tmp_path / "out", **settings)) == (
        f'{source}: byte {content.rindex(QUOTE)}: the quote " that opens here is never closed, so that nobody can say '
        "which records stand behind it; close it, write quotes within a cell twice, or say `input: {quotes: false}`"
    )
    assert not (tmp_path / "out/manifest.json").exists()


def test_a_quote_that_a_later_one_closes_costs_the_records_between(tmp_path: Path) -> None:
    content = csv_of(cells(1), b'r2,"[]', cells(3), cells(4))
    manifest = published(tmp_path, spec_for("csv"), written(tmp_path, "in.csv", content), 1)
    assert (manifest.counts.read, manifest.counts.kept) == (3, 2)
    check_rejected(tmp_path, content, {3: ("invalid_csv", 'a quote " must open at the beginning of a cell, close')})


def whole(name: str, count: int = 60) -> bytes:
    return WRITERS[name]([record(i) for i in range(count)])


def test_broken_checksums_of_tfrecord(tmp_path: Path) -> None:
    content = bytearray(whole("tfrecord"))
    [size] = struct.unpack("<Q", content[:8])
    content[20] ^= 1  # of the data of the first record
    (tmp_path / "a").mkdir()
    source = written(tmp_path / "a", "in.tfrecord", bytes(content))
    manifest = published(tmp_path / "a", spec_for("tfrecord"), source, 1, block_bytes=300)
    assert manifest.counts.kept == 59
    [row] = rejected_rows(tmp_path / "a")
    assert (row["line"], row["offset"], row["reason"]) == (1, 0, "broken_crc")
    assert row["rule"] == "a record must fit its checksum (CRC-32C); it is damaged; write it again"
    second = size + 16
    content[second] ^= 1  # of the length of the second one
    source = written(tmp_path, "in.tfrecord", bytes(content))
    assert refused(make_job(spec_for("tfrecord"), source, tmp_path / "out", max_rejected=1.0)) == (
        f"{source}: byte {second}: no TFRecord frame begins here: the length of the frame does not fit its checksum; "
        "the file is cut off or damaged; write it again"
    )


def test_a_gzip_file_that_is_cut_off(tmp_path: Path) -> None:
    content = COMPRESSORS[".gz"](whole("jsonl"))
    source = written(tmp_path, "in.jsonl.gz", content[: len(content) // 2])
    text = refused(make_job(spec_for(), source, tmp_path / "out", max_rejected=1.0))
    assert text.startswith(f"{source}: byte {len(content) // 2} of the gzip file, or before: the compressed content ")
    assert text.endswith("so that nobody can say which records are lost; get the file again")


def test_a_parquet_file_cut_in_half(tmp_path: Path) -> None:
    content = whole("parquet")
    source = written(tmp_path, "in.parquet", content[: len(content) // 2])
    text = refused(make_job(spec_for("parquet"), source, tmp_path / "out", max_rejected=1.0))
    assert text.startswith(f"{source}: no whole Parquet file: Parquet magic bytes not found in footer.")
    assert text.endswith("; it is cut off or damaged; write it again")


def test_numbers_of_parquet_that_are_not_finite(tmp_path: Path) -> None:
    rows = [record(i) for i in range(6)]
    rows[2]["frames"] = [[float("nan"), 1.0]]
    rows[4]["frames"] = [[float("inf"), 1.0]]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    published(tmp_path, spec_for("parquet"), str(tmp_path / "in.parquet"), 2)
    rule = "every number of 'frames' must be finite as a 32-bit float"
    assert [(row["line"], row["offset"], row["reason"], row["rule"]) for row in rejected_rows(tmp_path)] == [
        (3, 2, "not_finite", rule),
        (5, 4, "not_finite", rule),
    ]


def test_a_line_of_100_megabytes(tmp_path: Path) -> None:
    """In a process of its own, whose memory can be measured; the limit is the default, 64 MiB."""
    with (tmp_path / "in.jsonl").open("wb") as file:
        file.write(line(1) + b"\n" + b'{"id": "huge", "words": ["')
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b'"]}\n' + line(3) + b"\n")
    (tmp_path / "spec.yaml").write_text(spec_for())
    code = (
        "import re, sys; from pathlib import Path; from pipeline.cli import main; code = main(sys.argv[1:]);"
        "print(code, re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    paths = ["--spec", f"{tmp_path}/spec.yaml", "--input", f"{tmp_path}/in.jsonl", "--output", f"{tmp_path}/out"]
    given = [sys.executable, "-c", code, "run", *paths, "--max_rejected", "1"]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    exit_code, kibibytes = done.stdout.splitlines()[-1].split()
    assert exit_code == "0", done.stderr
    assert int(kibibytes) < 1_000_000
    [row] = rejected_rows(tmp_path)
    assert (row["line"], row["offset"], row["reason"]) == (2, len(line(1)) + 1, "too_large")
    assert row["rule"].startswith("a record must have at most 67108864 bytes (max_record_bytes); this one has more")
    assert row["excerpt"] == '{"id": "huge", "words": ["' + "x" * 171 + "..."
    assert sorted(stored.id for stored in read_dataset(tmp_path / "out")) == ["r1", "r3"]


@pytest.mark.parametrize("block_bytes", [300, 1_000, 100_000])
def test_a_record_in_quotes_that_is_far_too_large_in_the_first_block(block_bytes: int, tmp_path: Path) -> None:
    rows = ["id,text", '1,"a\nb"', '2,"' + "x y\n" * 2_000 + '"', '3,"c"']
    source = written(tmp_path, "in.csv", "\n".join(rows).encode() + b"\n")
    spec = "id: id\ninput: {max_record_bytes: 100}\n" + TEXT_SPEC
    published(tmp_path, spec, source, 1, block_bytes=block_bytes)
    [row] = rejected_rows(tmp_path)
    assert (row["line"], row["offset"], row["reason"]) == (4, 16, "too_large")
    assert sorted(stored.id for stored in read_dataset(tmp_path / "out")) == ["1", "3"]


def test_a_sample_that_ends_within_quotes(tmp_path: Path) -> None:
    rows = b"".join(b'%d,"%s"\n' % (i, b"a word\n" * 100) for i in range(1_600))
    source = written(tmp_path, "in.csv", b"id,text\n" + rows)
    spec = "id: id\ninput: {max_record_bytes: 1000}\n" + TEXT_SPEC
    assert published(tmp_path, spec, source, 0, block_bytes=8 << 20).counts.kept == 1_600


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("block_bytes", [20, 100_000])
def test_a_first_line_behind_a_byte_order_mark_that_is_too_large(block_bytes: int, suffix: str, tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + b"x " * 300 + b"\r\na b\r\n"
    source = written(tmp_path, f"in.txt{suffix}", COMPRESSORS[suffix](content))
    spec = "input: {max_record_bytes: 100}\n" + TEXT_SPEC
    published(tmp_path, spec, source, 1, block_bytes=block_bytes)
    [row] = rejected_rows(tmp_path)
    assert (row["line"], row["offset"], row["reason"]) == (1, 3, "too_large")
    assert len(read_dataset(tmp_path / "out")) == 1
