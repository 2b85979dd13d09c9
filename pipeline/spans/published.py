"""The spans that are published in a folder: those whose manifest is there."""

from pathlib import PurePosixPath

from pipeline import files
from schemas.errors import DataError
from schemas.manifest import MANIFEST_NAME, parse_fields, parse_manifest
from schemas.manifest_pb2 import Manifest
from schemas.spans.names import SPANS, in_order, span_path

# What spans with the same base share.
CONTRACT = ("vocabularies", "classes", "moments", "buckets")


def span_folder(root: str, name: str) -> str:
    """Returns the folder of a span."""
    return files.join(root, *span_path(name).split("/"))


def published_names(root: str) -> list[str]:
    """Returns the names of the published spans, in order."""
    manifests = files.match_within(root, f"{SPANS}/*/{MANIFEST_NAME}")
    # The pattern of some filesystems lets a star stand for folders within folders.
    found = [PurePosixPath(path).parts[-3:-1] for path in manifests]
    return in_order(name for folder, name in found if folder == SPANS)


def load_span(root: str, name: str) -> Manifest:
    """Reads the manifest of a span.

    Raises:
      DataError: It is missing, damaged, of another format version, or of another span.
    """
    path = files.join(span_folder(root, name), MANIFEST_NAME)
    return _checked(parse_manifest(files.read(path), path), name, path)


def _checked(manifest: Manifest, name: str, path: str) -> Manifest:
    if manifest.span.name != name:
        raise DataError(
            f"{path}: is the manifest of the span '{manifest.span.name}' and lies where that of '{name}' should; move "
            "the folder back, or publish the span again with --replace"
        )
    return manifest


def published_spans(root: str) -> dict[str, Manifest]:
    """Reads the manifests of all published spans, in order.

    Raises:
      DataError: One cannot be read, see `load_span`.
    """
    return {name: load_span(root, name) for name in published_names(root)}


def published_contracts(root: str) -> dict[str, Manifest]:
    """Reads what all published spans are and share, in order: `span` and CONTRACT of their manifests.

    For what concerns all spans, of which there may be thousands; what is taken from one is read by `load_span`.

    Raises:
      DataError: One is no manifest, of another format version, or of another span.
    """
    found = {}
    for name in published_names(root):
        path = files.join(span_folder(root, name), MANIFEST_NAME)
        found[name] = _checked(parse_fields(files.read(path), path, {"span", *CONTRACT}), name, path)
    return found
