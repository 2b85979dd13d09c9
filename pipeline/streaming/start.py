"""From what a person said to a stream that can begin: the base, the spec, what is left of the last start."""

import contextlib
import time
from pathlib import PurePosixPath
from typing import NamedTuple

from pipeline import files
from pipeline.guards import lease
from pipeline.inputs import run_name
from pipeline.spans.request import check_holds_spans
from pipeline.spec_file import read_spec
from pipeline.streaming import closings
from pipeline.streaming.closer import windows_there
from pipeline.streaming.job import FOLDER, NOT_YET, StreamJob, closings_folder
from pipeline.streaming.ledger import Ledger
from pipeline.streaming.publish import check_there, is_published
from schemas.dataset_pb2 import DatasetSpec, Group
from schemas.errors import DataError, UsageError
from schemas.manifest import MANIFEST_NAME, parse_manifest
from schemas.manifest_pb2 import Manifest
from schemas.messages import printable
from schemas.spans.difference import FREE_OF_BASE, spec_difference
from schemas.spans.names import SPANS
from schemas.spec import dump_spec, event_time_of
from schemas.streams.windows import SECOND, parse_length

SPEC = "spec.yaml"
_SOURCE = "source"


class Wanted(NamedTuple):
    """What a person wants of a stream.

    Attributes:
      root: Folder of all spans.
      base: Folder of the data set whose vocabularies, normalisation and buckets to take.
      spec: Path of a spec; empty: the base's.
      window: Length of a window in microseconds.
      lateness: As of `StreamJob`.
      window_bytes: As of `StreamJob`.
      run_options: Of `run`, as the person gave them.
      close_all: As of `StreamJob`.
    """

    root: str
    base: str
    spec: str
    window: int
    lateness: int
    window_bytes: int
    run_options: tuple[str, ...]
    close_all: bool


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


def load_base(folder: str) -> Manifest:
    """Returns the manifest of the base.

    Raises:
      UsageError: The folder holds no data set.
    """
    path = files.join(folder, MANIFEST_NAME)
    if not files.exists(path):
        spans = files.match_within(folder, f"{SPANS}/*/{MANIFEST_NAME}")
        remedy = (
            f"name one of its spans, such as --base {PurePosixPath(spans[-1]).parent}"
            if spans
            else "make one with `python -m pipeline run` of records from the past"
        )
        raise UsageError(
            f"--base {folder}: holds no {MANIFEST_NAME}, so that there are no vocabularies, normalisation and buckets "
            f"that windows could share; {remedy}"
        )
    return parse_manifest(files.read(path), path)


def spec_of(wanted: Wanted, base: Manifest) -> DatasetSpec:
    """Returns the resolved spec of all windows.

    Raises:
      UsageError: It reads records otherwise than the base, or does not say when a record came to be.
    """
    spec = read_spec(wanted.spec)[0] if wanted.spec else base.spec
    found = spec_difference(spec, base.spec, FREE_OF_BASE)
    if found:
        raise UsageError(
            f"--spec {wanted.spec}: {found.path} is {found.ours}, and {found.theirs} in that of the base "
            f"{wanted.base}; windows share its vocabularies, so all are read alike: correct it, or make another base"
        )
    where = f"--spec {wanted.spec}" if wanted.spec else f"the spec of the base {wanted.base}"
    if event_time_of(spec) is None:
        raise UsageError(
            f"{where}: names no event time, so that nobody knows which window a record belongs to; say "
            "`event_time: {from: FIELD}` in a copy of it, and name that with --spec"
        )
    if spec.HasField("group"):
        _check_group(spec.group, wanted.window, where)
    return spec


def _check_group(group: Group, window: int, where: str) -> None:
    """Checks that records end which are made of events.

    Raises:
      UsageError: They do not, or not with the windows of the stream.
    """
    if not (group.session_gap or group.window or group.max_events):
        raise UsageError(
            f"{where}: groups all events of a key into one record, which would never end; say group.session_gap, "
            "group.window or group.max_events in the spec, and make a base with it"
        )
    if group.window and not group.session_gap and window % parse_length(group.window, "group.window"):
        raise UsageError(
            f"{where}: group.window is {group.window}, which --window must be or hold several of; say "
            f"--window {group.window}"
        )


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
    if known != identity:
        raise UsageError(
            f"--source: is {printable(identity)}, and what was streamed to {folder.removesuffix(f'/{FOLDER}')} is of "
            f"{printable(known)} (of Kafka: cluster, topic and its id, another one for a topic that was deleted and "
            "made again); name another --output"
        )


def begin(wanted: Wanted, identity: str) -> Begun:
    """Prepares the folder of a stream; nobody else may write to it.

    Args:
      wanted: By a person.
      identity: Of the source.

    Raises:
      LengthwiseError: The base, the spec or the folder cannot be used.
    """
    check_holds_spans(wanted.root)
    base = load_base(wanted.base)
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
        # Where windows that are to come were closed as well, at the end of the input: no further than the clock.
        reached=NOT_YET if ledger.reached is None else min(ledger.reached, round(time.time() * SECOND)),
        close_all=wanted.close_all,
    )
    check_source(folder, identity)
    _take_over(folder)
    files.write(spec_path, dump_spec(spec).encode())
    try:
        lease.begin(job)
    except DataError as error:
        raise UsageError(f"--output: {error}; name another folder") from None
    ledger.refresh()  # once nobody else closes windows
    pending = _sweep(job, ledger)
    ledger.fold(pending)
    files.delete_folder(files.join(folder, "published"))  # which only closings need that are not folded
    return Begun(job, ledger, pending)


def end(job: StreamJob) -> None:
    """Says that a stream is over, and removes what only this start needed."""
    with contextlib.suppress(OSError, DataError):
        lease.end(job)
        files.delete_folder(job.spool)
        files.delete([job.stop_path, job.drained_path])
        files.delete_empty_parents([job.spool])


def _take_over(folder: str) -> None:
    """Ends whoever may still work for an earlier start, and deletes what that has read and not closed."""
    files.delete(files.match_any(folder, ["goes-on-*", "drained-*"]))
    files.delete([files.join(folder, "stop")])
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
    _sweep_too_late(job, ledger)
    for name in sorted(ledger.fresh):
        if not is_published(job, name):
            check_there(job, closings.load(job.closings, name))
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
