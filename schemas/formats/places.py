"""Where records stand: back from what was read together to files, positions and lines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from schemas.formats.raw import RawBlock
from schemas.formats.rejected import Rejected
from schemas.ragged import Int64s


@dataclass(frozen=True)
class Places:
    """The stretches that a raw block was put together from, one after another.

    Attributes:
      first_lines: int64, (stretches,); line of the raw block with which each begins.
      pieces: int64, (stretches,); the piece of a file that each is of, from 0.
      moved: int64, (stretches,); what to add to a position that the reader gives to get one in the file.
      lines_before: int64, (stretches,); lines of its piece that stand before it.
      count: Pieces, those without a stretch included.
    """

    first_lines: Int64s
    pieces: Int64s
    moved: Int64s
    lines_before: Int64s
    count: int

    def piece_of(self, lines: Int64s) -> Int64s:
        """Returns the piece of each line of the raw block, from 0."""
        pieces: Int64s = self.pieces[self._stretch_of(lines)]
        return pieces

    def positions(self, offsets: Int64s, lines: Int64s) -> tuple[Int64s, Int64s]:
        """Returns position in the file, and line in the piece from 0, of what the reader found.

        Args:
          offsets: int64, (n,); positions, as the reader gives them.
          lines: int64, (n,); lines of the raw block.
        """
        stretch = self._stretch_of(lines)
        return offsets + self.moved[stretch], lines - self.first_lines[stretch] + self.lines_before[stretch]

    def place(self, rejected: Sequence[Rejected], paths: Sequence[str]) -> list[Rejected]:
        """Returns what the reader rejected with file and position, and its line in the piece from 1.

        Args:
          rejected: With lines of the raw block.
          paths: Of each piece.
        """
        lines = _lines_of(rejected)
        offsets, places = self.positions(np.array([item.offset for item in rejected], np.int64), lines)
        where = zip(rejected, self.piece_of(lines).tolist(), offsets.tolist(), places.tolist(), strict=True)
        return [replace(item, offset=offset, line=line).placed(paths[i], 0) for item, i, offset, line in where]

    def records_of(self, block: RawBlock) -> tuple[int, ...]:
        """Returns how many records the reader found in each piece, rejected ones included."""
        lines = np.concatenate([block.lines, _lines_of(block.rejected)])
        return tuple(np.bincount(self.piece_of(lines), minlength=self.count).tolist())

    def lines_of(self, block: RawBlock) -> tuple[int, ...]:
        """Returns how many lines each piece has in the raw block."""
        lines = np.diff(self.first_lines, append=block.line_count)
        counts: Int64s = np.zeros(self.count, np.int64)
        np.add.at(counts, self.pieces, lines)
        return tuple(counts.tolist())

    def _stretch_of(self, lines: Int64s) -> Int64s:
        # A stretch without lines begins where the next one does; the line is of the last of them.
        stretch: Int64s = np.searchsorted(self.first_lines, lines, side="right") - 1
        return stretch


def places_of_records(count: int) -> Places:
    """Returns the places of records each of which is a file."""
    none = np.zeros(count, np.int64)
    return Places(np.arange(count), np.arange(count), none, none, count)


def _lines_of(rejected: Sequence[Rejected]) -> Int64s:
    return np.array([item.line for item in rejected], np.int64)
