"""The file of rows, in the form that its suffix names: whole, or not there."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.dataset_pb2 import Input
from schemas.errors import DataError, UsageError
from schemas.formats.sources import Source, find_sources
from schemas.prediction_lines import prediction_lines
from trainer.prediction.remedies import remedies_as_options

JSONL, PARQUET = "jsonl", "parquet"
_SUFFIXES = {".jsonl": JSONL, ".ndjson": JSONL, ".parquet": PARQUET, ".pq": PARQUET}

Write = Callable[[pa.Table], None]


def form_of(path: str | Path) -> str:
    """Returns the form in which rows are written: JSONL or PARQUET.

    Raises:
      UsageError: The suffix names neither.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"--output {path}: has the suffix '{suffix}', which names no form of output; end the name in .jsonl "
            "or .parquet"
        )
    return _SUFFIXES[suffix.lower()]


def plan_rows(given: Input, inputs: Sequence[str], output: str | Path) -> list[Source]:
    """Returns the files that are to be read, once it is known that the output can be written.

    Args:
      given: What is said of the input.
      inputs: Paths, folders and patterns.
      output: Where the rows go.

    Raises:
      UsageError: The input means no file, nobody says how one is read, or the output is no place for rows.
      DataError: All files are empty.
    """
    with remedies_as_options():
        sources = find_sources(inputs, given)
    for source in sources:
        _check_output(output, source.path)
    form_of(output)
    return sources


def _check_output(path: str | Path, source: str) -> None:
    """Refuses a path that rows must not be written to.

    Args:
      path: Of the rows.
      source: Of raw records.

    Raises:
      UsageError: It is no name for a file in a folder that exists, something else stands there, or
        it is the raw records themselves.
    """
    path = Path(path)
    if not path.name or path.is_dir():
        raise UsageError(f"--output {str(path)!r}: is a folder; name a file")
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: there is no folder {path.parent}; make it, or name another file")
    if path.exists() and not path.is_file():
        raise UsageError(f"--output {path}: is no regular file; name another one")
    if path.exists() and path.samefile(source):
        raise UsageError(f"--output {path}: is the input; name another file, or the raw records would be lost")


@contextlib.contextmanager
def opened_output(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Opens a file of rows that appears under its name when all is written, and not at all otherwise.

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
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _parquet(unfinished, schema) if form == PARQUET else _lines(unfinished) as write:
            yield write
        unfinished.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)


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
