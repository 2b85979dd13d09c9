"""Removes spans: first its manifest, with which a span is gone for all readers, then its files."""

import contextlib
from pathlib import Path, PurePosixPath
from typing import Any

from rich.console import Console

from pipeline import files
from pipeline.guards.locks import LOCK_NAME, holding
from pipeline.listing import sizes_within
from pipeline.plain_files import unnamed_files
from pipeline.report.after_run import draw_spans_report, report_of
from pipeline.spans.published import published_names, published_spans, span_folder
from pipeline.spans.retention import choose_removed
from pipeline.watching.known import inputs_of
from pipeline.watching.store import keep_inputs
from schemas.errors import DataError, UsageError
from schemas.manifest import MANIFEST_NAME
from schemas.manifest_pb2 import Manifest
from schemas.spans.names import SPANS

_OWN_FOLDERS = (".staging/", "failed/")  # what runs leave that failed or were killed


def prune(root: str, keep: int | None, before: str, console: Console, *, remove: bool = True) -> dict[str, Any]:
    """Removes the oldest spans, see `pipeline.spans.retention.choose_removed`.

    Args:
      root: Folder of all spans.
      keep: How many of the newest stay; None: `before` decides.
      before: Those that begin before this date go.
      console: Told of each span.
      remove: Whether to remove them; else it is only said what would go.

    Returns:
      What was removed.

    Raises:
      UsageError: Names do not say which spans are older, or a folder is a link.
      DataError: The manifest of a span cannot be read, or a file cannot be deleted.
      HeldError: A run writes to a span that is to go, or one that others may take vocabularies from is being written.
    """
    with holding(root, "prune", console) if remove and published_names(root) else contextlib.nullcontext():
        return _prune(root, keep, before, console, remove)


def _prune(root: str, keep: int | None, before: str, console: Console, remove: bool) -> dict[str, Any]:
    published = published_spans(root)
    if not published:
        raise DataError(f"{root}: holds no published span (no {SPANS}/NAME/{MANIFEST_NAME}); check the path")
    chosen = choose_removed(published, keep, before)
    for reason in chosen.stays.values():
        console.print(reason, highlight=False)
    for name in chosen.removed:
        _check_no_link(span_folder(root, name))
    removed = [_prune_one(root, name, published[name], console, remove) for name in chosen.removed]
    if remove and removed and report_of(root):
        draw_spans_report(root, console)
    return {
        "root": root,
        "dry_run": not remove,
        "removed": removed,
        "bytes": sum(one["bytes"] for one in removed),
        "stays": chosen.stays,
        "spans": len(published) - len(removed),
    }


def _prune_one(root: str, name: str, manifest: Manifest, console: Console, remove: bool) -> dict[str, Any]:
    folder = span_folder(root, name)
    others = [path for path in unnamed_files(folder, manifest) if not path.startswith((*_OWN_FOLDERS, LOCK_NAME))]
    sizes = sizes_within(folder)
    own = [path for path in sizes if path not in {*others, LOCK_NAME}]
    size = sum(sizes[path] for path in own)
    if remove:
        with holding(folder, "prune", console):
            keep_inputs(root, inputs_of(manifest))
            _delete(folder, own)
        files.delete_empty_parents([files.join(folder, MANIFEST_NAME)])
        left = f"; {others[0]} is left, which is no part of it" if others else ""
        console.print(f"{name}: removed, {size / 1e6:,.1f} MB{left}", highlight=False)
    return {"span": name, "files": len(own), "bytes": size, "left": others}


def _delete(folder: str, own: list[str]) -> None:
    """Deletes files of a span, the manifest before all others, and the folders that are empty then."""
    files.delete([files.join(folder, MANIFEST_NAME)])
    files.delete([files.join(folder, path) for path in own])
    inner = {str(parent) for path in own for parent in PurePosixPath(path).parents}
    for path in sorted(inner, key=lambda path: len(PurePosixPath(path).parts), reverse=True):
        files.delete_empty_parents([files.join(folder, path, MANIFEST_NAME)])


def _check_no_link(folder: str) -> None:
    """Refuses a folder that is a link, or leads through one within: what it leads to is not ours to delete.

    Raises:
      UsageError: It is.
    """
    if not files.is_local(folder):
        return
    path = Path(folder)
    inner = (one for one in path.rglob("*") if one.is_symlink())
    link = path if path.is_symlink() else next(inner, None)
    if link is not None:
        raise UsageError(f"{link}: is a link, and what it leads to is not deleted; remove the link first")
