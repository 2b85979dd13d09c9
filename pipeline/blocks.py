"""Input files become blocks: pieces of files that are read, staged and encoded together.

What a block holds follows from the files alone (their order, sizes and splits), never from the
number of workers. A large file is cut into ranges; small ones share a block, because what a block
costs beside its bytes (a staged file, a segment, the start of a parser) is the price of many files.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.formats.blocks import byte_ranges
from schemas.formats.reading import AVRO, JSONL, PARQUET, TEXT_FILES, Reading

MOST_PIECES = 4_096  # of a block: opening a file takes time, too
_AS_JSONL = Reading(JSONL)
# Of formats that are cut at marks of their own, which lie further apart than lines do.
_RANGE_BYTES = {PARQUET: 64 << 20, AVRO: 64 << 20}


class InputFile(NamedTuple):
    """One file to read.

    Attributes:
      path: As matched.
      bytes: Its size.
      split: The split of all its records; empty where the spec decides.
      reading: How it is read.
      starts: Positions of records at which it can be read apart, where these do not follow from its
        size; the first is 0.
      changed: When it was last written to, in seconds since 1970, of a local file; 0 where nobody knows.
    """

    path: str
    bytes: int
    split: str
    reading: Reading = _AS_JSONL
    starts: tuple[int, ...] = ()
    changed: float = 0.0


class Piece(NamedTuple):
    """One range of one file.

    Attributes:
      path: Of the file.
      start: First byte.
      end: The byte behind the last.
      split: As of the file.
    """

    path: str
    start: int
    end: int
    split: str

    @property
    def bytes(self) -> int:
        """Its size."""
        return self.end - self.start


@dataclass(frozen=True)
class Block:
    """Pieces of different files, in the order of the files.

    Attributes:
      index: Of the block in the run.
      pieces: One or more.
      reading: How all of them are read.
      versions: Size of the file of each piece, and when it was last written to: what a piece means may depend on
        what stands before and behind it in its file.
    """

    index: int
    pieces: tuple[Piece, ...]
    reading: Reading = _AS_JSONL
    versions: tuple[tuple[int, float], ...] = field(default=(), compare=False)

    @property
    def bytes(self) -> int:
        """Its size."""
        return sum(piece.bytes for piece in self.pieces)


def plan_blocks(inputs: Iterable[InputFile], block_bytes: int, most_pieces: int = MOST_PIECES) -> list[Block]:
    """Returns the blocks of files: every byte of every file in one piece, in order.

    A file has no more than one piece in a block. An empty file has none at all, unless a file is a
    record, or an empty one is damaged, which whoever reads it says.

    Args:
      inputs: Files in the order in which they are read.
      block_bytes: Most bytes of a block.
      most_pieces: Most pieces of a block.
    """
    blocks: list[Block] = []
    inputs = list(inputs)
    versions = {file.path: (file.bytes, file.changed) for file in inputs}
    # Blocks are packed of files that are read alike; no block holds two formats.
    for reading, alike in itertools.groupby(inputs, key=lambda file: file.reading):
        pieces = (piece for file in alike for piece in _pieces_of(file, block_bytes))
        packed = _pack(pieces, block_bytes, most_pieces)
        blocks += [
            Block(i, tuple(some), reading, tuple(versions[piece.path] for piece in some))
            for i, some in enumerate(packed, len(blocks))
        ]
    return blocks


def _pieces_of(file: InputFile, block_bytes: int) -> list[Piece]:
    """Returns the ranges in which a file can be read apart."""
    reading = file.reading
    has_one = reading.format == TEXT_FILES or (reading.never_empty and not file.bytes)
    if has_one or (reading.from_the_start and file.bytes):
        ranges = [(0, file.bytes)]
    elif file.starts:
        ranges = list(itertools.pairwise([*file.starts, file.bytes]))
    else:
        ranges = byte_ranges(file.bytes, _RANGE_BYTES.get(reading.format, block_bytes))
    return [Piece(file.path, start, end, file.split) for start, end in ranges]


def _pack(pieces: Iterable[Piece], most_bytes: int, most_pieces: int) -> Iterator[Sequence[Piece]]:
    """Yields as many pieces at a time as fit."""
    packed: list[Piece] = []
    size = 0
    for piece in pieces:
        if packed and (size + piece.bytes > most_bytes or len(packed) == most_pieces):
            yield packed
            packed, size = [], 0
        packed.append(piece)
        size += piece.bytes
    if packed:
        yield packed
