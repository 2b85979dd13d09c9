"""A data set is published by one write of its manifest; all that comes after it can be done again by anybody.

That is: copies under plain names, the record of the run, the report, and the deletion of what no manifest names. The
record is written last but for the report and names the fingerprint, so that it tells whether all of it was done.
"""

import json
from typing import Any

from pipeline import files
from pipeline.job import RUN_NAME, STAGING
from pipeline.publish import sweep, write_copies
from pipeline.report.page import REPORT_NAME
from pipeline.seals import seal_record, spec_digest
from schemas.errors import DataError, LengthwiseError
from schemas.manifest_pb2 import Manifest
from schemas.spec import parse_spec, resolve


def is_finished(folder: str, manifest: Manifest) -> bool:
    """Returns whether the run that published a data set came to its end, but for the report."""
    # Records of releases before this one name no fingerprint.
    record = _record(folder)
    return record is not None and record.get("fingerprint", manifest.fingerprint) == manifest.fingerprint


def has_report(folder: str, manifest: Manifest) -> bool:
    """Returns whether there is a report, and it is of this data set and not of one that was there before."""
    path = files.join(folder, REPORT_NAME)
    return files.exists(path) and manifest.fingerprint.encode() in files.read(path)


def finish(folder: str, manifest: Manifest, spec_text: str = "") -> None:
    """Does what is left to do once a data set is published; nobody else may write to its folder meanwhile.

    Args:
      folder: Of the data set.
      manifest: Of it.
      spec_text: The spec as the person wrote it, to be kept where it is the one of the manifest.

    Raises:
      DataError: A file cannot be read or written.
    """
    write_copies(folder, manifest, spec_text if _is_spec_of(spec_text, manifest) else "")
    sweep(folder, manifest)
    if files.is_local(folder):
        files.delete([files.join(folder, STAGING)])
    if not has_report(folder, manifest):
        files.delete([files.join(folder, REPORT_NAME)])
    record = {"fingerprint": manifest.fingerprint, "spec_sha256": spec_digest(folder)}
    files.write(files.join(folder, RUN_NAME), seal_record(record))


def _record(folder: str) -> dict[str, Any] | None:
    path = files.join(folder, RUN_NAME)
    try:
        record = json.loads(files.read(path)) if files.exists(path) else None
    except (DataError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _is_spec_of(spec_text: str, manifest: Manifest) -> bool:
    try:
        return bool(spec_text) and resolve(parse_spec(spec_text)) == manifest.spec
    except LengthwiseError:
        return False
