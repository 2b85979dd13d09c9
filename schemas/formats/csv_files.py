"""CSV files: their header, and the blocks of whole records in which they are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from schemas.errors import DataError
from schemas.formats.blocks import MAX_RECORD_BYTES
from schemas.formats.csv_cells import column_name, explain_form, split_cells
from schemas.formats.csv_scan import CsvFinder, Dialect, never_closed, outline_of
from schemas.formats.fields import Field
from schemas.formats.lines import BYTE_ORDER_MARK
from schemas.formats.rejected import excerpt
from schemas.formats.streams import CHUNK_BYTES, read_fully
from schemas.messages import printable

SAY_JSONL = "say `input: {format: jsonl}` in the spec, or rename the file"
# What to say of the input where a header comes apart at one of them.
OTHER_DELIMITERS = {
    ";": "{delimiter: ';'}",
    "|": "{delimiter: '|'}",
    "\t": "{format: tsv}",
    ",": "{format: csv, delimiter: ','}",
}


@dataclass(frozen=True)
class Header:
    """The first record of a file.

    Attributes:
      names: Of the columns, all different.
      size: Position of the record behind it, in bytes of the content.
    """

    names: tuple[str, ...]
    size: int


def begins_as_json(data: bytes) -> bool:
    """Returns whether what should begin with the names of columns begins with a JSON object."""
    return data.startswith(b'{"')


def read_header(stream: BinaryIO, dialect: Dialect, max_record_bytes: int = MAX_RECORD_BYTES) -> Header:
    """Reads the names of the columns: the first line that is not blank, and those on which it goes on.

    Args:
      stream: At the beginning of the content.
      dialect: How cells are written.
      max_record_bytes: A longer header is refused.

    Raises:
      DataError: There is no header, it is damaged, or a name is empty or stands there twice.
    """
    content, found = b"", None
    while found is None:
        more = read_fully(stream, max(CHUNK_BYTES, len(content)))
        content += more
        found = _first_record(content, dialect, at_end=not more)
        if found is None and not more:
            raise DataError("header: the file has none; its first line must hold the names of the columns")
        if (found[1] - found[0] if found else len(content)) > max_record_bytes:
            raise DataError(
                f"header: it has more than {max_record_bytes} bytes (max_record_bytes); the first line must hold "
                "the names of the columns, with the delimiter between two"
            )
    start, end = found
    names = _names(content[start:end].removesuffix(b"\n").removesuffix(b"\r"), dialect)
    return Header(names, end)


def _first_record(content: bytes, dialect: Dialect, at_end: bool) -> tuple[int, int] | None:
    """Returns where the first record that is not blank begins and ends, or None where that is not known yet."""
    start = len(BYTE_ORDER_MARK) if content.startswith(BYTE_ORDER_MARK) else 0
    outline = outline_of(content[start:], dialect)
    if at_end and outline.open_quote is not None:
        raise never_closed(start + outline.open_quote, dialect)
    for end in [*(outline.ends + start).tolist(), *([len(content)] if at_end else [])]:
        if content[start:end].strip(b"\r\n"):
            return start, end
        start = end
    return None


def _names(record: bytes, dialect: Dialect) -> tuple[str, ...]:
    problem = explain_form(record, dialect)
    if problem:
        remedy = f"it begins as JSON does: {SAY_JSONL}" if begins_as_json(record) else "correct it"
        raise DataError(f"header: {problem[1]}; received {excerpt(record)}; {remedy}")
    names = split_cells(record.decode(), dialect)
    column: dict[str, int] = {}
    for i, name in enumerate(names, 1):
        if not name.strip():
            raise DataError(f"header: column {i} of {len(names)} has no name; give every column one")
        if column.setdefault(name, i) != i:
            both = f"header: columns {column[name]} and {i} are both named '{printable(name)}'"
            raise DataError(f"{both}; rename one of them")
    return tuple(names)


def check_delimiter(names: Sequence[str], fields: Sequence[Field]) -> None:
    """Checks that a header is not that of another delimiter, where the spec names none of its columns.

    Raises:
      DataError: The header is a single column, and at another delimiter it comes apart into columns of the spec.
    """
    wanted = {column_name(field) for field in fields}
    if len(names) != 1 or names[0] in wanted:
        return
    for delimiter, shown in OTHER_DELIMITERS.items():
        columns = [name.strip('"') for name in names[0].split(delimiter)]
        if wanted.intersection(columns):
            raise DataError(
                f"header: '{names[0]}' is a single column; with another delimiter it is {', '.join(columns)}; "
                f"say `input: {shown}` in the spec"
            )


def csv_starts(stream: BinaryIO, size: int, block_bytes: int, dialect: Dialect) -> list[int]:
    """Returns where a plain file is cut into blocks of whole records; the first one begins with the header.

    Block i goes from starts[i] to starts[i + 1], the last one to `size`. A block ends with the record
    that reaches `block_bytes`: read it with `streams.read_range`. Reads the whole file, in bounded
    memory: nothing less says for sure whether a newline stands within quotes. Small files need it as
    well, for joined with others a quote that one of them never closes would close in the next.

    Args:
      stream: At the beginning of the file.
      size: Of the file, in bytes; what stands behind is not read.
      block_bytes: Size of a block, about.
      dialect: How cells are written.

    Raises:
      DataError: A quote is never closed.
    """
    chunk = read_fully(stream, min(CHUNK_BYTES, size))
    position = len(BYTE_ORDER_MARK) if chunk.startswith(BYTE_ORDER_MARK) else 0
    chunk = chunk[position:]
    finder = CsvFinder(dialect, position)
    starts = [0] if size else []
    while chunk:
        ends = finder.ends(chunk) + position
        position += len(chunk)
        while (i := int(np.searchsorted(ends, starts[-1] + block_bytes))) < len(ends) and ends[i] < size:
            starts.append(int(ends[i]))
        chunk = read_fully(stream, min(CHUNK_BYTES, size - position))
    finder.finish()
    return starts
