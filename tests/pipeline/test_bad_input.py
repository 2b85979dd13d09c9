"""Bad input through whole runs: what is lost is named with its place, and nothing else is lost."""

import io
import json
import os
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import files
from pipeline.job import Job
from pipeline.options import beam_options
from pipeline.run import run
from pipeline.verify import verify
from schemas.errors import DataError, LengthwiseError, UsageError
from schemas.manifest_pb2 import Manifest
from tests.pipeline.formats import COMPRESSORS, WRITERS
from tests.pipeline.helpers import failures, make_job, prepare, quiet, read_dataset, run_job

SPEC = """
id: id
input: {INPUT}
sequences:
  words: {type: tokens}
  frames: {type: series, dims: 2, layout: LAYOUT}
label: {from: labels, type: per_step_class, of: words}
split: {fractions: {train: 1.0}}
buckets: {by: words}
"""
TEXT_SPEC = """
sequences: {text: {type: tokens, tokenizer: whitespace, empty: keep}}
split: {fractions: {train: 1.0}}
"""
QUOTE = b'"'
Expected = dict[int, tuple[str, str]]  # by line: reason and the beginning of the rule


def spec_for(name: str = "jsonl", said: str = "") -> str:
    given = f"format: {name}" + (f", {said}" if said else "")
    return SPEC.replace("INPUT", given).replace("LAYOUT", "flat" if name == "tfrecord" else "frames")


def record(i: int, **other: Any) -> dict[str, Any]:
    good = {
        "id": f"r{i}",
        "words": ["a", "b"][: 1 + i % 2],
        "frames": [[i / 2, 1.0]],
        "labels": ["x", "y"][: 1 + i % 2],
    }
    return good | other


def line(i: int, **other: Any) -> bytes:
    return json.dumps(record(i, **other)).encode()


def written(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def published(folder: Path, spec: str, sources: str | list[str], lost: int, **settings: Any) -> Manifest:
    """A run that allows so many rejected records and has exactly as many."""
    manifest = prepare(spec, sources, folder / "out", max_rejected=lost, **settings)
    counts = manifest.counts
    assert counts.read == counts.kept + sum(counts.rejected.values()) + sum(counts.dropped.values())
    assert sum(counts.rejected.values()) == lost
    assert len(read_dataset(folder / "out")) == counts.examples == counts.kept
    assert verify(str(folder / "out"))["problems"] == []
    return manifest


def rejected_rows(folder: Path) -> list[dict[str, Any]]:
    [path] = (folder / "out/rejected").iterdir()
    rows = [json.loads(text) for text in path.read_text().splitlines()]
    for row in rows:
        assert len(row["excerpt"]) <= 200 and row["excerpt"].isprintable() and row["rule"].isprintable()
    return rows


def check_rejected(folder: Path, content: bytes, expected: Expected) -> None:
    """Compares what was rejected with lines of a file and what is wrong with each."""
    rows = rejected_rows(folder)
    assert {row["line"]: row["reason"] for row in rows} == {number: reason for number, (reason, _) in expected.items()}
    starts = [0]
    for text in content.split(b"\n"):
        starts.append(starts[-1] + len(text) + 1)
    for row in rows:
        assert row["offset"] == starts[row["line"] - 1]
        assert row["rule"].startswith(expected[row["line"]][1]), row


def refused(job: Job | Callable[[], Any], kind: type[LengthwiseError] = DataError) -> str:
    """The text with which a run fails; it publishes nothing and leaves no traceback."""
    with pytest.raises(LengthwiseError) as caught:
        run_job(job) if isinstance(job, Job) else job()
    assert type(caught.value) is kind
    if isinstance(job, Job):
        assert not (Path(job.output) / "manifest.json").exists()
        assert not [path for path in failures(Path(job.output)) if path.name == "traceback.txt"]
    text = str(caught.value)
    assert "\n" not in text
    return text


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
        "which records stand behind it; close it, write quotes within a cell twice, or say that quotes mean nothing "
        "here"
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
        "import resource, sys; from pipeline.cli import main; code = main(sys.argv[1:]);"
        "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    paths = ["--spec", f"{tmp_path}/spec.yaml", "--input", f"{tmp_path}/in.jsonl", "--output", f"{tmp_path}/out"]
    given = [sys.executable, "-c", code, "run", *paths, "--max_rejected", "1"]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    exit_code, mebibytes = done.stdout.splitlines()[-1].split()
    assert exit_code == "0", done.stderr
    assert int(mebibytes) < 1_000
    [row] = rejected_rows(tmp_path)
    assert (row["line"], row["offset"], row["reason"]) == (2, len(line(1)) + 1, "too_large")
    assert row["rule"].startswith("a record must have at most 67108864 bytes (max_record_bytes); this one has more")
    assert row["excerpt"] == '{"id": "huge", "words": ["' + "x" * 171 + "..."
    assert sorted(stored.id for stored in read_dataset(tmp_path / "out")) == ["r1", "r3"]


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").mkdir()
    job = lambda pattern: lambda: make_job(spec_for(), f"{tmp_path}/{pattern}", tmp_path / "out")  # noqa: E731
    path = f"{tmp_path}/in.jsonl"
    assert refused(job("in.jsonl"), UsageError) == (
        f"--input {path}: matches no file; check the path, and quote a pattern for the shell"
    )
    written(tmp_path, "other.jsonl", line(1))
    assert refused(job("*.jsonl")) == (
        f"{path}: is a folder; name a pattern that matches files only, or a folder of files by itself"
    )
    written(tmp_path / "in.jsonl", "within.jsonl", line(2))
    assert len(make_job(spec_for(), f"{tmp_path}/**", tmp_path / "out").inputs) == 2


def test_links_to_nothing(tmp_path: Path) -> None:
    link = tmp_path / "folder/in.jsonl"
    link.parent.mkdir()
    link.symlink_to("gone.jsonl")
    written(link.parent, "other.jsonl", line(1))
    for pattern in (link, link.parent, f"{link.parent}/*.jsonl"):
        text = refused(lambda pattern=pattern: make_job(spec_for(), str(pattern), tmp_path / "out"))  # type: ignore[misc]
        assert text == f"{link}: is a link to nothing: No such file or directory"


def test_a_named_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.jsonl")
    text = refused(lambda: make_job(spec_for(), str(tmp_path / "in.jsonl"), tmp_path / "out"))
    assert text.startswith(f"{tmp_path}/in.jsonl: is neither a file nor a folder; name a pattern that matches files")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    source = written(tmp_path, "in.jsonl", line(1))
    Path(source).chmod(0)
    assert refused(make_job(spec_for(), source, tmp_path / "out")) == f"{source}: cannot be read: Permission denied"


def test_a_file_that_the_system_refuses_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [written(tmp_path, f"{name}.jsonl", line(1)) for name in "ab"]
    job = make_job(spec_for(), sources, tmp_path / "out")
    opened = files._open

    def refusing(path: str) -> Any:
        if path == sources[1]:
            raise PermissionError(13, "Permission denied", path)
        return opened(path)

    monkeypatch.setattr(files, "_open", refusing)
    assert refused(job) == f"{sources[1]}: cannot be read: Permission denied"


def test_an_empty_file_among_others(tmp_path: Path) -> None:
    sources = [
        written(tmp_path, "a.jsonl", b""),
        written(tmp_path, "b.jsonl", line(1)),
        written(tmp_path, "c.csv", b""),
    ]
    manifest = published(tmp_path, spec_for().replace("{format: jsonl}", "{}"), sources, 0)
    assert [(file.path, file.bytes, file.records) for file in manifest.inputs] == [
        (sources[0], 0, 0),
        (sources[1], len(line(1)), 1),
        (sources[2], 0, 0),
    ]


CHANGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "grows": (lambda content: content + content, "changed its size while it was read"),
    "shrinks": (lambda content: content[: len(content) // 2], "became shorter while it was read"),
    "is written again": (lambda content: content, "was written to while it was read"),
    "holds something else": (lambda content: content.replace(b"r1", b"q1"), "was written to while it was read"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes(change: str, tmp_path: Path) -> None:
    source = Path(written(tmp_path, "in.jsonl", b"\n".join(map(line, range(50))) + b"\n"))
    job = make_job(spec_for(), str(source), tmp_path / "out", max_rejected=1.0)
    changed, problem = CHANGES[change]
    before = source.stat().st_mtime_ns
    source.write_bytes(changed(source.read_bytes()))
    os.utime(source, ns=(before, before + 1_000_000))  # a clock may tick slowly
    assert refused(job) == f"{source}: {problem}; run again when nobody writes to it"


def test_when_a_file_was_written_is_of_no_account_otherwise(tmp_path: Path) -> None:
    source = Path(written(tmp_path, "in.jsonl", line(1)))
    first = prepare(spec_for(), str(source), tmp_path / "a")
    os.utime(source, (1, 1))
    assert prepare(spec_for(), str(source), tmp_path / "b").fingerprint == first.fingerprint


@pytest.mark.parametrize("name", [*WRITERS])
def test_fields_that_the_spec_does_not_read(name: str, tmp_path: Path) -> None:
    rows = [record(i) | {"tags": ["a"], "text": "b\nc", "age": 1.0, "stars": 2} for i in range(3)]
    path = tmp_path / f"in.{name}"
    path.write_bytes(WRITERS[name](rows) if name != "avro" else avro_of(rows))
    job = make_job(spec_for(name), str(path), tmp_path / "out")
    console = quiet()
    manifest = run(job, beam_options([]), console)
    assert manifest.counts.kept == 3
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines.count("fields that the spec does not read: age, stars, tags, text") == 1
    written_down = json.loads((tmp_path / "out/run.json").read_text())
    assert written_down["unread_fields"] == ["age", "stars", "tags", "text"]


def avro_of(rows: list[dict[str, Any]]) -> bytes:
    kinds: dict[str, Any] = dict.fromkeys(("id", "text"), "string") | {"age": "double", "stars": "long"}
    kinds |= {name: {"type": "array", "items": "string"} for name in ("words", "tags", "labels")}
    kinds["frames"] = {"type": "array", "items": {"type": "array", "items": "double"}}
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
    sink = io.BytesIO()
    fastavro.writer(sink, fastavro.parse_schema({"type": "record", "name": "R", "fields": fields}), rows)
    return sink.getvalue()


def test_names_of_unread_fields_are_shown_in_printable_characters_and_not_without_end(tmp_path: Path) -> None:
    many = {f"n{i:03d}": 1 for i in range(150)} | {"\u001b[31m\n": 1, "N" * 200: 2}
    source = written(tmp_path, "in.jsonl", line(1, **many))
    console = quiet()
    run(make_job(spec_for(), source, tmp_path / "out"), beam_options([]), console)
    [shown] = [text for text in console.file.getvalue().splitlines() if text.startswith("fields that")]  # type: ignore[attr-defined]
    assert shown == (
        f"fields that the spec does not read: {'N' * 77}..., \\x1b[31m\\n, "
        + ", ".join(f"n{i:03d}" for i in range(8))
        + " and 142 more"
    )
    assert len(json.loads((tmp_path / "out/run.json").read_text())["unread_fields"]) == 152


def test_spec_that_reads_everything_says_nothing(tmp_path: Path) -> None:
    console = quiet()
    run(make_job(spec_for(), written(tmp_path, "in.jsonl", line(1)), tmp_path / "out"), beam_options([]), console)
    assert "does not read" not in console.file.getvalue()  # type: ignore[attr-defined]
    assert json.loads((tmp_path / "out/run.json").read_text())["unread_fields"] == []
