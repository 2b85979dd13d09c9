"""Files that a loss of power does not take: what the kernel has in memory is written to the disk first.

On a local disk a file that is renamed into place is whole after its process was killed, whatever comes; after a loss
of power it may be empty, unless it was synced before it got its name. Object stores keep what they have accepted.
"""

import contextlib
import os
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline import files

_AT_ONCE = 8  # files; disks do better with several waiting


def sync(paths: Iterable[str]) -> None:
    """Waits until local files, and the names that their folders have for them, would survive a loss of power.

    Raises:
      DataError: One is gone, or the disk reports that it could not keep it.
    """
    local = [path for path in paths if files.is_local(path)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(_sync, local))
        list(pool.map(_sync, sorted({str(Path(path).parent) for path in local})))


def _sync(path: str) -> None:
    with files.in_words(path, "cannot be written to the disk"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write(path: str, content: bytes) -> None:
    """Writes a file as `files.write` does; on the local disk no loss of power leaves a part of it under its name.

    Raises:
      DataError: It cannot be written.
    """
    if not files.is_local(path):
        files.write(path, content)
        return
    temporary = f"{path}.{secrets.token_hex(6)}.tmp"
    with files.in_words(path, "cannot be written"):
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(temporary).write_bytes(content)
            _sync(temporary)
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                files.delete([temporary])
            raise
        _sync(str(Path(path).parent))
