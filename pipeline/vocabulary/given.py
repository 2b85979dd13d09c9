"""Vocabularies and classes that the spec names a file for: read at the start, the same for all of a run."""

import functools
import hashlib
import threading

import pyarrow as pa

from pipeline import files
from pipeline.job import GivenFile, Job
from pipeline.vocabulary.rules import vocabulary_rules
from schemas.dataset_pb2 import DatasetSpec, UnknownLabel
from schemas.errors import DataError
from schemas.formats.fields import LABEL
from schemas.records.labels import KnownClasses
from schemas.vocabulary_files import parse_given

_loading = threading.Lock()


def find_given(spec: DatasetSpec) -> tuple[GivenFile, ...]:
    """Reads the vocabulary files that a resolved spec names, and checks them.

    Raises:
      DataError: A file cannot be read, or is no vocabulary.
    """
    found = []
    for name, rule in vocabulary_rules(spec).items():
        if rule.file:
            content = _first_read(name, rule.file, spec)
            parse_given(content, rule.file, "class" if name == LABEL else "token")
            found.append(GivenFile(name, rule.file, hashlib.sha256(content).hexdigest()))
    return tuple(found)


def _first_read(name: str, path: str, spec: DatasetSpec) -> bytes:
    try:
        return files.read(path)
    except DataError as error:
        part = "sequences" if name in spec.sequences else "context"
        field = "label.classes_file" if name == LABEL else f"{part}.{name}.vocabulary.file"
        raise DataError(f"{error}; {field} of the spec names it; correct the path") from None


def load_given(job: Job) -> dict[str, pa.StringArray]:
    """Returns the entries of the files that the spec names, by name of the vocabulary.

    Raises:
      DataError: A file cannot be read, or is not what it was when the run began.
    """
    with _loading:  # or each thread that finds one missing would read it
        return {file.name: _load(file.path, file.sha256) for file in job.given}


def known_classes(job: Job) -> KnownClasses | None:
    """Returns the classes that a label must be one of; None where the records themselves say what classes there are."""
    spec = job.spec
    if not spec.label.classes_file or spec.label.unknown != UnknownLabel.reject:
        return None
    return KnownClasses(load_given(job)[LABEL], spec.label.classes_file)


@functools.lru_cache(maxsize=16)
def _load(path: str, sha256: str) -> pa.StringArray:
    content = files.read(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path}: has changed since the run began; run again when nobody writes to it")
    return parse_given(content, path)
