"""Raw records in, one block of JSONL lines after another, and a file of results out."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import DataError, UsageError
from schemas.formats.blocks import byte_ranges, read_whole_lines

_RECORDS_AT_A_TIME = 10_000


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a path beside that of a file, and puts what is written there in its place; else it is removed.

    Args:
      path: Of the file; what stands there already is replaced.

    Raises:
      DataError: It cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def check_predictions_file(path: str | Path, source: str | Path) -> None:
    """Refuses a path that predictions must not be written to.

    Args:
      path: Of the predictions.
      source: Of the raw records.

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


def check_raw_file(path: str | Path) -> None:
    """Refuses a file that cannot hold raw records.

    Raises:
      DataError: It cannot be read, is no regular file, or is empty.
    """
    if Path(path).exists() and not Path(path).is_file():
        raise DataError(f"{path}: is no regular file; write the records to a file and give its path")
    try:
        with Path(path).open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; give the path of a JSONL file") from None
    if not first:
        raise DataError(f"{path}: is empty; give a JSONL file with one or more records")


def blocks_of_file(path: str | Path, max_record_bytes: int) -> Iterator[bytes]:
    """Yields blocks of whole lines of a JSONL file.

    Args:
      path: Of the file.
      max_record_bytes: Of a longer line, no more is read than shows that it is.

    Raises:
      DataError: See `check_raw_file`.
    """
    check_raw_file(path)
    with Path(path).open("rb") as file:
        for start, end in byte_ranges(Path(path).stat().st_size):
            yield read_whole_lines(file, start, end, max_record_bytes).data


def blocks_of_objects(records: Iterable[Any]) -> Iterator[bytes]:
    """Yields blocks of JSONL lines, one line for each object; NumPy arrays become lists."""
    rest = iter(records)
    while some := list(islice(rest, _RECORDS_AT_A_TIME)):
        yield b"".join(json.dumps(record, default=_plain).encode("utf-8") + b"\n" for record in some)


def _plain(value: Any) -> Any:
    """NumPy arrays and numbers, which JSON does not know, as lists and plain numbers."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"a record must hold plain values or NumPy arrays; received {type(value).__name__}")
