"""Raw records in, one block of JSONL lines after another, and a file of results out."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from schemas.errors import DataError
from schemas.records.blocks import byte_ranges, read_whole_lines

_RECORDS_AT_A_TIME = 10_000


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Opens a file that appears under its name when all is written, and not at all otherwise."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            yield file
        unfinished.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def check_raw_file(path: str | Path) -> None:
    """Refuses a file that cannot hold raw records.

    Raises:
      DataError: It cannot be read or is empty.
    """
    try:
        with Path(path).open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; give the path of a JSONL file") from None
    if not first:
        raise DataError(f"{path}: is empty; give a JSONL file with one or more records")


def blocks_of_file(path: str | Path) -> Iterator[bytes]:
    """Yields blocks of whole lines of a JSONL file.

    Raises:
      DataError: See `check_raw_file`.
    """
    check_raw_file(path)
    with Path(path).open("rb") as file:
        for start, end in byte_ranges(Path(path).stat().st_size):
            yield read_whole_lines(file, start, end).data


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
