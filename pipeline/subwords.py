"""Tokenizer files of a run: read where the spec says, once by each worker, and the same by all of them."""

import functools
import hashlib
import threading

from pipeline import files
from pipeline.job import Job, TokenizerFile
from schemas.dataset_pb2 import DatasetSpec, Tokenizer
from schemas.errors import DataError, UsageError
from schemas.manifest import tokenizer_path
from schemas.manifest_pb2 import TokenizerFile as PublishedTokenizer
from schemas.records.subwords import Subwords, load_subwords

_loading = threading.Lock()


def find_tokenizers(spec: DatasetSpec) -> tuple[TokenizerFile, ...]:
    """Reads the tokenizer files of a resolved spec, and checks them.

    Raises:
      UsageError: A file cannot be read or is no tokenizer, or the library that reads it is missing.
    """
    found = []
    for name, feature in sorted(spec.sequences.items()):
        if feature.tokenizer == Tokenizer.subwords:
            try:
                content = files.read(feature.tokenizer_file)
            except DataError as error:
                raise UsageError(f"sequences.{name}.tokenizer_file: {error}") from error
            load_subwords(content, feature.tokenizer_file)
            found.append(TokenizerFile(name, feature.tokenizer_file, hashlib.sha256(content).hexdigest()))
    return tuple(found)


def load_tokenizers(job: Job) -> dict[str, Subwords]:
    """Returns the tokenizers of a run by name of the sequence.

    Raises:
      DataError: A file cannot be read, or is not what it was when the run began.
    """
    with _loading:  # or each thread that finds one missing would read it
        return {file.name: _load(file.path, file.sha256) for file in job.tokenizers}


def publish_tokenizers(job: Job) -> dict[str, PublishedTokenizer]:
    """Writes the tokenizer files into the data set's folder, by name of the sequence."""
    published = {}
    for file in job.tokenizers:
        path = tokenizer_path(file.name, file.sha256)
        files.write(files.join(job.output, path), _read(file.path, file.sha256))
        published[file.name] = PublishedTokenizer(path=path, sha256=file.sha256)
    return published


@functools.lru_cache(maxsize=16)
def _load(path: str, sha256: str) -> Subwords:
    return load_subwords(_read(path, sha256), path)


def _read(path: str, sha256: str) -> bytes:
    content = files.read(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path}: has changed since the run began; run again when nobody writes to it")
    return content
