import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.streams.positions import NONE, Ranges, covers, first_uncovered, range_ends, runs, union, without

ranges = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=12).map(
    lambda pairs: np.array([(start, start + length) for start, length in pairs], np.int64).reshape(-1, 2)
)


def held(found: Ranges) -> set[int]:
    return {position for start, end in found.tolist() for position in range(start, end)}


@given(st.lists(ranges, max_size=4))
def test_a_union_holds_what_its_parts_hold(parts: list[Ranges]) -> None:
    found = union(parts)
    assert held(found) == set().union(*map(held, parts))
    assert np.diff(found).sum() == len(held(found))  # no position is in two of them
    assert (found[1:, 0] > found[:-1, 1]).all()  # apart, or they would be one


@given(ranges, ranges)
def test_what_is_left_without_others(one: Ranges, other: Ranges) -> None:
    found = without(union([one]), union([other]))
    assert held(found) == held(one) - held(other)
    assert np.diff(found).sum() == len(held(found))  # no position is in two of them
    assert found.tolist() == union([found]).tolist()  # sorted, apart, none of them empty


@given(ranges)
def test_what_is_covered(parts: Ranges) -> None:
    found, positions = union([parts]), np.arange(50)
    assert set(np.flatnonzero(covers(found, positions)).tolist()) == held(found)


@given(ranges, st.integers(0, 50))
def test_the_first_uncovered_position(parts: Ranges, start: int) -> None:
    found = union([parts])
    assert first_uncovered(found, start) == next(p for p in range(start, 100) if p not in held(found))


@given(ranges)
def test_where_the_range_ends_that_holds_a_position(parts: Ranges) -> None:
    found, positions = union([parts]), np.arange(50)
    assert range_ends(found, positions).tolist() == [first_uncovered(found, position) for position in range(50)]


def test_records_without_a_gap_are_one_range() -> None:
    assert runs(np.array([7, 0, 3]), np.array([9, 3, 5])).tolist() == [[0, 5], [7, 9]]
    assert runs(np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == NONE.tolist()
