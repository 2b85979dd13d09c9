"""The base of a span: the published data set whose vocabularies, normalisation and buckets it takes."""

import functools
import threading

from pipeline import files
from pipeline.job import Base, Job
from schemas.errors import DataError
from schemas.manifest import parse_manifest
from schemas.manifest_pb2 import Manifest

_loading = threading.Lock()


def load_base(job: Job) -> Manifest | None:
    """Returns the manifest of the base of a run; None where the run plans for itself.

    Raises:
      DataError: It cannot be read, or is not what it was when the run began.
    """
    if job.span is None or job.span.base is None:
        return None
    with _loading:  # or each thread that finds it missing would read it
        return _load(job.span.base)


@functools.lru_cache(maxsize=4)
def _load(base: Base) -> Manifest:
    manifest = parse_manifest(files.read(base.path), base.path)
    if manifest.fingerprint != base.fingerprint:
        raise DataError(f"{base.path}: has changed since the run began; run again when nobody writes to it")
    return manifest
