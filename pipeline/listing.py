"""Sizes and last changes of many files at once: on an object store by listing folders, not by asking for each."""

from collections.abc import Iterable
from typing import NamedTuple

from pipeline import files
from pipeline.stores.systems import is_object_store, object_store


class State(NamedTuple):
    """What is known of a file without reading it.

    Attributes:
      bytes: Its size.
      changed: When it was last written to, in seconds since 1970; 0: unknown.
    """

    bytes: int
    changed: float


def sizes_within(folder: str) -> dict[str, int]:
    """Returns the bytes of all files in a folder and those within it, by path relative to it."""
    if files.is_local(folder):
        return {path: files.size(files.join(folder, path)) for path in files.every_file(folder)}
    found = files.match(files.join(folder, "**"))
    return {files.relative(file.path, folder): int(file.size_in_bytes) for file in found}


def states(paths: Iterable[str]) -> dict[str, State]:
    """Returns size and last change of files, by path, without those that are not there.

    Raises:
      DataError: They cannot be looked up.
    """
    found: dict[str, State] = {}
    folders: dict[str, None] = {}
    for path in paths:
        if is_object_store(path):
            folders[path.rsplit("/", 1)[0]] = None
        elif files.exists(path):
            found[path] = State(files.size(path), files.last_change(path))
    for folder in folders:
        with files.in_words(folder, "cannot be listed"):
            for file in object_store().files_in(folder):
                found[file.path] = State(int(file.size_in_bytes), float(file.last_updated_in_seconds))
    return found
