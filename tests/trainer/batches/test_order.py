"""The order of records: the same everywhere and for ever, each record once, by windows, fair to all places."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from trainer.batches.order import BlockOrder, Order, hashes, mixed, mixed_with_each, order_blocks, permutation

SHARDS = st.lists(st.integers(0, 40), max_size=6)
SEEDS = st.none() | st.integers(-(2**63), 2**63)
SIZES = st.integers(1, 50)


@st.composite
def orders(draw: st.DrawFn) -> tuple[list[int], int, int, BlockOrder]:
    """Shards, records of a block, records of a window, and the order of them."""
    shards, block, window = draw(SHARDS), draw(SIZES), draw(SIZES)
    return shards, block, window, order_blocks(shards, block, window, draw(SEEDS))


def places(order: BlockOrder, start: int, stop: int) -> list[tuple[int, int]]:
    shard, row = order.rows(start, stop)
    assert (shard.dtype, row.dtype) == (np.int64, np.int64)
    return list(zip(shard.tolist(), row.tolist(), strict=True))


@given(orders())
def test_every_record_once(drawn: tuple[list[int], int, int, BlockOrder]) -> None:
    shards, _, _, order = drawn
    assert order.total == sum(shards)
    expected = [(shard, row) for shard, records in enumerate(shards) for row in range(records)]
    assert sorted(places(order, 0, order.total)) == expected


@given(orders(), st.data())
def test_any_part_is_a_slice_of_the_whole(drawn: tuple[list[int], int, int, BlockOrder], data: st.DataObject) -> None:
    order = drawn[3]
    start, stop = (data.draw(st.integers(0, order.total)) for _ in range(2))
    assert places(order, start, stop) == places(order, 0, order.total)[start:stop]


@given(orders())
def test_windows_are_bounded_and_made_of_whole_blocks(drawn: tuple[list[int], int, int, BlockOrder]) -> None:
    _, block, window, order = drawn
    assert (order.records <= block).all()
    sizes = np.diff(order.starts)
    assert (sizes > 0).all()
    assert (sizes <= max(window, block)).all()
    assert [int(order.records[order.blocks(i)].sum()) for i in range(len(sizes))] == sizes.tolist()
    assert order.windows(0, order.total) == range(len(sizes))
    # A window is closed only where the next block would be too much.
    first_blocks = [int(order.records[order.blocks(i)][0]) for i in range(1, len(sizes))]
    assert all(size + more > window for size, more in zip(sizes, first_blocks, strict=False))


@given(SHARDS, SIZES, SIZES, st.integers(0, 100))
def test_a_window_that_holds_all_records_is_one(shards: list[int], block: int, seed: int, more: int) -> None:
    order = order_blocks(shards, block, sum(shards) + more, seed)
    assert order.starts.tolist() == [0, sum(shards)][: 1 + any(shards)]


@pytest.mark.parametrize(
    ("records", "size", "held"),
    [(100, 1_000, 50), (100, 8_000, 25), (100, 10**9, 1), (0, 0, 1), (100, 0, 50)],
)
def test_records_that_are_held(records: int, size: int, held: int) -> None:
    assert Order(window=50, window_bytes=2_000).held(records, size) == held


def test_a_window_without_bounds() -> None:
    assert order_blocks([30, 40], 5, 2**80, 1).starts.tolist() == [0, 70]


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [("seed", -1, 0), ("epoch", -1, 0), ("window", 0, 1), ("window_bytes", 0, 1), ("block_bytes", -5, 1)],
)
def test_numbers_that_give_no_order(name: str, value: int, least: int) -> None:
    with pytest.raises(UsageError) as error:
        Order(**{name: value})
    assert str(error.value) == f"{name}: {value} is out of range; it must be {least} or more"


def test_shards_smaller_than_a_block_fill_windows_all_the_same() -> None:
    order = order_blocks([1] * 1000, 100, 200, 3)
    assert order.starts.tolist() == [0, 200, 400, 600, 800, 1000]


@given(orders())
def test_a_window_mixes_none_but_its_own_blocks(drawn: tuple[list[int], int, int, BlockOrder]) -> None:
    order = drawn[3]
    for i, (start, stop) in enumerate(zip(order.starts, order.starts[1:], strict=False)):
        inside = order.blocks(i)
        expected = [
            (shard, first + row)
            for shard, first, records in zip(
                order.shard[inside].tolist(), order.first[inside].tolist(), order.records[inside].tolist(), strict=True
            )
            for row in range(records)
        ]
        assert sorted(places(order, int(start), int(stop))) == sorted(expected)


@given(SHARDS, SIZES, SIZES)
def test_without_a_seed_the_order_is_that_on_disk(shards: list[int], block: int, window: int) -> None:
    order = order_blocks(shards, block, window, None)
    assert places(order, 0, order.total) == [(shard, row) for shard, count in enumerate(shards) for row in range(count)]


@given(SHARDS, SIZES, SIZES, st.integers())
def test_the_order_is_a_pure_function(shards: list[int], block: int, window: int, seed: int) -> None:
    one, other = (order_blocks(shards, block, window, seed) for _ in range(2))
    assert places(one, 0, one.total) == places(other, 0, other.total)


def test_other_seeds_give_other_orders() -> None:
    orders = [tuple(places(order_blocks([30, 40], 5, 20, seed), 0, 70)) for seed in range(200)]
    assert len(set(orders)) == 200


def test_windows_of_an_example() -> None:
    order = order_blocks([5, 0, 4], 2, 5, None)
    assert order.shard.tolist() == [0, 0, 0, 2, 2]
    assert order.first.tolist() == [0, 2, 4, 0, 2]
    assert order.records.tolist() == [2, 2, 1, 2, 2]
    assert (order.bounds.tolist(), order.starts.tolist()) == ([0, 3, 5], [0, 5, 9])
    assert order.windows(3, 5) == range(1)
    assert order.windows(3, 6) == range(2)
    assert order.windows(4, 4) == range(0)
    assert order.windows(8, 9) == range(1, 2)


def test_nothing_has_an_order_too() -> None:
    order = order_blocks([], 3, 5, 7)
    assert (order.total, order.starts.tolist(), places(order, 0, 0)) == (0, [0], [])


# Known for ever: a change of them would change what a kept position means.
@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (0, [2, 4, 6, 5, 1, 7, 0, 3]),
        (1, [4, 3, 7, 0, 1, 5, 6, 2]),
        (2**63 - 1, [3, 0, 4, 2, 1]),
        (-1, [2, 3, 4, 0, 1]),
        (5, [0]),
        (5, []),
    ],
)
def test_known_permutations(seed: int, expected: list[int]) -> None:
    assert permutation(seed, len(expected)).tolist() == expected


def test_hashes_are_those_of_splitmix64() -> None:
    """The first outputs of the published generator from the seed 0, without their last bit."""
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert hashes(0, 3).tolist() == [value >> 1 for value in published]
    assert hashes(1, 2).tolist() == [5225608189600411232, 6878622605533214259]


def test_known_mixtures_of_seeds() -> None:
    assert [mixed(), mixed(0), mixed(1, 2, 3), mixed(-5)] == [
        0,
        8147104208329303767,
        7154315409514008071,
        817656034014462257,
    ]


@given(st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=4))
def test_mixtures_fit_into_63_bits(numbers: list[int]) -> None:
    assert 0 <= mixed(*numbers) < 2**63


def test_seeds_of_runs_epochs_and_buckets_do_not_collide() -> None:
    seeds = {mixed(*numbers) for numbers in np.ndindex(20, 20, 3, 10)}
    assert len(seeds) == 20 * 20 * 3 * 10


@given(st.integers(-(2**63), 2**64), st.integers(0, 2_000))
def test_a_permutation_has_every_number_once(seed: int, count: int) -> None:
    assert sorted(permutation(seed, count).tolist()) == list(range(count))


@pytest.mark.parametrize("seed_of", [lambda seed: seed, mixed], ids=["in a row", "mixed"])
@pytest.mark.parametrize("count", [8, 37])
def test_every_number_comes_to_every_place_alike(seed_of: object, count: int) -> None:
    """Chi-square over (place, number) with (count - 1)^2 degrees of freedom, within 4 standard deviations."""
    assert callable(seed_of)
    seeds = 4_000
    seen = np.zeros((count, count))
    for seed in range(seeds):
        seen[np.arange(count), permutation(seed_of(seed), count)] += 1
    expected, freedom = seeds / count, (count - 1) ** 2
    assert abs(((seen - expected) ** 2 / expected).sum() - freedom) < 4 * np.sqrt(2 * freedom)


def test_neighbours_of_a_permutation_say_nothing_of_each_other() -> None:
    values = permutation(11, 20_000).astype(np.float64)
    values -= values.mean()
    for lag in range(1, 11):
        assert abs((values[lag:] * values[:-lag]).sum() / (values**2).sum()) < 4 / np.sqrt(len(values))


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**40), max_size=9))
def test_seeds_mixed_with_many_numbers_at_once(seed: int, numbers: list[int]) -> None:
    assert mixed_with_each(seed, np.array(numbers, np.int64)).tolist() == [mixed(seed, number) for number in numbers]
