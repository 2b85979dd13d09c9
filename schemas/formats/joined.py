"""What stands in several pieces of files, joined so that it is worked on in one call, and where each stood."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from schemas.formats.blocks import WholeLines
from schemas.formats.lines import BYTE_ORDER_MARK
from schemas.formats.places import Places
from schemas.formats.raw import RawBlock


class JoinedLines(NamedTuple):
    """Lines of pieces, one piece after another.

    Attributes:
      data: The lines; only the last piece may lack the last newline.
      base_offset: Position of the first line in its file: what the reader of `data` is told.
      places: Of the lines.
    """

    data: bytes
    base_offset: int
    places: Places


class JoinedBlocks(NamedTuple):
    """Raw blocks, one after another.

    Attributes:
      raw: The records of all of them.
      places: Of the records.
    """

    raw: RawBlock
    places: Places


def join_lines(pieces: Sequence[WholeLines]) -> JoinedLines:
    """Joins the lines of pieces of files; no line goes on from one file to the next.

    The byte order mark at the beginning of the first file is left to the reader, who knows from
    `base_offset` that this is where the file begins; those of the others are taken off.
    """
    contents, moved, first_lines = [], [], []
    size, lines = 0, 0
    for i, piece in enumerate(pieces):
        content, offset = piece.data, piece.offset
        mark = len(BYTE_ORDER_MARK) if offset == 0 and content.startswith(BYTE_ORDER_MARK) else 0
        if i > 0 and mark:
            content, offset, mark = content[mark:], mark, 0
        if i + 1 < len(pieces) and len(content) > mark and not content.endswith(b"\n"):
            content += b"\n"
        moved.append(offset - pieces[0].offset - size)
        first_lines.append(lines)
        contents.append(content)
        size += len(content)
        lines += content.count(b"\n") if len(pieces) > 1 else 0
    data = contents[0] if len(contents) == 1 else b"".join(contents)
    none = np.zeros(len(pieces), np.int64)
    places = Places(
        np.array(first_lines, np.int64), np.arange(len(pieces)), np.array(moved, np.int64), none, len(pieces)
    )
    return JoinedLines(data, pieces[0].offset, places)


def join_blocks(
    blocks: Sequence[RawBlock], pieces: Sequence[int], lines_before: Sequence[int], count: int
) -> JoinedBlocks:
    """Joins raw blocks with the same columns.

    Args:
      blocks: One or more.
      pieces: The piece that each block is of, from 0.
      lines_before: Lines of its piece that stand before each block.
      count: Pieces, those without a block included.
    """
    line_counts = [block.line_count for block in blocks]
    first_lines = np.cumsum([0, *line_counts[:-1]])
    first_rows = np.cumsum([0, *(len(block.offsets) for block in blocks[:-1])])
    places = Places(first_lines, np.array(pieces), np.zeros(len(blocks), np.int64), np.array(lines_before), count)
    if len(blocks) == 1:
        return JoinedBlocks(blocks[0], places)

    def found(i: int) -> tuple[RawBlock, int]:
        block = int(np.searchsorted(first_rows, i, side="right")) - 1
        return blocks[block], i - int(first_rows[block])

    def received(i: int) -> bytes:
        block, row = found(i)
        return block.received(row)

    def explain(i: int) -> tuple[str, str]:
        block, row = found(i)
        return block.explain(row)

    raw = RawBlock(
        columns={name: pa.concat_arrays([block.columns[name] for block in blocks]) for name in blocks[0].columns},
        offsets=np.concatenate([block.offsets for block in blocks]),
        lines=np.concatenate([block.lines + first for block, first in zip(blocks, first_lines, strict=True)]),
        rejected=[
            replace(item, line=item.line + int(first))
            for block, first in zip(blocks, first_lines, strict=True)
            for item in block.rejected
        ],
        line_count=sum(line_counts),
        fields=blocks[0].fields,
        received=received,
        explain=explain,
    )
    return JoinedBlocks(raw, places)
