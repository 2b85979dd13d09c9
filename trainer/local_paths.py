"""The trainer reads and writes the local disk only; a path elsewhere is refused before anything is done with it."""

import argparse
import re

from schemas.errors import UsageError

_WITH_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9_-]*=)?[A-Za-z][A-Za-z0-9+.-]*://")
_READ = ("data", "model", "input", "inputs", "records", "tfrecords", "continue_from", "features", "config", "keras")
_WRITTEN = ("output",)


def check_local(asked: argparse.Namespace) -> None:
    """Refuses options that name what lies on no local disk.

    Raises:
      UsageError: One does.
    """
    for name in (*_READ, *_WRITTEN):
        value = getattr(asked, name, None)
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, str) and _WITH_SCHEME.match(path):
                raise UsageError(f"--{name} {path}: is on no local disk; {_remedy(name, path)}")


def _remedy(name: str, path: str) -> str:
    if name in _WRITTEN:
        return "name a local folder, and copy what is written there when it is done"
    how = f"with `aws s3 sync {path} FOLDER`" if path.startswith("s3://") else "with the tool of that store"
    return f"copy it to one first, such as {how}, and name the copy"
