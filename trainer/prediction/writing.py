"""Files of raw records become a file of rows, one for each record; the bad ones are shown."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import Input
from schemas.errors import DataError
from schemas.formats.fields import Field
from schemas.formats.sources import Source, SourcePart, read_sources
from trainer.prediction.output import opened_output
from trainer.prediction.progress import Watched, showing_progress
from trainer.prediction.remedies import remedies_as_options, rows_with_options
from trainer.progress import say

_BAD_RECORDS_SHOWN = 20


class Work(NamedTuple):
    """What rows are made by.

    Attributes:
      name: In a verb.
      unit: What a row is of, in the plural.
      fields: What is read of the input.
      schema: Columns of the rows: file, line, error and reason among them.
      tables: Yields the rows for raw records, and tells how far it is.
    """

    name: str
    unit: str
    fields: list[Field]
    schema: pa.Schema
    tables: Callable[[Iterable[SourcePart], Watched], Iterator[pa.Table]]


class Counts:
    """What became of records; the first bad ones are shown.

    Attributes:
      records: That were read.
      answered: Rows with an answer.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        """Counts nothing yet."""
        self._units = {source.path: source.reading.unit for source in sources}
        self._reasons: Counter[str] = Counter()
        self.records = 0
        self.answered = 0

    @property
    def rejected(self) -> int:
        """Rows with an error."""
        return self._reasons.total()

    @property
    def refused(self) -> dict[str, Any]:
        """Rows with an error, all of them and by reason: {"rejected", "reasons"}."""
        return {"rejected": self.rejected, "reasons": dict(sorted(self._reasons.items()))}

    def add(self, table: pa.Table) -> None:
        """Counts the rows of a table."""
        later = pc.sum(pc.greater(table["start"], 0)).as_py() if "start" in table.column_names else 0
        self.records += len(table) - (later or 0)
        self.answered += table["reason"].null_count
        if table["reason"].null_count == len(table):
            return
        bad = table.filter(table["reason"].is_valid()).select(["file", "line", "reason", "error"])
        for item in bad.slice(0, max(0, _BAD_RECORDS_SHOWN - self.rejected)).to_pylist():
            unit = self._units[item["file"]]
            place = f"{item['file']}, {unit} {item['line']:,}" if unit else item["file"]
            say(f"{place}: {item['reason']}: {item['error']}")
        self._reasons.update(bad["reason"].to_pylist())


def write_rows(work: Work, given: Input, sources: Sequence[Source], output: Path) -> Counts:
    """Writes a row for each record of some files, in order; the file appears whole, or not at all.

    Args:
      work: What makes the rows.
      given: What is said of the input.
      sources: The files.
      output: Its suffix names the form.

    Raises:
      DataError: The input cannot be read or holds no record, or the output cannot be written.
    """
    counts, size = Counts(sources), sum(source.bytes for source in sources)
    with (
        remedies_as_options(),
        opened_output(output, work.schema) as write,
        showing_progress(size, work.unit, work.name) as tell,
    ):
        for table in map(rows_with_options, work.tables(read_sources(sources, given, work.fields), Watched(tell))):
            write(table)
            counts.add(table)
        if not counts.records:
            raise DataError(f"{sources[0].path}: holds no record, as all input; give files with one or more records")
    if counts.rejected > _BAD_RECORDS_SHOWN:
        say(f"... and {counts.rejected - _BAD_RECORDS_SHOWN:,} more; each says why in its row of {output}")
    return counts
