"""What a person wants of a stream, and whether it can be: the base, the spec, the folder of spans."""

import os.path
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pipeline import files
from pipeline.spans.outside import goes_with
from pipeline.spans.published import published_contracts
from pipeline.spans.request import check_holds_spans
from pipeline.spec_file import read_spec
from pipeline.vocabulary.given import given_by_base
from pipeline.watching.store import FOLDER as WATCH_FOLDER
from schemas.dataset_pb2 import Compression, DatasetSpec, Format, Group, Input
from schemas.errors import UsageError
from schemas.formats.content import check_encoding
from schemas.manifest import MANIFEST_NAME, parse_manifest
from schemas.manifest_pb2 import Manifest
from schemas.spans.difference import FREE_OF_BASE, spec_difference
from schemas.spans.names import SPANS
from schemas.spec import event_time_of
from schemas.streams.windows import parse_length

_UTF8 = ("utf-8", "utf-8-sig")


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
    base = parse_manifest(files.read(path), path)
    for given in given_by_base(base.spec, base, folder):
        if not files.exists(given.path):
            raise UsageError(
                f"--base {folder}: its manifest names {given.path}, which is gone, and windows take that as it is; "
                "restore it, or name a data set that is whole"
            )
    return base


def check_root(wanted: Wanted, base: Manifest) -> None:
    """Checks that a folder can take spans of a base.

    Raises:
      UsageError: It holds something else, or spans of other vocabularies, or the base itself.
      DataError: The manifest of a span is damaged.
    """
    root = wanted.root
    check_holds_spans(root)
    if files.is_local(root) and Path(root, WATCH_FOLDER).is_dir():
        raise UsageError(
            f"--output {root}: is filled by `watch`, whose spans are no windows of time; name another folder"
        )
    if _absolute(wanted.base).startswith(f"{_absolute(root)}/"):
        raise UsageError(
            f"--base {wanted.base}: lies in {root}, which the windows go to; name a data set outside of it, or another "
            "--output"
        )
    others = published_contracts(root)
    if others and not any(goes_with(base, other) for other in others.values()):
        raise UsageError(
            f"--base {wanted.base}: has other vocabularies, normalisation or buckets than the span {list(others)[-1]} "
            f"that is in {root}, and the two could not be read together; name the base of that span, or another "
            "--output"
        )


def _absolute(folder: str) -> str:
    return os.path.realpath(folder) if files.is_local(folder) else folder.rstrip("/")


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
    _check_input(spec.input, where)
    if spec.HasField("group"):
        _check_group(spec.group, wanted.window, where)
    return spec


def _check_input(given: Input, where: str) -> None:
    """Checks that a spec asks for records as streams have them.

    Raises:
      UsageError: It asks for others.
    """
    others = {
        "format": given.HasField("format") and given.format != Format.Value.jsonl,
        "compression": given.HasField("compression") and given.compression != Compression.Value.none,
        "encoding": check_encoding(given.encoding or _UTF8[0]) not in _UTF8,
    }
    name = next((name for name, is_other in others.items() if is_other), "")
    if not name:
        return
    raise UsageError(
        f"{where}: says input.{name}, and the records of a stream are JSON in UTF-8, one a line; leave `input.{name}` "
        "out of a copy of the spec, and name that with --spec"
    )


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
