"""Where the records of input files came from before they were written to these, for whoever looks for a bad one.

Beside a file X lies X.from.arrow, an Arrow file with a row for each line of X: `source` (string, or a dictionary of
strings) and `position` (int64), such as a partition of Kafka and an offset, or a file and a byte. It is read where a
record of X is told of, and not before.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline import files
from pipeline.arrow_files import read_table
from pipeline.blocks import InputFile
from schemas.errors import DataError, UsageError
from schemas.formats.reading import JSONL, LINES
from schemas.formats.rejected import Rejected

SUFFIX = ".from.arrow"
PLACE = " (offset {offset})"
_COLUMNS = ("source", "position")


class Origin(NamedTuple):
    """Where a record came from.

    Attributes:
      source: Such as "kafka:events/3" or a path.
      position: In it.
    """

    source: str
    position: int


class Origins:
    """The origins of the lines of some files, each of which is read once."""

    def __init__(self) -> None:
        self._tables: dict[str, pa.Table] = {}
        self._contents: dict[str, bytes] = {}

    def of_line(self, path: str, line: int) -> Origin:
        """Returns the origin of a line of a file, counted from 1.

        Raises:
          DataError: The file of origins is missing, damaged, or has no row for this line.
        """
        table = self._tables.get(path)
        if table is None:
            table = self._tables[path] = _read_origins(path)
        if not 1 <= line <= table.num_rows:
            raise DataError(
                f"{path}{SUFFIX}: has {table.num_rows:,} rows, and {path} has a line {line:,}; write a row for "
                "each line"
            )
        source, position = (table[name][line - 1].as_py() for name in _COLUMNS)
        return Origin(source, position)

    def of_offset(self, path: str, offset: int) -> Origin:
        """Returns the origin of the line of a file that begins at a byte.

        Raises:
          DataError: As of `of_line`, or the file itself cannot be read.
        """
        content = self._contents.get(path)
        if content is None:
            content = self._contents[path] = files.read(path)
        return self.of_line(path, content.count(b"\n", 0, offset) + 1)

    def of_rejected(self, item: Rejected) -> Rejected:
        """Returns a rejected record as it stands where it came from, which has no lines.

        Args:
          item: With its place in the input file.

        Raises:
          DataError: As of `of_line`.
        """
        source, position = self.of_line(item.path, item.line)
        return replace(item, path=source, offset=position, line=0)


def without_origins(found: Iterable[Any]) -> list[Any]:
    """Returns what Beam says of files without those that hold origins, which are no input themselves."""
    return [file for file in found if not file.path.endswith(SUFFIX)]


def check_have_lines(inputs: Iterable[InputFile]) -> None:
    """Checks that input files are of lines that stand in them as they are read.

    Raises:
      UsageError: One is of another format, compressed, or of another encoding than UTF-8.
    """
    for file in inputs:
        reading = file.reading
        if reading.format not in {JSONL, LINES} or reading.from_the_start:
            kind = " ".join(part for part in (reading.format, reading.encoding) if part)
            packed = f", {reading.compression}" if reading.compression != "none" else ""
            raise UsageError(
                f"--origins: {file.path} is read as {kind}{packed}, and only lines of plain jsonl or lines files have "
                "origins; leave --origins out, or write such files"
            )


def _read_origins(path: str) -> pa.Table:
    beside = path + SUFFIX
    if not files.exists(beside):
        raise DataError(
            f"{beside}: is missing, and --origins says that it tells where the lines of {path} came from; write it, or "
            "leave --origins out"
        )
    try:
        table = read_table(beside).select(_COLUMNS)
        sources, positions = (table[name] for name in _COLUMNS)
        typed = pa.table([sources.cast(pa.string()), positions.cast(pa.int64())], names=_COLUMNS)
        typed.validate(full=True)
    except (pa.ArrowException, KeyError) as error:
        first = next(iter(str(error).splitlines()), "")
        raise DataError(
            f"{beside}: is no Arrow file with the columns source (string) and position (int64): {first}; write it again"
        ) from None
    if any(column.null_count for column in typed.columns):
        raise DataError(f"{beside}: has a row without source or position; write it again")
    return typed
