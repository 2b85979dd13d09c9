"""What a page is made of: sections of paragraphs, tables, plots and lists, without any markup."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.report.plots import Plot
from pipeline.report.words import Sentence, say

MOST_ROWS = 30  # of a table that has one for each class, dimension, token or file


@dataclass(frozen=True)
class Bar:
    """A cell that shows a share as a bar and as text.

    Attributes:
      share: From 0 to 1, of the widest bar of the column.
      text: What stands beside it.
    """

    share: float
    text: str


@dataclass(frozen=True)
class Link:
    """A cell that leads to another page.

    Attributes:
      href: Relative, percent-encoded.
      text: What stands there.
    """

    href: str
    text: str | Sentence


Cell = str | Sentence | Bar | Link


@dataclass(frozen=True)
class Paragraph:
    """A few sentences."""

    text: str | Sentence
    kind: str = "paragraph"


@dataclass(frozen=True)
class Tiles:
    """Figures that stand out: (value, what it is) each."""

    tiles: Sequence[tuple[str, str]]
    kind: str = "tiles"


@dataclass(frozen=True)
class Table:
    """A table whose first column names the row.

    Attributes:
      caption: What it shows.
      columns: Headings.
      rows: Cells, one for each column.
      texts: Index of the columns of words; the others are numbers, and stand to the right.
      left_out: Rows that are there and not shown.
    """

    caption: str | Sentence
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    texts: frozenset[int] = frozenset({0})
    left_out: int = 0
    kind: str = "table"


@dataclass(frozen=True)
class Plots:
    """Drawings, side by side where there is room."""

    plots: Sequence[Plot]
    kind: str = "plots"


@dataclass(frozen=True)
class Points:
    """A list of sentences."""

    points: Sequence[Sentence]
    kind: str = "points"


Block = Paragraph | Tiles | Table | Plots | Points


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
      key: Letters; the anchor, and the beginning of the ids of its drawings.
      title: Its heading.
      blocks: What it holds.
    """

    key: str
    title: str
    blocks: Sequence[Block]


def table(
    caption: str | Sentence,
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    texts: Sequence[int] = (0,),
    most: int = MOST_ROWS,
) -> Table:
    """Returns a table of the first rows; the others are counted."""
    return Table(caption, columns, rows[:most], frozenset(texts), max(0, len(rows) - most))


def needs_statistics(what: str) -> Paragraph:
    """Returns the paragraph that stands where facts are missing."""
    return Paragraph(say("{} would stand here, but the file of statistics is not to be had.", what))
