"""Vocabulary files that a person gives: one token a line, with the escapes of `schemas.vocabulary`.

A list from elsewhere is one, too, if it is UTF-8, has a newline behind each token and no token twice.
What is probably a mistake is refused with its line, since every id behind it would be another.
"""

import hashlib
import re
from itertools import islice
from pathlib import Path

import pyarrow as pa

from schemas.errors import DataError
from schemas.manifest_pb2 import Vocabulary
from schemas.vocabulary import parse_tokens

_MARK = b"\xef\xbb\xbf"
_RETURN = re.compile(rb"\r$", re.MULTILINE)


def parse_given(content: bytes, path: str, what: str = "token") -> pa.StringArray:
    """Reads a vocabulary or a list of classes that a person gives.

    Args:
      content: Of the file.
      path: Of the file, for error texts.
      what: "token" or "class", for error texts.

    Raises:
      DataError: It is empty or no UTF-8, its last line does not end, a line ends as on Windows, has an
        unknown escape, or states what has come before; names the line and the remedy.
    """
    if not content:
        raise DataError(f"vocabulary {path}: is empty (0 bytes); write one {what} a line")
    _check_text(content, path)
    if content.startswith(_MARK):
        raise DataError(f"vocabulary {path}, line 1: begins with a byte order mark; save it as UTF-8 without one")
    if found := _RETURN.search(content):
        raise DataError(
            f"vocabulary {path}, line {_line_of(content, found.start())}: ends with a carriage return, which would be "
            rf"part of the {what}; save the file with newlines alone, or write '\r' if it is meant"
        )
    if not content.endswith(b"\n"):
        raise DataError(
            f"vocabulary {path}, line {_line_of(content, len(content))}: the last line does not end, so the file may "
            "be cut off; if it is whole, add a newline"
        )
    return parse_tokens(content, path)


def begins_with(path: Path, whole: Vocabulary, beginning: Vocabulary) -> bool:
    """Returns whether a vocabulary has the entries of another one, in the same order, before all others.

    Args:
      path: Of the file of the one; it is not read where both are the same, or the other has more entries.
      whole: What a manifest says of it.
      beginning: What a manifest says of the other.

    Raises:
      DataError: The file is missing.
    """
    if beginning.size >= whole.size:
        return bool(beginning.sha256 == whole.sha256)
    total = hashlib.sha256()
    try:
        with path.open("rb") as file:
            for line in islice(file, beginning.size):
                total.update(line)
    except OSError:
        raise DataError(f"{path}: is missing though the manifest names it; write the folder again") from None
    return total.hexdigest() == beginning.sha256


def _check_text(content: bytes, path: str) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"vocabulary {path}, line {_line_of(content, error.start)}: is no UTF-8 ({error.reason}); save it as UTF-8"
        ) from None


def _line_of(content: bytes, position: int) -> int:
    """Returns the line, from 1, in which a position lies."""
    return content.count(b"\n", 0, position) + 1
