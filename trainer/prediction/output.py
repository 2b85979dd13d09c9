"""The file of predictions, in the form that its suffix names: whole, or not there."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.dataset_pb2 import Input
from schemas.errors import UsageError
from schemas.formats.sources import Source, find_sources
from schemas.prediction_lines import prediction_lines
from trainer.prediction.remedies import remedies_of_predict
from trainer.raw_records import check_predictions_file, whole_file

JSONL, PARQUET = "jsonl", "parquet"
_SUFFIXES = {".jsonl": JSONL, ".ndjson": JSONL, ".parquet": PARQUET, ".pq": PARQUET}

Write = Callable[[pa.Table], None]


def form_of(path: str | Path) -> str:
    """Returns the form in which predictions are written: JSONL or PARQUET.

    Raises:
      UsageError: The suffix names neither.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"--output {path}: has the suffix '{suffix}', which names no form of predictions; end the name in .jsonl "
            "or .parquet"
        )
    return _SUFFIXES[suffix.lower()]


def plan_prediction(given: Input, inputs: Sequence[str], output: str | Path) -> list[Source]:
    """Returns the files that are to be read, once it is known that predictions can be written.

    Args:
      given: What is said of the input.
      inputs: Paths, folders and patterns.
      output: Where the predictions go.

    Raises:
      UsageError: The input means no file, nobody says how one is read, or the output is no place for predictions.
      DataError: All files are empty.
    """
    with remedies_of_predict():
        sources = find_sources(inputs, given)
    for source in sources:
        check_predictions_file(output, source.path)
    form_of(output)
    return sources


@contextlib.contextmanager
def opened_output(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Opens a file of predictions that appears under its name when all is written, and not at all otherwise.

    Args:
      path: Of the file; its suffix names the form.
      schema: Of the tables.

    Yields:
      What writes a table behind those before.

    Raises:
      DataError: It cannot be written.
      UsageError: See `form_of`.
    """
    form = form_of(path)
    opened = partial(_parquet, schema=schema) if form == PARQUET else _lines
    with whole_file(path) as unfinished, opened(unfinished) as write:
        yield write


@contextlib.contextmanager
def _parquet(path: Path, schema: pa.Schema) -> Iterator[Write]:
    with path.open("wb") as file, pq.ParquetWriter(file, schema) as writer:
        yield writer.write_table


@contextlib.contextmanager
def _lines(path: Path) -> Iterator[Write]:
    with path.open("wb") as file:

        def write(table: pa.Table) -> None:
            file.write(prediction_lines(table))

        yield write
