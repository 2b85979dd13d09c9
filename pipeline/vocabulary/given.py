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
from schemas.manifest_pb2 import Manifest
from schemas.records.labels import KnownClasses
from schemas.vocabulary import dump_tokens, parse_tokens
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


def given_by_base(spec: DatasetSpec, base: Manifest, folder: str) -> tuple[GivenFile, ...]:
    """Returns the vocabulary files of the base of a span.

    Args:
      spec: A resolved spec; the same as the base's, as far as it says what vocabularies there are.
      base: Manifest of the base.
      folder: Its data set's.
    """
    entries = {name: base.classes if name == LABEL else base.vocabularies[name] for name in vocabulary_rules(spec)}
    return tuple(
        GivenFile(name, files.join(folder, entry.path), entry.sha256, of_base=True) for name, entry in entries.items()
    )


def given_digest(file: GivenFile) -> str:
    """Returns the SHA-256 that a file of the spec has as a data set writes it.

    Raises:
      DataError: The file cannot be read, or is not what it was when it was found.
    """
    with _loading:
        return hashlib.sha256(dump_tokens(_load(*file[1:]))).hexdigest()


def load_given(job: Job) -> dict[str, pa.StringArray]:
    """Returns the entries of the files that the spec names, or the base of a span has, by name of the vocabulary.

    Raises:
      DataError: A file cannot be read, or is not what it was when the run began.
    """
    with _loading:  # or each thread that finds one missing would read it
        return {file.name: _load(*file[1:]) for file in job.given}


def known_classes(job: Job) -> KnownClasses | None:
    """Returns the classes that a label must be one of; None where the records themselves say what classes there are."""
    spec, extends = job.spec, job.span is not None and job.span.extend > 0
    stated = [file for file in job.given if file.name == LABEL]
    if not stated or spec.label.unknown != UnknownLabel.reject or (extends and not spec.label.classes_file):
        return None
    names = load_given(job)[LABEL]
    if spec.label.classes_file:
        return KnownClasses(names, spec.label.classes_file)
    return KnownClasses(names, stated[0].path, "publish the span with --extend_vocabulary")


@functools.lru_cache(maxsize=16)
def _load(path: str, sha256: str, of_base: bool) -> pa.StringArray:
    content = files.read(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path}: has changed since the run began; run again when nobody writes to it")
    # What was written by a run may be empty or hold what is probably a mistake where a person writes it.
    return parse_tokens(content, path) if of_base else parse_given(content, path)
