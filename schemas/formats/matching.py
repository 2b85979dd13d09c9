"""Rules for what a person names as input: what a pattern or a folder must hold, whichever filesystem it is on."""

from collections.abc import Sequence

from schemas.dataset_pb2 import Input
from schemas.errors import UsageError
from schemas.formats.reading import is_known


def check_matched(pattern: str, paths: Sequence[str]) -> None:
    """Refuses a pattern that matches nothing, or a file whose name cannot be shown.

    Raises:
      UsageError: It does.
    """
    if not paths:
        braces = "write {a,b} without quotes, for only the shell knows it"
        remedy = braces if "{" in pattern else "quote a pattern for the shell"
        raise UsageError(f"--input {pattern}: matches no file; check the path, and {remedy}")
    for path in paths:
        if not path.isprintable():
            raise UsageError(f"--input {path!r}: the name holds unprintable characters; rename the file")


def check_folder(folder: str, paths: Sequence[str], given: Input | None) -> None:
    """Refuses a folder with files of which nobody says how they are read.

    Args:
      folder: As it was named.
      paths: Of the files below it.
      given: What is said of the input; None: nothing.

    Raises:
      UsageError: It holds such a file.
    """
    if given is not None and given.HasField("format"):
        return
    other = [path for path in paths if not is_known(path)]
    if other and len(other) == len(paths):
        raise UsageError(
            f"--input {folder}: holds {len(paths):,} file(s), none with a suffix that names a format, such as "
            f"{paths[0]}; say `input: {{format: …}}` in the spec"
        )
    if other:
        raise UsageError(
            f"--input {folder}: holds {len(other):,} file(s) whose suffix names no format, such as "
            f"{min(other)}; name the files with a pattern, or say `input: {{format: …}}` in the spec"
        )
