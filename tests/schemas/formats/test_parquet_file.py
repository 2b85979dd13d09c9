"""Parquet files in ranges of bytes, a few rows at a time."""

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.errors import DataError
from schemas.formats.fields import fields_of
from schemas.formats.parquet_file import read_parquet
from schemas.formats.raw import RawBlock
from schemas.spec import parse_spec
from tests.schemas.formats.typed_files import FIELDS, RECORDS, columns, parquet

BLOCK = 1 << 20
END = "it is cut off or damaged; write it again"


def read(data: bytes, start: int, end: int, block_bytes: int = BLOCK) -> Iterator[RawBlock]:
    return read_parquet(io.BytesIO(data), start, end, FIELDS, block_bytes)


def rows(blocks: Iterator[RawBlock]) -> list[int]:
    return [row for block in blocks for row in block.offsets.tolist()]


@pytest.mark.parametrize("row_group_size", [1, 2, 5, 16, 17, 100])
@pytest.mark.parametrize("block_bytes", [1, 300, BLOCK])
def test_blocks_of_any_size_hold_every_row_once(row_group_size: int, block_bytes: int) -> None:
    data = parquet(row_group_size=row_group_size)
    blocks = list(read(data, 0, len(data), block_bytes))
    assert columns(blocks) == columns(read(parquet(), 0, 1 << 40))
    assert rows(iter(blocks)) == list(range(17))
    assert all(block.lines.tolist() == list(range(len(block.lines))) for block in blocks)
    if block_bytes == BLOCK:
        assert [block.line_count for block in blocks] == [
            min(row_group_size, 17 - start) for start in range(0, 17, row_group_size)
        ]


@pytest.mark.parametrize("row_group_size", [5, 100])
def test_every_split_into_ranges_reads_every_row_once(row_group_size: int) -> None:
    data = parquet(row_group_size=row_group_size, compression="none")
    parts = set()
    for cut in range(0, len(data) + 1, 17):
        first, second = rows(read(data, 0, cut)), rows(read(data, cut, len(data)))
        assert first + second == list(range(17))
        parts.add(len(first))
    assert parts == {*range(0, 17, row_group_size), 17}


def test_what_no_field_reads_is_not_decoded() -> None:
    data = parquet(compression="none", use_dictionary=False)
    damaged = data.replace(b"x" * 12, b"x" * 3 + b"\xff" * 9)  # within the column that is not read
    assert damaged != data
    assert columns(read(damaged, 0, len(data))) == columns(read(data, 0, len(data)))


def test_records_without_any_field_are_records() -> None:
    data = parquet([{"other": 1}, {"other": 2}, {"txet": 3}], 2)
    blocks = list(read(data, 0, len(data)))
    assert [block.line_count for block in blocks] == [2, 1]
    assert blocks[0].columns["id"].to_pylist() == [None, None]
    assert blocks[0].explain(1) == ("missing_field", "field 'id' must have a value; the record has no such field")
    assert blocks[0].received(0) == b"{}"


def test_nested_columns_are_read_alone() -> None:
    fields = fields_of(parse_spec("id: meta.id\nsequences: {text: {type: tokens, from: data.text}}"))
    data = parquet([{"meta": {"id": 1, "more": "m"}, "data.text": ["a"], "meta.idd": 2}])
    (block,) = read_parquet(io.BytesIO(data), 0, len(data), fields, BLOCK)
    assert {name: column.to_pylist() for name, column in block.columns.items()} == {"id": ["1"], "text": [["a"]]}
    assert block.received(0) == b'{"data.text": ["a"], "meta": {"id": 1}}'


def test_names_that_are_like_a_missing_one_are_those_of_the_file() -> None:
    data = parquet([{"id": 1, "labels": 2, "other": 3}])
    (block,) = read(data, 0, len(data))
    assert block.explain(0) == ("missing_field", "field 'label' must have a value; did you mean 'labels'?")


def test_a_value_that_is_stored_once_is_decoded_a_few_times() -> None:
    text = "x" * 10_000
    table = pa.table({"id": [text] * 20_000, "text": [["a"]] * 20_000})
    out = io.BytesIO()
    pq.write_table(table, out)
    assert len(out.getvalue()) < 1_000_000  # 200 MB of text
    blocks = read(out.getvalue(), 0, 1 << 40)
    assert next(blocks).line_count == 4096


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "Parquet file size is 0 bytes"),
        (parquet()[:-1], "Parquet magic bytes not found in footer."),
        (parquet()[:-9] + b"\xff" + parquet()[-8:], ""),
    ],
)
def test_a_file_without_footer_is_damaged(data: bytes, words: str) -> None:
    with pytest.raises(DataError) as error:
        list(read(data, 0, 1 << 40))
    assert str(error.value).startswith(f"no whole Parquet file: {words}")
    assert str(error.value).endswith(f"; {END}")


def test_a_page_that_does_not_fit_its_checksum_is_damaged() -> None:
    data = parquet(RECORDS, 100, write_page_checksum=True, compression="none", use_dictionary=False)
    at = data.index("größe7".encode())
    with pytest.raises(DataError) as error:
        list(read(data[:at] + b"G" + data[at + 1 :], 0, len(data)))
    assert "could not verify page integrity, CRC checksum verification failed" in str(error.value)


def test_a_row_that_does_not_fit_is_no_damage() -> None:
    def words(**changed: Any) -> list[str]:
        (block,) = read(parquet([{**RECORDS[3], **changed}]), 0, 1 << 40)
        return [rejected.rule for rejected in block.rejected]

    assert words() == []
    assert words(y=["1"]) == ["field 'y' must be a list of numbers; it is of type list<element: string>"]
