"""A look at the published spans of a folder that costs a name and a time each; a manifest is read once."""

import os
from pathlib import Path
from typing import NamedTuple

from schemas.errors import DataError
from schemas.manifest import MANIFEST_NAME, parse_fields
from schemas.spans.names import SPANS
from schemas.spec import TRAIN
from trainer.following.plan import Facts

_FIELDS = ("fingerprint", "statistics", "vocabularies", "classes", "span")


class _Signs(NamedTuple):
    """What changes with a file that is written anew and renamed, as manifests are."""

    inode: int
    size: int
    mtime_ns: int


class Look:
    """The published spans of a folder."""

    def __init__(self, root: Path) -> None:
        """Has seen nothing yet.

        Args:
          root: Folder that holds `spans/`, or will.
        """
        self._folder = root / SPANS
        self._known: dict[str, tuple[_Signs, Facts]] = {}

    def spans(self) -> dict[str, Facts]:
        """Returns the spans that are published now, by name.

        Raises:
          DataError: A manifest cannot be read, or is none; one that is gone meanwhile is no error.
        """
        found = {}
        for name in self._names():
            path = self._folder / name / MANIFEST_NAME
            try:
                status = path.stat()
                signs = _Signs(status.st_ino, status.st_size, status.st_mtime_ns)
                if name not in self._known or self._known[name][0] != signs:
                    self._known[name] = signs, _facts(path)
            except (FileNotFoundError, NotADirectoryError):
                continue  # not published yet, or removed
            except OSError as error:
                raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
            found[name] = self._known[name][1]
        self._known = {name: self._known[name] for name in found}
        return found

    def _names(self) -> list[str]:
        try:
            return [name for name in os.listdir(self._folder) if not name.startswith(".")]  # noqa: PTH208 (faster)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise DataError(f"{self._folder}: cannot be read: {error.strerror or error}") from None


def _facts(path: Path) -> Facts:
    manifest = parse_fields(path.read_bytes(), str(path), _FIELDS)
    entries = sum(vocabulary.size for vocabulary in manifest.vocabularies.values()) + manifest.classes.size
    examples = manifest.statistics[TRAIN].records if TRAIN in manifest.statistics else 0
    return Facts(manifest.fingerprint, examples, (manifest.span.generation, entries))
