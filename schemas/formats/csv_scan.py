"""Where records begin and end in CSV (RFC 4180): newlines within quotes end none.

A quote opens at the beginning of a cell only, and closes at the next one; two of them within quotes
are one quote of the cell. So a quote that opens stands at the beginning of a cell or behind one
that closed. Whatever stands between a closing quote and the next delimiter or end of a record, and
a quote anywhere else, is a mistake: its record is bad, and ends with its line, or with the line on
which a later cell of it closes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.errors import DataError, UsageError
from schemas.formats.lines import NEWLINE, RETURN
from schemas.ragged import Int64s

_NONE: Int64s = np.zeros(0, np.int64)
_Bytes = npt.NDArray[np.uint8]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Dialect:
    """How cells are written.

    Attributes:
      delimiter: Between two cells; one ASCII character.
      quote: Around a cell that holds a delimiter, a quote or a newline; one ASCII character, or empty
        where quotes are characters like any other.

    Raises:
      UsageError: They are not.
    """

    delimiter: str = ","
    quote: str = '"'

    def __post_init__(self) -> None:
        for name, value in (("delimiter", self.delimiter), ("quote", self.quote or '"')):
            if len(value) != 1 or not value.isascii() or value in "\n\r\0":
                raise UsageError(f"{name}: received {value!r}; it must be one ASCII character, as ',' or a tab")
        if self.delimiter == self.quote:
            raise UsageError(f"delimiter and quote: both are {self.quote!r}; choose two characters")


@dataclass(frozen=True)
class Outline:
    """Some bytes of CSV.

    Attributes:
      newlines: int64, (newlines,); positions of all of them.
      ends: int64, (records,); positions behind the newlines that end records.
      strays: int64, (mistakes,); positions of mistakes.
      open_quote: Position of the quote in which the bytes end, or None.
      can_open: Whether a quote behind the bytes would open.
    """

    newlines: Int64s
    ends: Int64s
    strays: Int64s
    open_quote: int | None
    can_open: bool


class CsvFinder:
    """Finds where records end in CSV that is read in chunks, without a byte order mark."""

    def __init__(self, dialect: Dialect, position: int = 0) -> None:
        """Begins at a position in the content, in bytes: the beginning of a record."""
        self._dialect = dialect
        self._position = position
        self._open_quote: int | None = None
        self._can_open = True

    def ends(self, data: bytes) -> Int64s:
        """Returns the positions in `data`, the next chunk, behind records that end there."""
        outline = outline_of(data, self._dialect, self._open_quote is not None, self._can_open)
        if outline.open_quote is None:
            self._open_quote = None
        elif outline.open_quote >= 0:
            self._open_quote = self._position + outline.open_quote
        self._can_open = outline.can_open
        self._position += len(data)
        return outline.ends

    def finish(self) -> None:
        """Says that the content is at its end.

        Raises:
          DataError: It ends within quotes.
        """
        if self._open_quote is not None:
            raise never_closed(self._open_quote, self._dialect)


def never_closed(position: int, dialect: Dialect) -> DataError:
    """Returns the error of a quote that nothing closes: all behind it may be one cell."""
    return DataError(
        f"byte {position}: the quote {dialect.quote} that opens here is never closed, so that nobody can say which "
        "records stand behind it; close it, write quotes within a cell twice, or say `input: {quotes: false}`"
    )


def outline_of(data: bytes, dialect: Dialect, in_quotes: bool = False, can_open: bool = True) -> Outline:
    """Finds the ends of records and the mistakes.

    Args:
      data: Some bytes.
      dialect: How cells are written.
      in_quotes: Whether they begin within quotes; then `open_quote` of the result may be -1, the one
        that opened before them.
      can_open: Whether a quote as first byte opens.
    """
    view = np.frombuffer(data, np.uint8)
    if not len(view):
        return Outline(_NONE, _NONE, _NONE, -1 if in_quotes else None, can_open)
    newlines = _positions(data, "\n")
    quotes, strays = _quotes(data, dialect, in_quotes, can_open)
    closing = quotes[0 if in_quotes else 1 :: 2]
    returns = _positions(data, "\r")
    returns = returns[~_ends_line(view, returns)]
    mistakes = [strays, closing[~_may_close(view, closing, dialect)], returns[~_inside(quotes, returns, in_quotes)]]
    still_open = bool((len(quotes) + in_quotes) % 2)
    just_closed = len(closing) > 0 and int(closing[-1]) == len(view) - 1
    return Outline(
        newlines=newlines,
        ends=newlines[~_inside(quotes, newlines, in_quotes)] + 1,
        strays=np.sort(np.concatenate(mistakes)),
        open_quote=(int(quotes[-1]) if len(quotes) else -1) if still_open else None,
        can_open=not still_open and (just_closed or data[-1:] in (b"\n", dialect.delimiter.encode())),
    )


def _positions(data: bytes, character: str) -> Int64s:
    """Returns where a character stands; quickly where it is not there at all."""
    code = ord(character)
    return np.flatnonzero(np.frombuffer(data, np.uint8) == code) if code in data else _NONE


def _quotes(data: bytes, dialect: Dialect, in_quotes: bool, can_open: bool) -> tuple[Int64s, Int64s]:
    """Returns the positions of the quotes that open and close in turn, and of those that do neither."""
    quotes = _positions(data, dialect.quote) if dialect.quote else _NONE
    view = np.frombuffer(data, np.uint8)
    opening = quotes[1 if in_quotes else 0 :: 2]
    may_open = _table(dialect.delimiter, "\n", dialect.quote)[view[opening - 1]]
    if len(opening) and opening[0] == 0:
        may_open[0] = can_open
    if may_open.all():
        return quotes, _NONE
    begins = _table(dialect.delimiter, "\n")[view[quotes - 1]]
    if quotes[0] == 0:
        begins[0] = can_open
    return _quotes_one_by_one(quotes, begins, int(in_quotes) + 2 * int(np.argmin(may_open)))


def _quotes_one_by_one(quotes: Int64s, begins: _Flags, first: int) -> tuple[Int64s, Int64s]:
    """Does the same where they do not open and close in turn, from the first quote that does not open."""
    kept, strays = [], []
    inside, closed = False, int(quotes[first - 1]) if first else -1
    for position, begins_cell in zip(quotes[first:].tolist(), begins[first:].tolist(), strict=True):
        if inside:
            inside, closed = False, position
        elif begins_cell or (closed >= 0 and position == closed + 1):
            inside = True
        else:
            strays.append(position)
            continue
        kept.append(position)
    return np.concatenate([quotes[:first], np.array(kept, np.int64)]), np.array(strays, np.int64)


def _inside(quotes: Int64s, positions: Int64s, in_quotes: bool) -> _Flags:
    """Which positions stand within quotes."""
    inside: _Flags = (np.searchsorted(quotes, positions) + in_quotes) % 2 == 1
    return inside


def _may_close(view: _Bytes, closing: Int64s, dialect: Dialect) -> _Flags:
    """Which quotes stand before a delimiter, another quote, or the end of a record or of the bytes."""
    behind = np.minimum(closing + 1, len(view) - 1)
    fits: _Flags = _table(dialect.delimiter, "\n", "\r", dialect.quote)[view[behind]] | (closing + 1 == len(view))
    returns = np.flatnonzero(view[behind] == RETURN)
    fits[returns] = _ends_line(view, behind[returns])
    return fits


def _ends_line(view: _Bytes, returns: Int64s) -> _Flags:
    """Which of the carriage returns stand before a newline or at the end of the bytes."""
    ends: _Flags = (returns + 1 == len(view)) | (view[np.minimum(returns + 1, len(view) - 1)] == NEWLINE)
    return ends


def _table(*characters: str) -> _Flags:
    """Which bytes are one of some characters; bool, (256,)."""
    table = np.zeros(256, bool)
    table[[ord(character) for character in characters if character]] = True
    return table
