"""From what a person wants to a stream that can begin, and what is left of the last start."""

import contextlib
import dataclasses
from typing import NamedTuple

from pipeline import files
from pipeline.guards import lease
from pipeline.inputs import run_name
from pipeline.streaming import closings
from pipeline.streaming.closer import windows_there
from pipeline.streaming.job import NOT_YET, StreamJob, closings_folder
from pipeline.streaming.ledger import FILE as LEDGER
from pipeline.streaming.ledger import Ledger
from pipeline.streaming.publish import check_there, is_published
from pipeline.streaming.status import FOLDER
from pipeline.streaming.wanted import Wanted, check_root, load_base, spec_of
from schemas.errors import DataError, UsageError
from schemas.spec import dump_spec

SPEC = "spec.yaml"


class Begun(NamedTuple):
    """A stream that can begin.

    Attributes:
      job: For all steps.
      ledger: What is in closed windows.
      pending: Names of closings whose spans are not published yet.
    """

    job: StreamJob
    ledger: Ledger
    pending: list[str]


def begin(wanted: Wanted) -> Begun:
    """Prepares the folder of a stream; nobody else may write to it.

    Raises:
      LengthwiseError: The base, the spec or the folder cannot be used.
    """
    base = load_base(wanted.base)
    check_root(wanted, base)
    spec = spec_of(wanted, base)
    root = wanted.root.rstrip("/") or wanted.root
    folder, ledger = files.join(root, FOLDER), Ledger(closings_folder(root))
    ledger.refresh()
    spec_path = files.join(folder, SPEC)
    options = ("--spec", spec_path, "--base_dataset", wanted.base.rstrip("/") or wanted.base, *wanted.run_options)
    job = StreamJob(
        root=root,
        run=run_name(),
        spec_bytes=spec.SerializeToString(deterministic=True),
        window=wanted.window,
        lateness=wanted.lateness,
        window_bytes=wanted.window_bytes,
        run_options=options,
        reached=NOT_YET if ledger.reached is None else ledger.reached,
        close_all=wanted.close_all,
    )
    _take_over(folder)
    files.write(spec_path, dump_spec(spec).encode())
    try:
        lease.begin(job)
    except DataError as error:
        raise UsageError(f"--output: {error}; name another folder") from None
    ledger.refresh()  # once nobody else closes windows
    pending = _sweep(job, ledger)
    ledger.fold()
    files.delete_folder(files.join(folder, "published"))  # which only closings need that are not folded
    return Begun(dataclasses.replace(job, left=tuple(pending)), ledger, pending)


def end(job: StreamJob) -> None:
    """Says that a stream is over, and removes what only this start needed; of one that closed no window all of it."""
    with contextlib.suppress(OSError, DataError):
        lease.end(job)
        files.delete_folder(job.spool)
        gone = [job.stop_path, job.drained_path]
        if not closings.names_in(job.closings):
            files.delete_folder(files.join(job.folder, "status"))
            gone += [job.held_path, *(files.join(job.folder, name) for name in (SPEC, LEDGER))]
        files.delete(gone)
        files.delete_empty_parents([job.spool])


def _take_over(folder: str) -> None:
    """Ends whoever may still work for an earlier start, and deletes what that has read and not closed."""
    files.delete(files.match_any(folder, ["goes-on-*", "drained-*"]))
    files.delete([files.join(folder, name) for name in ("stop", "open_windows")])
    for part in ("spool", "status"):
        files.delete_folder(files.join(folder, part))


def _sweep(job: StreamJob, ledger: Ledger) -> list[str]:
    """Deletes records of windows that nobody has closed; returns the names of those that wait to be published.

    Raises:
      DataError: Records of a closed window are gone, and no span of them is published.
    """
    there = windows_there(job)
    for name in there - ledger.names:
        files.delete_folder(job.window_folder(name))
    for name in sorted(ledger.fresh):
        closing = closings.load(job.closings, name)
        if not is_published(job, closing):
            check_there(job, closing)
    return sorted(there & ledger.names)
