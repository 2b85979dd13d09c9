"""A look at the input before a run: the first records of some blocks, read as the run reads them."""

from collections.abc import Iterator
from dataclasses import replace

from pipeline.blocks import Block, Piece
from pipeline.read import Part, read_parts
from schemas.dataset_pb2 import Input
from schemas.formats.fields import Field
from schemas.formats.readers import PARSERS
from schemas.formats.reading import TEXT_FILES


def sample_block(block: Block, given: Input, fields: list[Field], most_bytes: int) -> Part:
    """Returns the first records of a block: about as many as stand in some bytes, one or more where there are any.

    Args:
      block: The block.
      given: What the resolved spec says of the input.
      fields: What to read.
      most_bytes: How many bytes to read, about.

    Raises:
      DataError: A file cannot be read, or is damaged at its beginning.
    """
    lines = block.reading.format in PARSERS and not block.reading.from_the_start
    if lines or block.reading.format == TEXT_FILES:
        block = replace(block, pieces=tuple(_first_pieces(block, most_bytes, cut=lines)))
    return next(read_parts(block, given, fields, most_bytes))


def _first_pieces(block: Block, most_bytes: int, cut: bool) -> Iterator[Piece]:
    """Yields the pieces that hold the first bytes; the last one is cut where it is read in ranges."""
    room = most_bytes
    for piece in block.pieces:
        end = min(piece.end, piece.start + room) if cut else piece.end
        yield piece._replace(end=end)
        room -= piece.bytes
        if room <= 0:
            return
