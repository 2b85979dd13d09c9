"""Work that a run had done before it was killed, taken up by the next one.

Each piece of work leaves a marker beside what it wrote: what it was made of (its key), what it handed on, and the
digest of every file that it wrote. The next run believes a marker only where all of that is so: the marker's own
digest, its key, and the files, which are read again. Whatever does not fit is done once more, and nobody is told.

Reused are staged blocks, the events of blocks, partitions of events, encoded segments, gathered ones and shards. Not
reused are the search for duplicates and what it leaves out, counting, planning and publishing: they look at all blocks
together, so that one block that is new would change them, and they are a small part of the time. Where ids must
differ, what the staged examples say of the training split is found again too, for it is found without the records that
are left out.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import apache_beam as beam

from pipeline import files
from pipeline.analysis import Analysis
from pipeline.blocks import Block
from pipeline.job import Job
from pipeline.recording import Written, recording
from pipeline.resuming import codec
from pipeline.runners.identity import sources_digest, version_of
from schemas.errors import DataError

FORMAT = 2  # of what is staged: another number, and nothing of before is taken up
BLOCK, EVENTS, PARTITION, SEGMENT, SHARD = "block", "events", "partition", "segment", "shard"
GATHERED = "gathered"  # segments of many blocks
_DECIDING = ("numpy", "pyarrow", "tokenizers")  # packages whose versions may decide, beside this one, on what is staged
_READ_BYTES = 1 << 20
_Number = tuple[int, ...]


class Marker(NamedTuple):
    """What is known of a piece of work that is done.

    Attributes:
      kind: Of the work.
      number: Which one it is of its kind; begins with the index of the block or partition, if it is of one.
      key: Digest of what it was made of.
      outputs: What it handed on, each with the tag of its collection and the name of its type, in plain form.
      files: That it wrote.
    """

    kind: str
    number: _Number
    key: str
    outputs: list[tuple[str, str, Any]]
    files: list[Written]

    def dumped(self) -> bytes:
        """Returns the marker as two lines: the digest of the second one, and JSON."""
        text = codec.dump(self)
        return b"%s\n%s\n" % (hashlib.sha256(text).hexdigest().encode(), text)

    @classmethod
    def parsed(cls, content: bytes) -> "Marker":
        """Returns the marker that a file holds.

        Raises:
          ValueError: It is none, or damaged.
        """
        sha256, text, *rest = content.split(b"\n")
        if rest != [b""] or hashlib.sha256(text).hexdigest().encode() != sha256:
            raise ValueError("is not what was written")
        kind, number, key, outputs, written = json.loads(text)
        return cls(
            str(kind),
            tuple(map(int, number)),
            str(key),
            [tuple(output) for output in outputs],
            [Written(*file) for file in written],
        )


def staging_key(job: Job) -> str:
    """Returns a name for the staging folder that says all that decides on what is staged, but for the inputs.

    A run of another name, other inputs or another number of workers has the same; one with another spec has not.
    The output is part of it as it was written, since what is handed on names paths.
    """
    base = job.span.base.fingerprint if job.span and job.span.base else ""
    facts = [
        FORMAT,
        [sources_digest(), *map(version_of, _DECIDING)],
        job.output,
        job.spec_bytes.hex(),
        sorted(job.fractions.items()),
        job.block_bytes,
        sorted(job.named_splits),
        job.id_shares,
        job.partitions,
        sorted(job.tokenizers),
        sorted(job.given),
        base,
        job.span.extend if job.span else 0,
        job.origins,
    ]
    return digest_of(facts)[:16]


def digest_of(values: Any) -> str:
    """Returns the SHA-256 of plain values, dataclasses and messages, hexadecimal."""
    return hashlib.sha256(codec.dump(codec.encode(values))).hexdigest()


def block_key(block: Block) -> str:
    """Returns the digest of what a block is made of, but for the bytes of its pieces; empty where that is not enough.

    A piece that is only a part of its file may depend on what stands before it (headings) and behind it (the end of
    a line), which nobody digests with it. Such a file must be the very same: of this
    size, and neither written to nor otherwise changed since.
    """
    versions: list[list[float]] = []
    for piece, (size, changed) in zip(block.pieces, block.versions, strict=False):
        whole = (piece.start, piece.end) == (0, size)
        # Two objects of a store may have been written in the same second.
        if not whole and not (changed and files.is_local(piece.path)):
            return ""
        # Of when it was written to alone, `cp --preserve` and `rsync --times` may make another file.
        versions.append([size] if whole else [size, changed, files.last_status_change(piece.path)])
    if len(versions) != len(block.pieces):
        return ""
    return digest_of([block.index, block.pieces, versions, block.reading])


def once(
    job: Job,
    kind: str,
    number: _Number,
    key: str,
    types: Mapping[str, Any],
    work: Callable[[], Iterator[Any]],
    fits: Callable[[list[Any]], bool] = lambda outputs: True,
) -> list[Any]:
    """Does a piece of work, or returns what an earlier run has made of it.

    Args:
      job: The run; one without a `key` leaves no marker.
      kind: Of the work.
      number: Which one it is of its kind.
      key: Digest of what it is made of; empty where that is unknown, so that nobody can take it up.
      types: Of what it hands on, by name.
      work: Does it; must read nothing that its key and `fits` do not tell.
      fits: Whether what an earlier run has handed on is still right.
    """
    if not job.key:
        return list(work())
    path = _marker_path(job, kind, number)
    found = _read(path)
    if found is not None:
        same = (found.kind, found.number, found.key or None) == (kind, number, key)
        outputs = _outputs(found, types) if same else None
        if outputs is not None and fits(outputs) and all(map(is_as_written, found.files)):
            return outputs
        forget(job, kind, number)
    with recording() as written:
        outputs = list(work())
    if key:
        files.write(path, Marker(kind, number, key, [_plain(output) for output in outputs], written).dumped())
    return outputs


def is_as_written(file: Written) -> bool:
    """Returns whether a file still holds what was written to it."""
    try:
        return files.size(file.path) == file.bytes and _sha256(file.path, 0, file.bytes).hex() == file.sha256
    except DataError:
        return False


def is_same_input(block: Block, outputs: Iterable[Any]) -> bool:
    """Returns whether the pieces of a block hold the bytes that an earlier run has read, by what it handed on."""
    for output in outputs:
        value = output.value if isinstance(output, beam.pvalue.TaggedOutput) else output
        if isinstance(value, Analysis) and block.index in value.blocks:
            digests = value.blocks[block.index].digests
            try:
                return tuple(_sha256(piece.path, piece.start, piece.end) for piece in block.pieces) == digests
            except DataError:
                return False
    return False


def forget(job: Job, kind: str, number: _Number) -> None:
    """Deletes the markers of a piece of work that is done again, those of all that was made of it, and their files.

    Shards stay: one of the same name may belong to the data set that is published.
    """
    first = f"{number[0]:07d}"
    later = {BLOCK: ["block", "segment"], EVENTS: ["events"], PARTITION: ["partition", "segment"]}.get(kind, [])
    paths = [path for one in later for path in files.match_within(marker_folder(job), f"{one}-{first}*.json")]
    for path in {*paths, _marker_path(job, kind, number)}:
        marker = _read(path)
        files.delete([path, *(file.path for file in marker.files if _is_staged(job, file.path))] if marker else [path])


def _is_staged(job: Job, path: str) -> bool:
    return path.startswith(job.staging + "/")


def read_markers(job: Job) -> dict[str, Marker]:
    """Returns the markers in the staging folder of a run that are whole, by path."""
    found = {path: _read(path) for path in files.match_within(marker_folder(job), "*.json")}
    return {path: marker for path, marker in found.items() if marker is not None}


def marker_folder(job: Job) -> str:
    """Returns the folder of the markers."""
    return files.join(job.staging, "done")


def _marker_path(job: Job, kind: str, number: _Number) -> str:
    return files.join(marker_folder(job), f"{kind}-{'-'.join(f'{part:07d}' for part in number)}.json")


def _read(path: str) -> Marker | None:
    with contextlib.suppress(DataError, ValueError, TypeError):
        if files.exists(path):
            return Marker.parsed(files.read(path))
    return None


def _plain(output: Any) -> tuple[str, str, Any]:
    tagged = isinstance(output, beam.pvalue.TaggedOutput)
    tag, value = (output.tag, output.value) if tagged else ("", output)
    return tag, type(value).__name__, codec.encode(value)


def _outputs(marker: Marker, types: Mapping[str, Any]) -> list[Any] | None:
    """Returns what a piece of work handed on; None where this package knows no such type."""
    outputs: list[Any] = []
    try:
        for tag, name, plain in marker.outputs:
            value = codec.decode(plain, types[name])
            outputs.append(beam.pvalue.TaggedOutput(tag, value) if tag else value)
    except (ValueError, KeyError):
        return None
    return outputs


def _sha256(path: str, start: int, end: int) -> bytes:
    digest = hashlib.sha256()
    with files.reading(path) as stream:
        stream.seek(start)
        while start < end and (part := stream.read(min(end - start, _READ_BYTES))):
            digest.update(part)
            start += len(part)
    return digest.digest()
