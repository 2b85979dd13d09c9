"""The lines that tell of all steps: STEP by STEP as JSON, each written once its model is there."""

import json
import os
from pathlib import Path
from typing import Any

from schemas.errors import DataError

Record = dict[str, Any]


def read_log(path: Path) -> list[Record]:
    """Returns what a log says of each step, the first one first; what a kill left of a last line is cut off.

    Raises:
      DataError: A line is damaged or missing.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    return [_record(path, number, line) for number, line in enumerate(content[:whole].splitlines(), 1)]


def add_line(path: Path, record: Record) -> None:
    """Writes the line of the next step.

    Raises:
      DataError: It cannot be written.
    """
    line = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        with path.open("ab") as file:
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror or error}; make room, and start again") from None


def _record(path: Path, number: int, line: bytes) -> Record:
    try:
        record: Record = json.loads(line)
        if record["step"] != number:
            raise ValueError(f"step {record['step']} stands there")
        {**record["spans"], **record.get("known", {})}, str(record["model"])  # what is read of it later
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: line {number} is not that of step {number} ({error}), so that nobody knows what was trained on; "
            "put back what stood there, or choose another --output"
        ) from None
    return record
