"""What a window is made of, decided once: ROOT/.stream/closings/NAME.json.

Such a file is made where there is none, and never changed. So whoever closes a window, how often it is tried and
whoever else still works for a job that should be dead: the window holds the records that the first one has named, and
whatever is done with them follows from the file.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import files
from pipeline.guards import durable
from pipeline.stores.systems import is_object_store, object_store
from schemas.errors import DataError
from schemas.streams.positions import Ranges

WINDOW, LATE, TOO_LATE = "window", "late", "too_late"
KINDS = (WINDOW, LATE, TOO_LATE)
_SUFFIX = ".json"


@dataclass(frozen=True)
class Closing:
    """A window that is closed, or what came late of it.

    Attributes:
      name: Of its span; of what came too late, only of the closing.
      kind: WINDOW, LATE or TOO_LATE.
      window: When it begins, in microseconds since 1970.
      length: Of the window, in microseconds.
      files: Paths of its records relative to the root: JSONL, or of those that came too late the rejected rows.
      records: How many these are.
      bytes: Of these files.
      positions: Of the records, by source, int64, (ranges, 2).
      is_over: Whether event time had passed its end, and it was not only closed with all that was there.
    """

    name: str
    kind: str
    window: int
    length: int
    files: tuple[str, ...]
    records: int
    bytes: int
    positions: Mapping[str, Ranges]
    is_over: bool = True


def path_of(folder: str, name: str) -> str:
    """Returns the path of a closing in the folder of all."""
    return files.join(folder, f"{name}{_SUFFIX}")


def names_in(folder: str) -> set[str]:
    """Returns the names of all closings."""
    return {path.rsplit("/", 1)[-1].removesuffix(_SUFFIX) for path in files.match_within(folder, f"*{_SUFFIX}")}


def create(folder: str, closing: Closing) -> bool:
    """Writes a closing unless there is one of this name already.

    Returns:
      Whether it was written.

    Raises:
      DataError: It cannot be written.
    """
    path, content = path_of(folder, closing.name), _dump(closing)
    if is_object_store(path):
        with files.in_words(path, "cannot be written"):
            # Asked first for the sake of stores that know no conditions, and would write over it.
            is_new = not files.exists(path) and object_store().write_over(path, content, "")
            return is_new or files.read(path) == content
    if files.is_local(path):
        return _link(path, content)
    if files.exists(path):
        return False
    files.write(path, content)
    return True


def load(folder: str, name: str) -> Closing:
    """Returns a closing.

    Raises:
      DataError: There is none of this name, or it is damaged.
    """
    path = path_of(folder, name)
    try:
        values: dict[str, Any] = json.loads(files.read(path))
        positions = {source: np.array(pairs, np.int64).reshape(-1, 2) for source, pairs in values["positions"].items()}
        return Closing(**{**values, "files": tuple(values["files"]), "positions": positions})
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DataError(
            f"{path}: is damaged ({error}); restore it from a copy: it says which records the span {name} holds"
        ) from None


def _dump(closing: Closing) -> bytes:
    positions = {source: ranges.tolist() for source, ranges in closing.positions.items()}
    values = {**vars(closing), "files": list(closing.files), "positions": positions}
    # Not canonical JSON, which has no numbers as large as the microseconds of the year 1.
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _link(path: str, content: bytes) -> bool:
    """Writes a local file, safe from a loss of power, by a link, which fails where the name is taken."""
    temporary = f"{path}.{secrets.token_hex(6)}.tmp"
    durable.write(temporary, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return files.read(path) == content
    except OSError as error:
        raise DataError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
    durable.sync([path])
    return True
