"""A bad record costs itself: those around it are read as if it were not there."""

import io
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.example import frame_offsets
from schemas.formats.blocks import byte_ranges, read_whole_lines
from schemas.formats.fields import fields_of
from schemas.formats.raw import RawBlock
from schemas.formats.readers import PARSERS, FileReader, starts_of
from tests.fuzz.cases import Case, all_cases, records
from tests.pipeline.formats import WRITERS

COUNT = 20
NAMES = ("jsonl", "csv", "tsv", "tfrecord", "tfrecord_sequence")
BAD: dict[str, list[bytes]] = {
    "jsonl": [b"{", b"x", b"[1]", b"\0", b"\xff", b'{"id": 1}x', b'{"id": "a", "text": 1}', b"{" * 3_000, b"null"],
    "csv": [b"x", b'a"b,,,,,', b"\xff,,,,,", b'"a"b,,,,,', b"," * 9, b"a,b,c,d,e,f", b'a,b,"[",,x,', b"a\rb,,,,,"],
}
BAD["tsv"] = [row.replace(b",", b"\t") for row in BAD["csv"]]


def case_of(name: str) -> Case:
    [case] = [case for case in all_cases() if case.name == f"{name} strict"]
    return case


def units(name: str, content: bytes) -> list[bytes]:
    """The header, if there is one, and the records of a file, each with its end."""
    if name.startswith("tfrecord"):
        return [content[a:b] for a, b in itertools.pairwise(frame_offsets(content, name))]
    if name == "jsonl":
        return content.splitlines(keepends=True)
    # A text may hold a line feed, but the end of a row has a carriage return as well.
    return [row + b"\r\n" for row in content.removesuffix(b"\r\n").split(b"\r\n")]


def damage(name: str, unit: bytes, choice: int) -> bytes:
    if name not in BAD:
        at = 12 + choice % (len(unit) - 16)  # of the data
        return unit[:at] + bytes([unit[at] ^ 1 << choice % 8]) + unit[at + 1 :]
    return BAD[name][choice % len(BAD[name])] + b"\n"


def read(case: Case, content: bytes, block_bytes: int) -> list[RawBlock]:
    fields, given, size = fields_of(case.spec), case.spec.input, len(content)
    stream = io.BytesIO(content)
    if case.reading.format in PARSERS:
        ranges = [read_whole_lines(stream, *ends) for ends in byte_ranges(size, block_bytes)]
        return [PARSERS[case.reading.format](one.data, fields, one.offset) for one in ranges]
    starts = starts_of(stream, size, case.reading, given, block_bytes) or (0,)
    readers = [
        FileReader(stream, *ends, case.reading, given, fields, block_bytes)
        for ends in itertools.pairwise([*starts, size])
    ]
    stream.seek(0)
    return [block for reader in readers for block in reader.blocks()]


def kept_rows(blocks: list[RawBlock]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for block in blocks:
        columns = {name: column.to_pylist() for name, column in block.columns.items()}
        rows += [{name: values[i] for name, values in columns.items()} for i in range(len(block.offsets))]
    return rows


@pytest.mark.parametrize("name", NAMES)
@given(
    bad=st.dictionaries(st.integers(0, COUNT - 1), st.integers(0, 10_000), max_size=12),
    block_bytes=st.sampled_from([50, 700, 1 << 20]),
)
def test_all_other_records_are_kept(name: str, bad: dict[int, int], block_bytes: int) -> None:
    case = case_of(name)
    found = units(name, WRITERS[name](records(COUNT)))
    header, good = found[: len(found) - COUNT], found[len(found) - COUNT :]
    whole = kept_rows(read(case, b"".join(found), 1 << 20))
    assert len(whole) == COUNT
    changed = [damage(name, unit, bad[i]) if i in bad else unit for i, unit in enumerate(good)]
    blocks = read(case, b"".join(header + changed), block_bytes)
    assert kept_rows(blocks) == [row for i, row in enumerate(whole) if i not in bad]
    offsets = list(itertools.accumulate(map(len, changed), initial=sum(map(len, header))))
    rejected = [item for block in blocks for item in block.rejected]
    assert sorted(item.offset for item in rejected) == sorted(offsets[i] for i in bad)


def test_the_good_records_are_as_they_were_written() -> None:
    rows = kept_rows(read(case_of("jsonl"), WRITERS["jsonl"](records(COUNT)), 1 << 20))
    assert [json.dumps(row["frames"]) for row in rows] == [json.dumps(row["frames"]) for row in records(COUNT)]
