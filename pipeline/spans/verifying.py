"""Checks all spans of a folder, and that they fit each other."""

from typing import Any

from pipeline import files
from pipeline.plain_files import check_report
from pipeline.report.page import REPORT_NAME
from pipeline.spans.published import load_span, published_names, span_folder
from pipeline.spans.relations import check_relations
from pipeline.streaming.status import is_of_stream
from pipeline.verify import verify
from pipeline.watching.store import FOLDER as WATCH_FOLDER
from schemas.errors import DataError
from schemas.manifest import MANIFEST_NAME, named_files
from schemas.manifest_pb2 import Manifest
from schemas.spans.names import span_path


def is_root(folder: str) -> bool:
    """Returns whether a folder holds spans, and is no data set itself."""
    return not files.exists(files.join(folder, MANIFEST_NAME)) and bool(published_names(folder))


def verify_spans(root: str) -> dict[str, Any]:
    """Recomputes the digests and counts of all spans, and compares the spans with each other.

    Returns:
      As `pipeline.verify.verify`, and under "spans" what that returns of each.
    """
    sound: dict[str, Manifest] = {}
    spans, problems = [], check_report(root)
    for name in published_names(root):
        try:
            manifest = load_span(root, name)
            found = verify(span_folder(root, name))
        except DataError as error:
            found = {"folder": span_folder(root, name), "problems": [str(error)]}
        else:
            # What is broken already is not compared: it would only be told twice.
            sound |= {} if found["problems"] else {name: manifest}
        spans.append({"span": name, **found})
        problems += found["problems"]
    problems += check_relations(sound, lambda name, path: files.read(files.join(span_folder(root, name), path)))
    return {
        "folder": root,
        "files": sum(len(named_files(manifest)) for manifest in sound.values()),
        "records": sum(span.get("records", 0) for span in spans),
        "spans": spans,
        "unnamed": _unnamed(root, [str(span["span"]) for span in spans]),
        "problems": problems,
    }


def _unnamed(root: str, names: list[str]) -> list[str]:
    """Returns the files that are of no published span; those within one are told there."""
    known = (f"{WATCH_FOLDER}/", *(f"{span_path(name)}/" for name in names))
    others = [path for path in files.every_file(root) if path != REPORT_NAME and not path.startswith(known)]
    return [path for path in others if not is_of_stream(path)]
