"""The files of a data set that its manifest does not name: copies under plain names, the spec, run.json, the report.

Readers need none of them, and a data set without one is whole. One that is there must be what was written.
"""

from pipeline import files
from pipeline.job import RUN_NAME, SPEC_NAME
from pipeline.publish import copies
from pipeline.report.page import REPORT_NAME
from pipeline.seals import is_sealed_page, open_record, spec_digest
from schemas.manifest import MANIFEST_NAME, named_files
from schemas.manifest_pb2 import Manifest


def check_plain_files(folder: str, manifest: Manifest) -> list[str]:
    """Returns a line for each file beside those that a manifest names which is not what was written.

    Args:
      folder: Of a data set.
      manifest: Of it; the files that it names are as it says.
    """
    if is_behind(folder, manifest):  # the others are of that one, too
        return check_report(folder)
    plain = sorted(copies(manifest).items())
    problems = [problem for copy, path in plain for problem in _check_copy(folder, copy, path)]
    return [*problems, *_check_run(folder), *check_report(folder)]


def is_behind(folder: str, manifest: Manifest) -> bool:
    """Returns whether the record of a run is that of the data set that was there before.

    So it is from the moment in which another one is published to the end of its run, or where that was killed, to the
    next run on the folder.
    """
    path = files.join(folder, RUN_NAME)
    record = open_record(files.read(path)) if files.exists(path) else None
    # Records of releases before this one name no fingerprint.
    return record is not None and record.get("fingerprint", manifest.fingerprint) != manifest.fingerprint


def check_report(folder: str) -> list[str]:
    """Returns a line where the report in a folder is not what was written; none where there is no report."""
    path = files.join(folder, REPORT_NAME)
    if not files.exists(path) or is_sealed_page(files.read(path)):
        return []
    return [
        f"{path}: does not fit the SHA-256 at its end; it was changed; draw it again with `python -m pipeline report "
        f"{folder}`"
    ]


def unnamed_files(folder: str, manifest: Manifest) -> list[str]:
    """Returns the paths, relative to the folder, of the files there that are no part of the data set, sorted."""
    known = {*named_files(manifest), *copies(manifest), MANIFEST_NAME, SPEC_NAME, RUN_NAME, REPORT_NAME}
    return sorted(set(files.every_file(folder)) - known)


def _check_copy(folder: str, copy: str, path: str) -> list[str]:
    plain, original = files.join(folder, copy), files.join(folder, path)
    if not files.exists(plain) or files.read(plain) == files.read(original):
        return []
    return [f"{plain}: is no longer a copy of {path}; it was changed; copy that over it"]


def _check_run(folder: str) -> list[str]:
    path = files.join(folder, RUN_NAME)
    if not files.exists(path):
        return []
    record = open_record(files.read(path))
    if record is None:
        return [f"{path}: does not fit its own SHA-256; it was changed, or is of an earlier release; delete it"]
    spec = files.join(folder, SPEC_NAME)
    if not files.exists(spec) or spec_digest(folder) == record["spec_sha256"]:
        return []
    return [f"{spec}: does not fit the SHA-256 in {RUN_NAME}; it was changed; the manifest holds the spec as it was"]
