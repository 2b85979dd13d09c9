"""Lines of several pieces of files, joined so that they are read in one call, and where each stood."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from schemas.records.blocks import WholeLines
from schemas.records.lines import BYTE_ORDER_MARK
from schemas.records.ragged import Int64s
from schemas.records.raw import RawBlock
from schemas.records.rejected import Rejected


@dataclass(frozen=True)
class JoinedLines:
    """Lines of pieces, one piece after another.

    Attributes:
      data: The lines; only the last piece may lack the last newline.
      base_offset: Position of the first line in its file: what the reader of `data` is told.
      moved: int64, (pieces,); what to add to a position that the reader gives to get one in the file.
      first_lines: int64, (pieces,); line in `data` with which each piece begins.
    """

    data: bytes
    base_offset: int
    moved: Int64s
    first_lines: Int64s

    def piece_of(self, lines: Int64s) -> Int64s:
        """Returns the piece of each line of `data`, from 0."""
        # A piece without lines begins where the next one does; the line is of the last of them.
        piece: Int64s = np.searchsorted(self.first_lines, lines, side="right") - 1
        return piece

    def positions(self, offsets: Int64s, lines: Int64s) -> tuple[Int64s, Int64s]:
        """Returns position in the file, and line in the piece from 0, of what the reader found.

        Args:
          offsets: int64, (n,); positions, as the reader gives them.
          lines: int64, (n,); lines of `data`.
        """
        piece = self.piece_of(lines)
        return offsets + self.moved[piece], lines - self.first_lines[piece]

    def place(self, rejected: Sequence[Rejected], paths: Sequence[str]) -> list[Rejected]:
        """Returns what the reader rejected with file and position, and its line in the piece from 1."""
        lines = _lines_of(rejected)
        offsets, places = self.positions(np.array([item.offset for item in rejected], np.int64), lines)
        where = zip(rejected, self.piece_of(lines).tolist(), offsets.tolist(), places.tolist(), strict=True)
        return [replace(item, offset=offset, line=line).placed(paths[i], 0) for item, i, offset, line in where]

    def records_of(self, block: RawBlock) -> tuple[int, ...]:
        """Returns how many records the reader found in each piece, rejected ones included."""
        lines = np.concatenate([block.lines, _lines_of(block.rejected)])
        return tuple(np.bincount(self.piece_of(lines), minlength=len(self.first_lines)).tolist())

    def lines_of(self, block: RawBlock) -> tuple[int, ...]:
        """Returns how many lines each piece has."""
        return tuple(np.diff(self.first_lines, append=block.line_count).tolist())


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
    return JoinedLines(data, pieces[0].offset, np.array(moved, np.int64), np.array(first_lines, np.int64))


def _lines_of(rejected: Sequence[Rejected]) -> Int64s:
    return np.array([item.line for item in rejected], np.int64)
