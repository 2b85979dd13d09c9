"""From what a person wants to a stream that can begin, and what is left of the last start."""

import contextlib
import dataclasses
import time
from pathlib import Path
from typing import NamedTuple

from pipeline import files
from pipeline.guards import durable, lease
from pipeline.inputs import run_name
from pipeline.publish import unfinished
from pipeline.spec_file import read_spec
from pipeline.streaming import unclosed
from pipeline.streaming.closing import closings
from pipeline.streaming.closing.closer import windows_there
from pipeline.streaming.closing.ledger import FILE as LEDGER
from pipeline.streaming.closing.ledger import Ledger
from pipeline.streaming.closing.publish import check_there, is_published
from pipeline.streaming.job import NOT_YET, StreamJob, closings_folder
from pipeline.streaming.status import FOLDER
from pipeline.streaming.wanted import Wanted, check_root, load_base, spec_of
from schemas.dataset_pb2 import DatasetSpec, TimeField
from schemas.errors import DataError, UsageError
from schemas.messages import printable, to_plain
from schemas.spec import dump_spec
from schemas.spec_events import event_time_of
from schemas.streams.positions import Ranges
from schemas.streams.windows import SECOND

SPEC = "spec.yaml"
_SOURCE = "source"


class Begun(NamedTuple):
    """A stream that can begin.

    Attributes:
      job: For all steps.
      ledger: What is in closed windows.
      pending: Names of closings whose spans are not published yet.
      unclosed: Positions of files that were read before and are in no closed window, by path.
      identity: Of the source.
    """

    job: StreamJob
    ledger: Ledger
    pending: list[str]
    unclosed: dict[str, Ranges]
    identity: str


def check_source(folder: str, identity: str) -> None:
    """Checks that the spans of a folder are of this source, and notes it where they are the first.

    Positions tell what has been read, and mean other records in another source.

    Raises:
      UsageError: They are of another one.
    """
    path = files.join(folder, _SOURCE)
    if not files.exists(path):
        files.write(path, identity.encode())
        return
    known = files.read(path).decode()
    if not is_same(known, identity):
        raise UsageError(
            f"--source: is {printable(identity)}, and what was streamed to {folder.removesuffix(f'/{FOLDER}')} is of "
            f"{printable(known)} (of Kafka: cluster, topic and its id, another one for a topic that was deleted and "
            "made again); name another --output"
        )


def is_same(one: str, other: str) -> bool:
    """Returns whether two identities may be those of one source: of Kafka not every broker says the id of a topic."""
    (start, _, number), (other_start, _, other_number) = one.rpartition("/"), other.rpartition("/")
    return one == other or (one.startswith("kafka:") and start == other_start and not (number and other_number))


def absolute(folder: str) -> str:
    """Returns a folder as workers find it, which were started elsewhere."""
    return str(Path(folder).absolute()) if files.is_local(folder) else folder.rstrip("/")


def begin(wanted: Wanted, identity: str) -> Begun:
    """Prepares the folder of a stream; nobody else may write to it.

    Args:
      wanted: By a person.
      identity: Of the source.

    Raises:
      LengthwiseError: The base, the spec or the folder cannot be used.
    """
    base = load_base(wanted.base)
    check_root(wanted, base)
    spec = spec_of(wanted, base)
    root = absolute(wanted.root)
    folder, ledger = files.join(root, FOLDER), Ledger(closings_folder(root))
    ledger.refresh()
    spec_path = files.join(folder, SPEC)
    options = ("--spec", spec_path, "--base_dataset", absolute(wanted.base), *wanted.run_options)
    job = StreamJob(
        root=root,
        run=run_name(),
        spec_bytes=spec.SerializeToString(deterministic=True),
        window=wanted.window,
        lateness=wanted.lateness,
        window_bytes=wanted.window_bytes,
        run_options=options,
        # Where windows that are to come were closed as well, at the end of the input: no further than the clock.
        reached=NOT_YET if ledger.reached is None else min(ledger.reached, round(time.time() * SECOND)),
        close_all=wanted.close_all,
    )
    check_source(folder, identity)
    _take_over(folder, identity)
    try:
        lease.begin(job)
    except DataError as error:
        raise UsageError(f"--output: {error}; name another folder") from None
    ledger.refresh()  # once nobody else closes windows
    pending = _sweep(job, ledger)
    if pending:
        _check_time(spec, _earlier_spec(spec_path), job, pending)
    durable.write(spec_path, dump_spec(spec).encode())
    ledger.fold(pending)
    left = unclosed.keep(folder, identity, ledger.covered)
    return Begun(dataclasses.replace(job, left=tuple(pending)), ledger, pending, left, identity)


def _earlier_spec(path: str) -> DatasetSpec | None:
    """Returns the spec of the start before; None where that is gone, or nothing that can be read."""
    try:
        return read_spec(path)[0] if files.exists(path) else None
    except UsageError:
        return None


def _check_time(spec: DatasetSpec, earlier: DatasetSpec | None, job: StreamJob, pending: list[str]) -> None:
    """Checks that records of windows that wait to be published would be put into the same windows now.

    Args:
      spec: Of this start.
      earlier: Of the one before; None: nobody knows.
      job: This start.
      pending: Names of closings of which records lie there, of published spans as well.

    Raises:
      UsageError: The spec names another event time than that by which they were closed.
    """
    now, then = event_time_of(spec), event_time_of(earlier or spec)
    if now == then:
        return
    waiting = [name for name in pending if not is_published(job, closings.load(job.closings, name))]
    if not waiting:
        return
    raise UsageError(
        f"--spec: says {_shown_time(now)}, and when the window {waiting[0]}, which is not published yet, was closed, "
        f"it said {_shown_time(then)}, by which its records may be of other windows; publish it with that spec, or "
        "name another --output, into which all that the source has is read anew"
    )


def _shown_time(field: TimeField | None) -> str:
    if field is None:
        return "no event_time"
    return "event_time: {" + ", ".join(f"{name}: {value}" for name, value in to_plain(field).items()) + "}"


def end(begun: Begun) -> None:
    """Says that a stream is over, and removes what only this start needed; of one that closed no window all of it.

    What was read of files and is in no closed window stays noted.
    """
    job, ledger = begun.job, begun.ledger
    with contextlib.suppress(OSError, DataError):
        lease.end(job)
        ledger.refresh()
        unclosed.keep(job.folder, begun.identity, ledger.covered)
        files.delete_folder(job.spool)
        gone = [job.stop_path, job.drained_path]
        if not closings.names_in(job.closings):
            files.delete_folder(files.join(job.folder, "status"))
            gone += [job.held_path, *(files.join(job.folder, name) for name in (SPEC, LEDGER, _SOURCE))]
        files.delete(gone)
        files.delete_empty_parents([job.spool])


def _take_over(folder: str, identity: str) -> None:
    """Ends whoever may still work for an earlier start, and deletes what that has read and not closed."""
    files.delete(files.match_any(folder, ["goes-on-*", "drained-*"]))
    files.delete([files.join(folder, name) for name in ("stop", "open_windows")])
    unclosed.keep(folder, identity, {})
    for part in ("spool", "status"):
        files.delete_folder(files.join(folder, part))


def _sweep(job: StreamJob, ledger: Ledger) -> list[str]:
    """Deletes what nobody has closed or finished writing; returns the names of those that wait to be published.

    Raises:
      DataError: Records of a closed window are gone, and no span of them is published.
    """
    there = windows_there(job)
    for name in there - ledger.names:
        files.delete_folder(job.window_folder(name))
    _sweep_too_late(job, ledger)
    if files.is_local(job.root):
        files.delete([*unfinished(job.folder), *unfinished(job.too_late)])
    for name in sorted(ledger.fresh):
        closing = closings.load(job.closings, name)
        if not is_published(job, closing):
            check_there(job, closing)
    return sorted(there & ledger.names)


def _sweep_too_late(job: StreamJob, ledger: Ledger) -> None:
    """Deletes rows of records that came too late where the closing of this name has others, or there is none."""
    by_name: dict[str, list[str]] = {}
    for path in files.match_within(job.too_late, "*.jsonl"):
        by_name.setdefault(files.stem(path).rpartition("-")[0], []).append(path)
    for name, paths in by_name.items():
        if name not in ledger.names:
            files.delete(paths)
        elif len(paths) > 1:
            needed = {files.join(job.root, path) for path in closings.load(job.closings, name).files}
            files.delete(set(paths) - needed)
