"""Files of the local disk by path, folder or pattern, as a shell finds them, but nothing is passed over in silence."""

import glob
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from schemas.errors import DataError

_RECURSIVE = "**"  # matches folders, too


class LocalFile(NamedTuple):
    """A regular file.

    Attributes:
      path: As it was found.
      bytes: Its size.
      changed: When it was last written to, in seconds since 1970.
    """

    path: str
    bytes: int
    changed: float


def match_files(pattern: str) -> list[LocalFile]:
    """Returns the files that a pattern matches, sorted by path; none is no error.

    The path of a file means this file, whatever characters it holds. Hidden files are matched as a shell does.

    Raises:
      DataError: They cannot be looked up, or what a pattern matches is no file.
    """
    paths = [pattern] if Path(pattern).is_file() else glob.glob(pattern, recursive=True)  # noqa: PTH207
    return _regular_files(sorted(paths), passed_over=_RECURSIVE in pattern)


def files_below(folder: str) -> list[LocalFile]:
    """Returns the files in a folder and in those within it, sorted by path, without hidden ones.

    Raises:
      DataError: What lies there is neither a file nor a folder.
    """
    paths = []
    for inner, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [os.path.join(inner, name) for name in names if not name.startswith(".")]  # noqa: PTH118 (twice as fast)
    return _regular_files(sorted(paths))


def _regular_files(paths: Iterable[str], passed_over: bool = True) -> list[LocalFile]:
    """Returns size and last change of files; they must not be missing from the data without a word.

    Args:
      paths: Of files.
      passed_over: Whether folders may be among them.

    Raises:
      DataError: Something is no file.
    """
    found = []
    for path in paths:
        state = _state(path)
        if stat.S_ISREG(state.st_mode):
            found.append(LocalFile(path, state.st_size, state.st_mtime))
        elif not (passed_over and stat.S_ISDIR(state.st_mode)):
            what = "a folder" if stat.S_ISDIR(state.st_mode) else "neither a file nor a folder"
            remedy = "name a pattern that matches files only, or a folder of files by itself"
            raise DataError(f"{path}: is {what}; {remedy}")
    return found


def _state(path: str) -> os.stat_result:
    try:
        return Path(path).stat()
    except (OSError, ValueError) as error:
        problem = "is a link to nothing" if Path(path).is_symlink() else "cannot be looked up"
        said = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{path}: {problem}: {said}") from error
