"""Deletes what runs left that no manifest names: of data sets, of folders of spans, and of predictions.

Only files with names that this package gives are ever deleted; what else lies there is told and stays.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from pipeline import files
from pipeline.guards.folders import check_folder
from pipeline.guards.locks import LOCK_NAME, holding, is_held
from pipeline.job import RUN_NAME, SPEC_NAME, STAGING
from pipeline.publish import copies
from pipeline.report.page import REPORT_NAME
from pipeline.scoring.job import RESULT_NAME
from pipeline.scoring.publish import read_result
from pipeline.spans.published import span_folder
from pipeline.watching.store import FOLDER as WATCH_FOLDER
from schemas.errors import UsageError
from schemas.manifest import MANIFEST_NAME, named_files, parse_manifest
from schemas.manifest_pb2 import Manifest
from schemas.spans.names import SPANS, check_span_name

_DIGEST = r"-[0-9a-f]{12}"
_RUN = r"\d{8}T\d{6}-[0-9a-f]{6}"
# What this package writes into the folder of a data set or of predictions, by its path there.
_OURS = re.compile(
    "|".join(
        [
            rf"{re.escape(STAGING)}/([0-9a-f]{{16}}|{_RUN})/.*",
            rf"failed/{_RUN}/(error\.json|rejected\.jsonl|traceback\.txt)",
            rf"[^/]+/bucket-\d+-shard-\d+-of-\d+{_DIGEST}\.(tfrecord|index)",
            rf"vocabulary/[^/]+{_DIGEST}\.(txt|json)",
            rf"statistics/(features|schema|statistics)({_DIGEST})?\.(pb|pbtxt|json)",
            rf"rejected/rejected{_DIGEST}\.jsonl",
            rf"predictions-\d+-of-\d+{_DIGEST}\.(jsonl|parquet)",
        ]
    )
)
# Written behind the manifest or in place of another one, so that what is whole is either kept or somebody else's.
_UNFINISHED = {MANIFEST_NAME, SPEC_NAME, RUN_NAME, REPORT_NAME, RESULT_NAME}
_TEMPORARY = re.compile(r"\.[0-9a-f]{12}\.tmp$")
_SIGNS = (MANIFEST_NAME, RESULT_NAME, SPANS, STAGING, LOCK_NAME, "failed")
_COPY = re.compile(r"vocabulary/[^/]+\.txt")


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


def clean(folder: str, console: Console, dry_run: bool = False) -> Cleaned:
    """Deletes what no manifest names in a data set, in a folder of spans and in each of them, or beside predictions.

    Args:
      folder: Of any of these.
      console: Told of locks that dead runs left.
      dry_run: Whether only to say what would be deleted.

    Raises:
      UsageError: The folder holds nothing of this package, is not on the local disk, or its filesystem has no locks.
      HeldError: A run writes there.
      DataError: A manifest is damaged or of another release, so that nobody knows what it names.
    """
    root = folder.rstrip("/") or folder
    if not files.is_folder(root):
        raise UsageError(f"{folder}: is no folder of the local disk; name that of a data set, spans or predictions")
    if not any(Path(root, name).exists() for name in _SIGNS):
        raise UsageError(
            f"{folder}: holds no data set ({MANIFEST_NAME}), no {SPANS}, no predictions ({RESULT_NAME}), and nothing "
            "that a run left; check the path"
        )
    cleaned = []
    for path in _units(root):
        check_folder(path, root if path != root else "")
        with holding(path, "clean", console):
            if not dry_run and not is_held(path):
                raise UsageError(
                    f"{path}: its filesystem has no locks, so that a run may be at work there; say --dry_run, and "
                    "delete what it lists by hand when none is"
                )
            cleaned.append(_clean(Path(path), _kept(path), dry_run))
        if path != root and not dry_run:
            files.delete_empty_parents([files.join(path, MANIFEST_NAME)])
    return Cleaned(
        [path for one in cleaned for path in one.removed],
        sum(one.bytes for one in cleaned),
        [path for one in cleaned for path in one.not_ours],
    )


def _units(root: str) -> Iterator[str]:
    """Yields each folder that a run writes to."""
    for path in sorted(Path(root, SPANS).iterdir()) if Path(root, SPANS).is_dir() else []:
        if path.is_dir() and _is_span_name(path.name):
            yield span_folder(root, path.name)
    yield root


def _is_span_name(name: str) -> bool:
    try:
        return bool(check_span_name(name))
    except UsageError:
        return False


def _kept(folder: str) -> set[str]:
    """Returns the paths within a folder that its manifest or result names, and those that belong beside it."""
    path = files.join(folder, MANIFEST_NAME)
    if files.exists(path):
        return _kept_of(parse_manifest(files.read(path), path))
    path = files.join(folder, RESULT_NAME)
    if files.exists(path):
        result = read_result(path)
        return {RESULT_NAME, *(file["path"] for field in ("files", "rejected_files") for file in result.get(field, []))}
    return set()


def _kept_of(manifest: Manifest) -> set[str]:
    return {*named_files(manifest), *copies(manifest), MANIFEST_NAME, SPEC_NAME, RUN_NAME, REPORT_NAME}


def _clean(folder: Path, kept: set[str], dry_run: bool) -> Cleaned:
    found = {str(path.relative_to(folder)): path for path in _files_below(folder)}
    beside = {LOCK_NAME}
    if (folder / SPANS).is_dir():  # the report over all spans, and what a watch that fills them knows
        beside |= {REPORT_NAME, *(name for name in found if name.startswith(f"{WATCH_FOLDER}/"))}
    unnamed = {name: path for name, path in found.items() if name not in kept | beside}
    gone = {name: path for name, path in unnamed.items() if _is_our_name(name, found)}
    size = sum(path.stat(follow_symlinks=False).st_size for path in gone.values())
    if not dry_run:
        files.delete(map(str, gone.values()))
        _delete_empty(gone.values(), folder)
    return Cleaned(
        sorted(map(str, gone.values())), size, sorted(str(path) for name, path in unnamed.items() if name not in gone)
    )


def _is_our_name(name: str, found: Iterable[str]) -> bool:
    """Returns whether a path within a folder is one that this package writes, whole or not yet."""
    plain = _TEMPORARY.sub("", name)
    if _OURS.fullmatch(plain) or (plain != name and plain in _UNFINISHED):
        return True
    # A copy has no digest in its name, so that only what it is a copy of shows that it is one.
    digested = re.compile(rf"{re.escape(plain.removesuffix('.txt'))}{_DIGEST}\.txt")
    return bool(_COPY.fullmatch(plain)) and (plain != name or any(digested.fullmatch(other) for other in found))


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
