"""The version of a format that a file of JSON states beside what it says."""

import json
from typing import Any

from schemas.errors import DataError

FORMAT_VERSION = "format_version"
EXPORT_FORMAT = 1  # of the folder of an export, as its export.json states it


def read_versioned(content: bytes, path: str, version: int, remedy: str) -> dict[str, Any]:
    """Returns what a file says that states the version of its format; one that states none is of version 1.

    Args:
      content: Of the file.
      path: Named in errors.
      version: The only one that is known here.
      remedy: What to do about another.

    Raises:
      DataError: It is of another version, or holds no JSON object.
    """
    try:
        said = json.loads(content)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise DataError(f"{path}: holds no JSON object, so it is damaged; {remedy}")
    found = said.get(FORMAT_VERSION, 1)
    if found != version:
        raise DataError(f"{path}: {FORMAT_VERSION} is {json.dumps(found)}, and this version reads {version}; {remedy}")
    return said
