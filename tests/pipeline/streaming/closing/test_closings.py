"""What a window is made of is written once, whoever writes it and how often; and is read back as it was."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import files
from pipeline.streaming.closing import closings
from pipeline.streaming.closing.closings import Closing
from schemas.errors import DataError
from schemas.streams.positions import union
from schemas.streams.windows import MINUTE
from tests.pipeline.stores.conftest import bucket, server

__all__ = ["bucket", "server"]  # fixtures
INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
RANGES = st.lists(st.tuples(INT64, INT64), max_size=4).map(
    lambda pairs: union([np.array(pairs, np.int64).reshape(-1, 2)])
)
MADE = st.builds(
    Closing,
    name=st.just("one"),
    kind=st.sampled_from([closings.WINDOW, closings.LATE, closings.TOO_LATE]),
    window=INT64,
    length=INT64,
    files=st.lists(st.text(st.characters(codec="utf-8"))).map(tuple),
    records=INT64,
    bytes=INT64,
    positions=st.dictionaries(st.text(st.characters(codec="utf-8")), RANGES, max_size=3),
)


def closing_of(first: int, name: str = "one") -> Closing:
    positions = {"kafka:t/0": np.array([[first, first + 3]])}
    return Closing(name, closings.WINDOW, 0, MINUTE, (f"windows/one/{first}.jsonl",), 3, 30, positions)


def same(one: Closing, other: Closing) -> bool:
    told = [{name: ranges.tolist() for name, ranges in found.positions.items()} for found in (one, other)]
    return replace(one, positions={}) == replace(other, positions={}) and told[0] == told[1]


def create_one(folder: str, first: int) -> bool:
    return closings.create(folder, closing_of(first))


@given(MADE)
@settings(max_examples=50)
def test_a_closing_is_read_back_as_it_was(made: Closing) -> None:
    with TemporaryDirectory() as folder:
        assert closings.create(folder, made)
        assert closings.names_in(folder) == {"one"}
        assert same(closings.load(folder, "one"), made)


def check_one_wins(folder: str, won: list[bool]) -> None:
    """Checks what became of closings of `i // 2`, of which each came twice."""
    first = int(closings.load(folder, "one").positions["kafka:t/0"][0, 0])
    assert [i // 2 for i, has in enumerate(won) if has] == [first, first]
    assert same(closings.load(folder, "one"), closing_of(first))


def test_one_of_many_threads_wins(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda i: create_one(str(tmp_path), i // 2), range(32)))
    check_one_wins(str(tmp_path), won)
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]


def test_one_of_many_processes_wins(tmp_path: Path) -> None:
    with ProcessPoolExecutor(4, multiprocessing.get_context("fork")) as pool:
        won = list(pool.map(create_one, [str(tmp_path)] * 16, [i // 2 for i in range(16)]))
    check_one_wins(str(tmp_path), won)


def test_one_of_many_wins_on_an_object_store(bucket: str) -> None:
    folder = files.join(bucket, "root", ".stream", "closings")
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda i: create_one(folder, i // 2), range(16)))
    check_one_wins(folder, won)
    assert closings.names_in(folder) == {"one"}


def test_a_store_without_conditions_keeps_what_is_there(bucket: str, server: object) -> None:
    server.knows_conditions = False  # type: ignore[attr-defined]
    folder = files.join(bucket, "closings")
    assert [create_one(folder, first) for first in (1, 2, 1)] == [True, False, True]
    assert same(closings.load(folder, "one"), closing_of(1))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", "null", '{"positions": {}}', '{"positions": {"a": [[1e999]]}}']
)
def test_a_damaged_one_is_named_with_what_it_is_for(tmp_path: Path, content: str) -> None:
    (tmp_path / "one.json").write_text(content)
    with pytest.raises(
        DataError, match=r"one\.json: is damaged .*; restore it from a copy: it says which records the span one"
    ):
        closings.load(str(tmp_path), "one")


def test_positions_beyond_all_numbers_are_damage(tmp_path: Path) -> None:
    assert create_one(str(tmp_path), 5)
    path = tmp_path / "one.json"
    path.write_text(path.read_text().replace("[5,", f"[{1 << 70},"))
    with pytest.raises(DataError, match=r"one\.json: is damaged"):
        closings.load(str(tmp_path), "one")


def test_one_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.json: cannot be read"):
        closings.load(str(tmp_path), "gone")
