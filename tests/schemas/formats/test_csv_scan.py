"""Records of CSV end where a machine that reads one byte after another says, whatever the pieces."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.errors import DataError, UsageError
from schemas.formats.csv_scan import CsvFinder, Dialect, outline_of

COMMA = Dialect()
PIECES = [b'"', b'""', b",", b"\n", b"\r\n", b"\r", b"a", b"bc", b"\0", b"\xff", b'","', b'"\n', b"\t"]
CONTENTS = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)


def outline_by_byte(data: bytes, dialect: Dialect = COMMA) -> tuple[list[int], list[int], bool]:
    """Returns the ends of records, the mistakes, and whether a quote is open, as RFC 4180 says."""
    delimiter, quote = dialect.delimiter.encode(), dialect.quote.encode()
    ends, strays, state = [], [], "begin"
    for i in range(len(data)):
        byte, behind = data[i : i + 1], data[i + 1 : i + 2]
        if state == "quoted":
            state = "closed" if byte == quote else "quoted"
        elif byte == quote and state in ("begin", "closed"):
            state = "quoted"
        elif byte == b"\n":
            ends.append(i + 1)
            state = "begin"
        elif byte == delimiter:
            state = "begin"
        elif byte == b"\r" and behind in (b"", b"\n"):
            state = "within"
        else:
            if state == "closed":
                strays.append(i - 1)
            if byte == b"\r" or byte == quote:
                strays.append(i)
            state = "within"
    return ends, strays, state == "quoted"


@given(CONTENTS)
@example(b'"a"b"c"\n')
@example(b'a""b,"c\n"\n')
@example(b'"a"\r\n"b"\rc\n')
@example(b'5" pipe,3\n"x",4\n')
def test_the_outline_is_that_of_a_machine_that_reads_byte_by_byte(data: bytes) -> None:
    outline = outline_of(data, COMMA)
    ends, strays, is_open = outline_by_byte(data)
    assert outline.ends.tolist() == ends
    assert outline.strays.tolist() == strays
    assert (outline.open_quote is not None) == is_open
    assert outline.newlines.tolist() == [i for i, byte in enumerate(data) if byte == 10]


@given(CONTENTS, st.lists(st.integers(0, 60), max_size=6))
@example(b'"a""b\n",c\n', [3])
@example(b'a""b\n', [2])
@example(b'"a","b\n"\n', [4])
def test_chunks_have_the_ends_of_the_whole(data: bytes, cuts: list[int]) -> None:
    finder, found = CsvFinder(COMMA), []
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(places):
        found += (finder.ends(data[start:end]) + start).tolist()
    whole = outline_of(data, COMMA)
    assert found == whole.ends.tolist()
    if whole.open_quote is None:
        finder.finish()
    else:
        with pytest.raises(DataError, match=f"^byte {whole.open_quote}: the quote"):
            finder.finish()


def test_without_quotes_every_newline_ends_a_record() -> None:
    outline = outline_of(b'"a\n"b"c\n', Dialect("\t", ""))
    assert outline.ends.tolist() == [3, 8]
    assert outline.strays.tolist() == []
    assert outline.open_quote is None


def test_a_mistake_costs_its_record_only() -> None:
    outline = outline_of(b'1,"abc"def\n2,"fine\n"\n', COMMA)
    assert outline.ends.tolist() == [11, 21]
    assert outline.strays.tolist() == [6]


def test_a_quote_that_is_never_closed() -> None:
    finder = CsvFinder(COMMA, position=3)
    assert finder.ends(b"a,b\n").tolist() == [4]
    assert finder.ends(b'"c,').tolist() == []
    assert finder.ends(b"d\ne\n").tolist() == []
    with pytest.raises(DataError) as error:
        finder.finish()
    assert str(error.value) == (
        'byte 7: the quote " that opens here is never closed, so that nobody can say which records stand behind it; '
        "close it, write quotes within a cell twice, or say `input: {quotes: false}`"
    )


def test_no_bytes_leave_everything_as_it_was() -> None:
    assert outline_of(b"", COMMA, in_quotes=True).open_quote == -1
    assert outline_of(b"", COMMA).open_quote is None
    assert outline_of(b"", COMMA, can_open=False).can_open is False


@pytest.mark.parametrize(
    ("delimiter", "quote", "message"),
    [
        ("", '"', "delimiter: received ''; it must be one ASCII character, as ',' or a tab"),
        (";;", '"', "delimiter: received ';;'; it must be one ASCII character, as ',' or a tab"),
        ("\n", '"', "delimiter: received '\\n'; it must be one ASCII character, as ',' or a tab"),
        ("é", '"', "delimiter: received 'é'; it must be one ASCII character, as ',' or a tab"),
        (",", "''", "quote: received \"''\"; it must be one ASCII character, as ',' or a tab"),
        ("'", "'", 'delimiter and quote: both are "\'"; choose two characters'),
    ],
)
def test_a_dialect_that_cannot_be(delimiter: str, quote: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        Dialect(delimiter, quote)
    assert str(error.value) == message


def test_many_mistakes_are_found_in_time() -> None:
    data = b'5" pipe,"x"\n' * 20_000
    assert np.array_equal(outline_of(data, COMMA).strays, np.arange(20_000) * 12 + 1)
