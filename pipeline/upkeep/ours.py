"""Which files in a folder are this package's, and which of them nobody names."""

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from pipeline import files
from pipeline.guards.locks import LOCK_NAME
from pipeline.job import RUN_NAME, SPEC_NAME, STAGING
from pipeline.publish import copies
from pipeline.report.page import REPORT_NAME
from pipeline.scoring.job import RESULT_NAME
from pipeline.scoring.publish import read_result
from pipeline.streaming.status import is_of_stream
from pipeline.watching.store import FOLDER as WATCH_FOLDER
from schemas.errors import UsageError
from schemas.manifest import MANIFEST_NAME, named_files, parse_manifest
from schemas.manifest_pb2 import Manifest
from schemas.spans.names import SPANS, check_span_name

SIGNS = (MANIFEST_NAME, RESULT_NAME, SPANS, STAGING, LOCK_NAME, "failed")
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
_COPY = re.compile(r"vocabulary/[^/]+\.txt")


class Unnamed(NamedTuple):
    """Files that no manifest names, by their paths in the folder.

    Attributes:
      ours: That this package wrote.
      other: All others.
    """

    ours: list[str]
    other: list[str]


def unnamed(found: Collection[str], kept: set[str], has_spans: bool) -> Unnamed:
    """Returns the files of a folder that nobody names.

    Args:
      found: All of its files, without those of spans in it.
      kept: What is named.
      has_spans: Whether it is the folder of spans.
    """
    beside = {LOCK_NAME, *(name for name in found if is_of_stream(name))}
    if has_spans:  # the report over all spans, and what a watch that fills them knows
        beside |= {REPORT_NAME, *(name for name in found if name.startswith(f"{WATCH_FOLDER}/"))}
    names = sorted(name for name in found if name not in kept | beside)
    ours = [name for name in names if _is_our_name(name, found)]
    return Unnamed(ours, sorted(set(names).difference(ours)))


def is_span_name(name: str) -> bool:
    """Returns whether a folder may be a span's."""
    try:
        return bool(check_span_name(name))
    except UsageError:
        return False


def kept_in(folder: str) -> set[str]:
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


def _is_our_name(name: str, found: Iterable[str]) -> bool:
    """Returns whether a path within a folder is one that this package writes, whole or not yet."""
    plain = _TEMPORARY.sub("", name)
    if _OURS.fullmatch(plain) or (plain != name and plain in _UNFINISHED):
        return True
    # A copy has no digest in its name, so that only what it is a copy of shows that it is one.
    digested = re.compile(rf"{re.escape(plain.removesuffix('.txt'))}{_DIGEST}\.txt")
    return bool(_COPY.fullmatch(plain)) and (plain != name or any(digested.fullmatch(other) for other in found))
