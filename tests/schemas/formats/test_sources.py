"""Files are read in the order in which they were named, whatever their format, and every record knows its place."""

import gzip
from pathlib import Path

import pytest

from schemas.dataset_pb2 import Compression, Format, Input
from schemas.errors import DataError, UsageError
from schemas.formats.fields import fields_of
from schemas.formats.reading import Reading
from schemas.formats.sources import FORMATS, Source, find_sources, input_as, read_sources
from schemas.spec import parse_spec

SPEC = parse_spec("sequences: {text: {type: tokens}}\nlabel: {from: mood, type: class}")
FIELDS = fields_of(SPEC, for_training=False)


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(content)


def lines_of(*texts: str) -> bytes:
    return b"".join(b'{"text": ["%s"]}\n' % text.encode() for text in texts)


def read(folder: Path, names: list[str], part_bytes: int) -> list[tuple[str, str, int]]:
    """Text, file and line of every record, in order; all bytes are consumed in the end."""
    sources = find_sources([str(folder / name) for name in names], SPEC.input)
    found, consumed = [], [0]
    for part in read_sources(sources, SPEC.input, FIELDS, part_bytes):
        raw = part.raw
        files, (_, lines) = part.places.piece_of(raw.lines), part.places.positions(raw.offsets, raw.lines)
        for text, file, line in zip(raw.columns["text"].to_pylist(), files, lines, strict=True):
            found.append((text[0], Path(part.paths[file]).name, int(line) + 1))
        consumed.append(part.consumed)
    assert consumed == sorted(consumed)
    assert consumed[-1] == sum(source.bytes for source in sources)
    return found


@pytest.mark.parametrize("part_bytes", [1, 40, 1_000])
def test_records_know_their_places_whatever_shares_a_part(tmp_path: Path, part_bytes: int) -> None:
    files = {"b.jsonl": lines_of("1", "2") + b"\n" + lines_of("3"), "empty.jsonl": b"", "a.jsonl": lines_of("4")}
    write(tmp_path, files | {"c.jsonl.gz": gzip.compress(lines_of("5", "6"))})
    assert read(tmp_path, ["b.jsonl", "empty.jsonl", "a.jsonl", "c.jsonl.gz"], part_bytes) == [
        ("1", "b.jsonl", 1),
        ("2", "b.jsonl", 2),
        ("3", "b.jsonl", 4),
        ("4", "a.jsonl", 1),
        ("5", "c.jsonl.gz", 1),
        ("6", "c.jsonl.gz", 2),
    ]


def test_a_file_is_read_once_and_folders_are_sorted(tmp_path: Path) -> None:
    write(tmp_path, {"z/2.jsonl": b"{}", "z/1.jsonl": b"{}", "z/.hidden": b"", "a.jsonl": b"{}"})
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "a.jsonl")
    names = [str(tmp_path / name) for name in ("z/2.jsonl", "z", "*.jsonl")]
    found = [Path(source.path).name for source in find_sources(names, Input())]
    assert found == ["2.jsonl", "1.jsonl", "a.jsonl"]


def test_one_file(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv.gz": b"12345"})
    path = str(tmp_path / "a.csv.gz")
    assert find_sources([path], Input()) == [Source(path, 5, Reading("csv", "gzip"))]


@pytest.mark.parametrize(
    ("files", "pattern", "kind", "expected"),
    [
        ({}, "*.csv", UsageError, "--input {}: matches no file; check the path, and quote a pattern for the shell"),
        ({"a.jsonl": b""}, "a.jsonl", DataError, "{}: is empty (0 bytes), as is all input; check what should write it"),
        (
            {"d/a.log": b"x"},
            "d",
            UsageError,
            "--input {}: holds 1 file(s), none with a suffix that names a format, such as {}/a.log; say `input: "
            "{{format: …}}` in the spec",
        ),
    ],
)
def test_what_names_no_input(
    tmp_path: Path, files: dict[str, bytes], pattern: str, kind: type[Exception], expected: str
) -> None:
    write(tmp_path, files)
    path = str(tmp_path / pattern)
    with pytest.raises(kind) as error:
        find_sources([path], Input())
    assert str(error.value) == expected.format(path, path)


def test_no_input() -> None:
    with pytest.raises(UsageError, match="--input: names no file; say --input PATTERN"):
        find_sources([], Input())


def test_another_format_has_a_compression_and_an_encoding_of_its_own() -> None:
    given = Input(format=Format.jsonl, compression=Compression.gzip, encoding="latin-1", max_record_bytes=7)
    assert input_as(given) == given
    assert input_as(given, encoding="utf-16").encoding == "utf-16"
    changed = input_as(given, "csv")
    assert changed == Input(format=Format.csv, max_record_bytes=7, header=True, quotes=True)
    assert given.format == Format.jsonl
    named = input_as(Input(columns=["a"], header=False, quotes=False), "tsv")
    assert named == Input(format=Format.tsv, columns=["a"], header=False, quotes=False)


def test_formats_that_do_not_exist() -> None:
    assert FORMATS[0] == "jsonl"
    with pytest.raises(UsageError) as error:
        input_as(Input(), "xml")
    assert str(error.value) == f"--format xml: is none; choose one of {', '.join(FORMATS)}"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    source = Source(str(tmp_path / "gone.jsonl"), 5, Reading("jsonl"))
    with pytest.raises(DataError) as error:
        list(read_sources([source], SPEC.input, FIELDS))
    assert str(error.value) == f"{tmp_path}/gone.jsonl: cannot be read: No such file or directory"
