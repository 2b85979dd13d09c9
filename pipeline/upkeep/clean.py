"""Deletes what runs left that no manifest names: of data sets, of folders of spans, and of predictions.

Only files with names that this package gives are ever deleted; what else lies there is told and stays.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from rich.console import Console

from pipeline import files
from pipeline.guards.folders import check_folder
from pipeline.guards.locks import holding, is_held
from pipeline.listing import sizes_within
from pipeline.scoring.job import RESULT_NAME
from pipeline.spans.published import span_folder
from pipeline.stores.systems import is_object_store, object_store
from pipeline.upkeep.ours import SIGNS, is_span_name, kept_in, unnamed
from schemas.errors import UsageError
from schemas.manifest import MANIFEST_NAME
from schemas.spans.names import SPANS


class Cleaned(NamedTuple):
    """What was deleted, or would be.

    Attributes:
      removed: Paths.
      bytes: Of them.
      not_ours: Paths of files that nobody names and this package did not write.
    """

    removed: list[str]
    bytes: int
    not_ours: list[str]


def clean(folder: str, console: Console, dry_run: bool = False, unlocked: bool = False) -> Cleaned:
    """Deletes what no manifest names in a data set, in a folder of spans and in each of them, or beside predictions.

    Args:
      folder: Of any of these.
      console: Told of locks that dead runs left.
      dry_run: Whether only to say what would be deleted.
      unlocked: Whether to delete where there are no locks, too: the person says that no run is at work there.

    Raises:
      UsageError: The folder holds nothing of this package, or its filesystem has no locks.
      HeldError: A run writes there.
      DataError: A manifest is damaged or of another release, so that nobody knows what it names.
    """
    root = folder.rstrip("/") or folder
    if not files.is_local(root):
        return _clean_remote(root, dry_run, unlocked)
    if not files.is_folder(root):
        raise UsageError(f"{folder}: is no folder; name that of a data set, spans or predictions")
    if not any(Path(root, name).exists() for name in SIGNS):
        raise _nothing_in(folder)
    cleaned = []
    for path in _units(root):
        check_folder(path, root if path != root else "")
        with holding(path, "clean", console):
            if not dry_run and not unlocked and not is_held(path):
                raise _may_be_at_work(path)
            cleaned.append(_clean(Path(path), kept_in(path), dry_run))
        if path != root and not dry_run:
            files.delete_empty_parents([files.join(path, MANIFEST_NAME)])
    return Cleaned(
        [path for one in cleaned for path in one.removed],
        sum(one.bytes for one in cleaned),
        [path for one in cleaned for path in one.not_ours],
    )


def _nothing_in(folder: str) -> UsageError:
    return UsageError(
        f"{folder}: holds no data set ({MANIFEST_NAME}), no {SPANS}, no predictions ({RESULT_NAME}), and nothing "
        "that a run left; check the path"
    )


def _may_be_at_work(folder: str) -> UsageError:
    return UsageError(
        f"{folder}: its filesystem has no locks, so that a run may be at work there; say --dry_run to see what would "
        "be deleted, and --unlocked to delete it when none is"
    )


def _clean_remote(root: str, dry_run: bool, unlocked: bool) -> Cleaned:
    """Does what `clean` does where there are neither folders nor locks, by one list of all files."""
    sizes = sizes_within(root)
    units: dict[str, list[str]] = {root: []}
    for path in sizes:
        first, *inner = PurePosixPath(path).parts
        span = inner[0] if first == SPANS and len(inner) > 1 and is_span_name(inner[0]) else ""
        units.setdefault(span_folder(root, span) if span else root, []).append(path)
    if not any(path.split("/")[0] in SIGNS for path in sizes):
        raise _nothing_in(root)
    if not dry_run and not unlocked:
        raise _may_be_at_work(root)
    ours, other = [], []
    for folder, paths in units.items():
        inner_paths = {files.relative(files.join(root, path), folder): path for path in paths}
        judged = unnamed(inner_paths, kept_in(folder), folder == root and len(units) > 1)
        ours += [inner_paths[name] for name in judged.ours]
        other += [inner_paths[name] for name in judged.other]
    if not dry_run:
        with files.in_words(root, "cannot be cleaned"):
            files.delete(files.join(root, path) for path in ours)
            if is_object_store(root):
                object_store().abort_uploads(root)
    removed, left = (sorted(files.join(root, path) for path in paths) for paths in (ours, other))
    return Cleaned(removed, sum(sizes[path] for path in ours), left)


def _units(root: str) -> Iterator[str]:
    """Yields each folder that a run writes to."""
    for path in sorted(Path(root, SPANS).iterdir()) if Path(root, SPANS).is_dir() else []:
        if path.is_dir() and is_span_name(path.name):
            yield span_folder(root, path.name)
    yield root


def _clean(folder: Path, kept: set[str], dry_run: bool) -> Cleaned:
    found = {str(path.relative_to(folder)): path for path in _files_below(folder)}
    judged = unnamed(found, kept, (folder / SPANS).is_dir())
    gone = [found[name] for name in judged.ours]
    size = sum(path.stat(follow_symlinks=False).st_size for path in gone)
    if not dry_run:
        files.delete(map(str, gone))
        _delete_empty(gone, folder)
    return Cleaned(sorted(map(str, gone)), size, sorted(str(found[name]) for name in judged.other))


def _files_below(folder: Path) -> Iterator[Path]:
    """Yields files and links, but those of spans and what links lead to."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            if path.name != SPANS:
                yield from _files_below(path)
        else:
            yield path


def _delete_empty(gone: Iterable[Path], folder: Path) -> None:
    """Deletes the folders of files that are gone as far as nothing is left in them."""
    above = {parent for path in gone for parent in path.parents if parent.is_relative_to(folder) and parent != folder}
    for path in sorted(above, key=lambda path: -len(path.parts)):
        files.delete_empty_parents([str(path / "any")])
