"""The formats in which raw records are read, by the suffix of the file."""

from pathlib import PurePosixPath

from schemas.errors import UsageError

JSONL = "jsonl"
_SUFFIXES = {".jsonl": JSONL, ".ndjson": JSONL, ".json": JSONL}


def check_format(path: str) -> str:
    """Returns the format of a file.

    Raises:
      UsageError: The suffix names no format that is read.
    """
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in _SUFFIXES:
        raise UsageError(
            f"{path}: has the suffix '{suffix}'; records are read from JSONL files "
            f"({', '.join(_SUFFIXES)}), one JSON object a line; convert or rename the file"
        )
    return _SUFFIXES[suffix]
