"""Files of beginnings become a file of continuations."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.formats.sources import SourcePart, input_as
from trainer.generation.continuations import ENDED, GENERATED
from trainer.generation.generator import Generator
from trainer.generation.options import GenerationOptions
from trainer.prediction.output import plan_rows
from trainer.prediction.progress import Watched
from trainer.prediction.writing import Work, write_rows
from trainer.saved import load_saved


def generate_files(
    model_folder: str | Path,
    inputs: Sequence[str],
    output: str | Path,
    options: GenerationOptions,
    format: str = "",
    encoding: str = "",
) -> dict[str, Any]:
    """Writes a row for each record of some files, in order; the file appears whole.

    Args:
      model_folder: The model.
      inputs: Paths, folders and patterns of raw records, in any input format.
      output: Ends in .jsonl or .parquet.
      options: What is asked for.
      format: Of the input, where it is another than the spec and the suffixes say.
      encoding: Likewise.

    Returns:
      {"output", "records", "generated", "steps", "rejected", "reasons"}: of the records read; rows with a
      continuation, and the steps of them all; rows with an error, by reason. "ended", where the label has an end:
      rows whose sequence has ended.

    Raises:
      DataError: The model or the input cannot be used, or the output cannot be written.
      UsageError: The model cannot continue a sequence, or the options do not fit it; see `plan_rows`, too.
    """
    generator = Generator(load_saved(model_folder), options)
    given = input_as(generator.manifest.spec.input, format, encoding)
    sources = plan_rows(given, inputs, output)
    made: Counter[str] = Counter()

    def tables(parts: Iterable[SourcePart], watched: Watched) -> Iterator[pa.Table]:
        for table in generator.generate_parts(parts, watched):
            made.update(_made(table))
            yield table

    work = Work("generate", "records", generator.raw_fields, generator.schema, tables)
    counts = write_rows(work, given, sources, Path(output))
    summary = {"output": str(output), "records": counts.records, "generated": counts.answered, **made}
    return {**summary, **counts.refused}


def _made(table: pa.Table) -> dict[str, int]:
    """Returns how many steps were made, and how many sequences have ended, where they can."""
    made = {"steps": pc.sum(pc.list_value_length(table[GENERATED])).as_py() or 0}
    return made | ({ENDED: pc.sum(table[ENDED]).as_py() or 0} if ENDED in table.column_names else {})
