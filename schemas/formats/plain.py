"""Plain text: every line is a record, or every file is one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.formats.blocks import MAX_RECORD_BYTES
from schemas.formats.csv_cells import column_name
from schemas.formats.explain import (
    INVALID_UTF8,
    MISSING_FIELD,
    explain_field,
    explain_size,
    explain_utf8,
)
from schemas.formats.fields import Field, canonical_type
from schemas.formats.lines import BYTE_ORDER_MARK, Lines, block_of_groups, read_in_groups, split_lines
from schemas.formats.raw import RawBlock
from schemas.formats.rejected import Rejected, excerpt
from schemas.messages import nearest

TEXT, LABEL, FILE = "text", "label", "file"
_FILE_FIELDS = (TEXT, LABEL, FILE)


def parse_lines(
    data: bytes, fields: list[Field], base_offset: int = 0, max_record_bytes: int = MAX_RECORD_BYTES
) -> RawBlock:
    """Reads a block of whole lines: each is a record with the field `text`, an empty one, too.

    Args:
      data: The lines; the last one need not end with a newline.
      fields: What to read.
      base_offset: Position of `data` in its file.
      max_record_bytes: A longer line is rejected.
    """
    lines, line_count = split_lines(data, base_offset)
    fits = lines.fitting(max_record_bytes) & (not _mistyped((TEXT,), fields))

    def read(some: Lines) -> pa.Table | None:
        texts = [some.text(i) for i in range(len(some))]
        try:
            return _columns({TEXT: pc.cast(pa.array(texts, pa.binary()), pa.string())}, fields)
        except pa.ArrowInvalid:
            return None

    return block_of_groups(
        read_in_groups(lines if fits.all() else lines.take(fits), read),
        lines.take(~fits),
        line_count,
        fields,
        base_offset,
        lambda line, fields: explain_utf8(line) or _explain({TEXT: line.decode()}, fields),
        max_record_bytes,
    )


def parse_text_files(
    contents: Sequence[bytes], paths: Sequence[str], fields: list[Field], max_record_bytes: int = MAX_RECORD_BYTES
) -> RawBlock:
    """Reads whole files: each is a record with `text`, its content, `label`, its folder, and `file`, its name.

    The text is without a byte order mark, and its lines end with newlines only.

    Args:
      contents: Of the files.
      paths: Of the files, in the same order.
      fields: What to read.
      max_record_bytes: A larger file is rejected.

    Returns:
      A block whose lines are positions in `paths`, and whose offsets are 0; what is rejected has its path.
    """
    rejected, kept = [], []
    mistyped = _mistyped(_FILE_FIELDS, fields)
    for i, (content, path) in enumerate(zip(contents, paths, strict=True)):
        problem = explain_size(content, max_record_bytes) or explain_utf8(content)
        if not problem and mistyped:
            problem = _explain(_record_of(content, path), fields)
        if problem:
            rejected.append(Rejected(path, 0, i, *problem, excerpt(content)))
        else:
            kept.append(i)
    records = [_record_of(contents[i], paths[i]) for i in kept]
    columns = {name: pa.array([record[name] for record in records], pa.string()) for name in _FILE_FIELDS}
    table = _columns(columns, fields)
    return RawBlock(
        columns={name: table[name].combine_chunks() for name in table.column_names},
        offsets=np.zeros(len(kept), np.int64),
        lines=np.array(kept, np.int64),
        rejected=rejected,
        line_count=len(contents),
        fields=fields,
        received=lambda i: contents[kept[i]],
        explain=lambda i: _explain(records[i], fields),
    )


def _record_of(content: bytes, path: str) -> dict[str, str | None]:
    place = PurePosixPath(path)
    text = content.removeprefix(BYTE_ORDER_MARK).replace(b"\r\n", b"\n").decode()
    return {TEXT: text, LABEL: place.parent.name or None, FILE: place.name}


def _columns(present: Mapping[str, pa.Array], fields: list[Field]) -> pa.Table:
    """Returns a column for each field, null where records have no such field, or there are none."""
    count = len(present[TEXT])
    columns = {}
    for field in fields:
        column = present.get(column_name(field)) if pa.string() in field.types else None
        columns[field.name] = pa.nulls(count, canonical_type(field.types[0])) if column is None else column
    return pa.table(columns)


def _mistyped(names: Collection[str], fields: list[Field]) -> bool:
    """Whether a field that records have must be something else than a string."""
    return any(column_name(field) in names and pa.string() not in field.types for field in fields)


def _explain(record: Mapping[str, str | None], fields: list[Field]) -> tuple[str, str]:
    for field in fields:
        name = column_name(field)
        if name in record and record[name] is not None:
            problem = explain_field(dict(record), replace(field, path=(name,)))
            if problem:
                return problem
        elif field.required:
            if name in record:
                hint = "its file lies in no folder"
            elif name in _FILE_FIELDS:
                hint = "a line has none; where each file is a record, say `input: {format: text_files}` in the spec"
            else:
                hint = nearest(name, record)
            return MISSING_FIELD, f"field '{name}' must have a value; {hint}"
    return INVALID_UTF8, "a record must be UTF-8"
