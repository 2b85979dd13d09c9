"""Ragged lists against lists of Python."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schemas.ragged import Ragged, count_in_rows, from_lists

ROWS = st.lists(st.lists(st.integers(-9, 9), max_size=6), max_size=6)


def as_lists(ragged: Ragged) -> list[list[int]]:
    lists: list[list[int]] = ragged.to_arrow().to_pylist()
    return lists


def repeated(rows: list[list[int]], dims: int) -> list[list[int]]:
    return [[value for value in row for _ in range(dims)] for row in rows]


@given(ROWS, st.integers(1, 3), st.integers(0, 7), st.integers(0, 3))
def test_cutting_and_choosing(rows: list[list[int]], dims: int, most: int, start: int) -> None:
    values = repeated(rows, dims)
    ragged = from_lists(pa.array(values, pa.list_(pa.int64())).slice(start), dims)
    rows, values = rows[start:], values[start:]
    assert as_lists(ragged) == values
    assert ragged.lengths.tolist() == [len(row) for row in rows]
    twice = np.repeat(np.arange(len(rows)), 2)
    stops = np.minimum(ragged.lengths[twice], most)
    starts = np.minimum(np.arange(len(twice)) % 2, stops)
    cut = ragged.slices(twice, starts, stops)
    assert as_lists(cut) == [values[i][starts[j] * dims : stops[j] * dims] for j, i in enumerate(twice.tolist())]
    assert cut.dims == dims
    keep = np.array([len(row) % 2 == 0 for row in rows], bool)
    chosen = ragged.filter(keep)
    assert as_lists(chosen) == [row for row in values if len(row) // dims % 2 == 0]
    assert (chosen.dims, chosen.offsets[0], chosen.offsets[-1]) == (dims, 0, len(chosen.values))


@given(st.lists(st.lists(st.booleans(), max_size=4), max_size=6))
def test_counting_in_rows(rows: list[list[bool]]) -> None:
    flags = np.array([flag for row in rows for flag in row], bool)
    offsets = np.cumsum([0, *map(len, rows)])
    assert count_in_rows(flags, offsets).tolist() == [sum(row) for row in rows]


def test_strings_of_a_slice() -> None:
    ragged = from_lists(pa.array([["x"], ["a", "b"], [], ["c"]]).slice(1, 3))
    assert ragged.values.to_pylist() == ["a", "b", "c"]
    assert ragged.offsets.tolist() == [0, 2, 2, 3]
    assert as_lists(ragged.filter(np.array([False, True, True]))) == [[], ["c"]]  # type: ignore[comparison-overlap]


def test_no_rows() -> None:
    ragged = from_lists(pa.array([], pa.list_(pa.string())))
    none = np.zeros(0, np.int64)
    assert (ragged.lengths.tolist(), as_lists(ragged), as_lists(ragged.slices(none, none, none))) == ([], [], [])
    assert as_lists(ragged.filter(np.zeros(0, bool))) == []
