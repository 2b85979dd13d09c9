"""Whether a span that is published already was made from the same input, so that nothing is left to do."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import NamedTuple

from pipeline import files
from pipeline.blocks import InputFile, plan_blocks
from pipeline.job import Job
from pipeline.spans.base import load_base
from pipeline.spans.choose import contract_digest, definer_of
from pipeline.spans.published import load_span
from schemas.errors import UsageError
from schemas.formats.blocks import file_digest
from schemas.manifest import MANIFEST_NAME
from schemas.manifest_pb2 import InputFile as PublishedFile
from schemas.manifest_pb2 import Manifest
from schemas.spans.difference import FREE_OF_ITSELF, spec_difference

_THREADS = 8  # more than processors: some wait for the disk
_PART_BYTES = 1 << 20


class _Content(NamedTuple):
    """What makes an input file the same one, wherever it lies."""

    name: str
    split: str
    format: str
    bytes: int
    digest: str = ""


def already_published(job: Job) -> Manifest | None:
    """Returns the manifest of a span that is published with the same input and the same spec.

    Reads all of the input, unless its names or sizes tell already that it is another one.

    Returns:
      None where the span is not published, or is to be replaced.

    Raises:
      UsageError: It is published with other input or another spec; says which, and what to do.
      DataError: Its manifest or an input file cannot be read.
    """
    if job.span is None or job.replace or not files.exists(files.join(job.output, MANIFEST_NAME)):
        return None
    manifest = load_span(job.span.root, job.span.name)
    problem = _other_plan(job, manifest) or _other_input(job, manifest)
    if problem:
        raise UsageError(f"{job.span.name}: is published already, and {problem}; say --replace to write it again")
    return manifest


def unchanged_line(manifest: Manifest) -> str:
    """Returns what a run says that finds its span published with the same input."""
    return f"{manifest.span.name}: is published already with the same input; nothing to do; --replace writes it again"


def _other_plan(job: Job, manifest: Manifest) -> str | None:
    found = spec_difference(job.spec, manifest.spec, FREE_OF_ITSELF)
    if found:
        return f"{found.path} of the spec is {found.ours}, and was {found.theirs}"
    name = manifest.span.name
    base, taken = job.span.base if job.span else None, definer_of(name, manifest)
    if base and base.name not in (taken, manifest.span.base) and not _is_same_contract(job, manifest):
        return f"has the vocabularies of {taken}, and this run would take those of {base.name}"
    return None


def _is_same_contract(job: Job, manifest: Manifest) -> bool:
    """Returns whether the base of a run has what a span has: a data set outside may have been moved, or copied."""
    base = load_base(job)
    return base is not None and contract_digest(base) == contract_digest(manifest)


def _other_input(job: Job, manifest: Manifest) -> str | None:
    published = [_of_manifest(file) for file in manifest.inputs]
    sizes = _difference(map(_of_input, job.inputs), (file._replace(digest="") for file in published))
    if sizes:
        return sizes
    with ThreadPoolExecutor(_THREADS) as pool:
        digests = pool.map(lambda file: content_digest(file, job.block_bytes), job.inputs)
        found = [_of_input(file)._replace(digest=digest) for file, digest in zip(job.inputs, digests, strict=True)]
    return _difference(found, published)


def _difference(ours: Iterable[_Content], theirs: Iterable[_Content]) -> str | None:
    """Returns in what the files of two runs differ; None: in nothing."""
    mine, others = Counter(ours), Counter(theirs)
    new, gone = sorted((mine - others).elements()), sorted((others - mine).elements())
    if not new and not gone:
        return None
    if not gone:
        return f"the input {new[0].name} is new"
    if not new:
        return f"the input {gone[0].name} is missing"
    same = [(a, b) for a in new for b in gone if a.name == b.name]
    if not same:
        return f"the input {new[0].name} is new, and {gone[0].name} is missing"
    a, b = same[0]
    for what, now, before in (("bytes", a.bytes, b.bytes), ("format", a.format, b.format), ("split", a.split, b.split)):
        if now != before:
            return f"the input {a.name} has the {what} {now or 'of no name'}, and had {before or 'none'}"
    return f"the input {a.name} has other content of the same size"


def content_digest(file: InputFile, block_bytes: int) -> str:
    """Returns the digest of a file as a run finds it while it reads the file, see `InputFile.digest` of a manifest.

    Args:
      file: The file.
      block_bytes: Size of a block.

    Raises:
      DataError: The file cannot be read.
    """
    pieces = [piece for block in plan_blocks([file], block_bytes) for piece in block.pieces]
    return file_digest(_range_digest(*piece[:3]) for piece in pieces)


def _range_digest(path: str, start: int, end: int) -> bytes:
    digest = hashlib.sha256()
    with files.reading(path) as stream:
        stream.seek(start)
        while start < end and (data := stream.read(min(_PART_BYTES, end - start))):
            digest.update(data)
            start += len(data)
    return digest.digest()


def _of_input(file: InputFile) -> _Content:
    return _Content(PurePosixPath(file.path).name, file.split, file.reading.format, file.bytes)


def _of_manifest(file: PublishedFile) -> _Content:
    return _Content(PurePosixPath(file.path).name, file.split, file.format, file.bytes, file.digest)
