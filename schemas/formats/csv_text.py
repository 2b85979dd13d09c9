"""CSV and TSV (RFC 4180): the records of a block of bytes become columns, each bad one a rejected record."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pcsv

from schemas.formats.blocks import MAX_RECORD_BYTES
from schemas.formats.csv_cells import column_name, explain_record, typed_cells
from schemas.formats.csv_scan import Dialect, never_closed, outline_of
from schemas.formats.fields import Field, canonical_type
from schemas.formats.lines import BYTE_ORDER_MARK, RETURN, Lines, block_of_groups, is_utf8, one_chunk, read_in_groups
from schemas.formats.raw import RawBlock


def parse_csv(
    data: bytes,
    names: Sequence[str],
    fields: list[Field],
    dialect: Dialect,
    base_offset: int = 0,
    max_record_bytes: int = MAX_RECORD_BYTES,
    ends_early: bool = False,
) -> RawBlock:
    """Reads a block of whole records.

    Args:
      data: The records, without the header; the last one need not end with a newline.
      names: Of the columns, all different: see `csv_files.read_header`.
      fields: What to read; other columns are passed over.
      dialect: How cells are written.
      base_offset: Position of `data` in its file.
      max_record_bytes: A longer record is rejected.
      ends_early: Whether the last record is longer than that and was cut, so that its quotes may be open.

    Raises:
      DataError: A quote is never closed.
    """
    if base_offset == 0 and data.startswith(BYTE_ORDER_MARK):
        data, base_offset = data[len(BYTE_ORDER_MARK) :], len(BYTE_ORDER_MARK)
    every, mistaken, line_count = _split_records(data, dialect, base_offset, ends_early)
    filled = every.ends > every.starts
    records = every if filled.all() else every.take(filled)
    whole = records.fitting(max_record_bytes) & ~mistaken[filled]

    def read(some: Lines) -> pa.Table | None:
        return _read_group(some, some.joined(), names, fields, dialect)

    def read_all() -> pa.Table | None:
        return _read_group(records, data, names, fields, dialect)

    return block_of_groups(
        read_in_groups(records if whole.all() else records.take(whole), read, read_all if whole.all() else None),
        records.take(~whole),
        line_count,
        fields,
        base_offset,
        lambda record, fields: explain_record(record, fields, names, dialect),
        max_record_bytes,
    )


def _split_records(
    data: bytes, dialect: Dialect, base_offset: int, ends_early: bool
) -> tuple[Lines, npt.NDArray[np.bool_], int]:
    """Returns the records, blank lines included, which of them have mistakes, and how many lines there are."""
    outline = outline_of(data, dialect)
    view = np.frombuffer(data, np.uint8)
    behind = outline.ends
    begins = np.concatenate([[0], behind])
    if begins[-1] < len(data):  # a last record without a newline
        behind = np.append(behind, len(data))
    starts = begins[: len(behind)].astype(np.int64)
    if outline.open_quote is not None and not ends_early:
        raise never_closed(base_offset + outline.open_quote, dialect)
    ends = behind - (np.arange(len(behind)) < len(outline.ends))
    ends = ends - ((ends > starts) & (view[np.maximum(ends - 1, 0)] == RETURN) if len(data) else 0)
    mistaken = np.zeros(len(starts), bool)
    mistaken[np.searchsorted(behind, outline.strays, side="right")] = True
    numbers = np.searchsorted(outline.newlines, starts)
    line_count = len(outline.newlines) + int(len(data) > 0 and not data.endswith(b"\n"))
    return Lines(data, starts, ends, numbers), mistaken, line_count


def _read_group(
    records: Lines, content: bytes, names: Sequence[str], fields: list[Field], dialect: Dialect
) -> pa.Table | None:
    """Returns the table of a group of records, or None where not every one can be read."""
    table = _read_cells(content, names, {column_name(field) for field in fields} & set(names), dialect)
    if table is None or table.num_rows != len(records):
        return None
    columns = {}
    for field in fields:
        name = column_name(field)
        if name in table.column_names:
            columns[field.name] = typed_cells(one_chunk(table[name]), field)
        else:
            columns[field.name] = pa.nulls(len(records), canonical_type(field.types[0]))
    return None if any(column is None for column in columns.values()) else pa.table(columns)


def _read_cells(content: bytes, names: Sequence[str], wanted: set[str], dialect: Dialect) -> pa.Table | None:
    """Returns the cells of the columns wanted, or None where Arrow cannot read all of the content."""
    read = sorted(wanted) or [names[0]]
    if content.startswith(BYTE_ORDER_MARK):  # is of the first cell here, but Arrow passes one over
        content = BYTE_ORDER_MARK + content
    if not is_utf8(content):
        return None
    try:
        return pcsv.read_csv(
            pa.BufferReader(content),
            pcsv.ReadOptions(use_threads=False, block_size=len(content) + 1, column_names=list(names)),
            pcsv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote or False,
                newlines_in_values=True,
            ),
            pcsv.ConvertOptions(check_utf8=False, include_columns=read, column_types=dict.fromkeys(read, pa.string())),
        )
    except pa.ArrowInvalid:
        return None
