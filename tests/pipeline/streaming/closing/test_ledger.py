"""What all closings say together is the same whether each is read or what they said at an earlier start."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.streaming.closing import closings
from pipeline.streaming.closing.closings import KINDS, TOO_LATE, WINDOW, Closing
from pipeline.streaming.closing.ledger import Ledger, covered_by
from schemas.errors import DataError

SOURCES = ("kafka:t/0", "/in/ä b.jsonl")


def closing_of(number: int, kind: str, source: str, start: int, count: int) -> Closing:
    name = f"n{number}-{kind}"
    return Closing(name, kind, number * 10, 10, (), count, count, {source: np.array([[start, start + count]])})


MADE = st.lists(
    st.builds(
        closing_of,
        st.integers(-5, 5),
        st.sampled_from(KINDS),
        st.sampled_from(SOURCES),
        st.integers(0, 30),
        st.integers(1, 9),
    ),
    max_size=8,
    unique_by=lambda closing: closing.name,
)


def folder_in(root: str) -> str:
    folder = Path(root, ".stream", "closings")
    folder.mkdir(parents=True)
    return str(folder)


def facts(ledger: Ledger) -> Mapping[str, object]:
    covered = {source: ranges.tolist() for source, ranges in ledger.covered.items()}
    return {
        "names": ledger.names,
        "covered": covered,
        "records": ledger.records,
        "spans": ledger.spans,
        "reached": ledger.reached,
    }


def read(folder: str) -> Ledger:
    ledger = Ledger(folder)
    ledger.refresh()
    return ledger


@given(MADE, MADE, st.data())
@settings(max_examples=25)
def test_folded_and_unfolded_say_the_same(first: list[Closing], more: list[Closing], data: st.DataObject) -> None:
    with TemporaryDirectory() as root:
        folder = folder_in(root)
        for closing in first:
            closings.create(folder, closing)
        before = read(folder)
        pending = {closing.name for closing in first if closing.kind != TOO_LATE and data.draw(st.booleans())}
        before.fold(pending)
        assert facts(read(folder)) == facts(before)
        assert read(folder).fresh == pending
        for closing in more:
            closings.create(folder, closing)
        after, at_once = read(folder), read_unfolded(root, folder)
        assert facts(after) == facts(at_once)
        assert after.fresh - pending == at_once.fresh - {closing.name for closing in first}
        assert sum(int(np.diff(ranges).sum()) for ranges in covered_by(folder).values()) <= sum(after.records.values())


def read_unfolded(root: str, folder: str) -> Ledger:
    """As of all closings, each read; puts back what they said together."""
    path = Path(root, ".stream", "ledger.json")
    content = path.read_bytes()
    path.unlink()
    try:
        return read(folder)
    finally:
        path.write_bytes(content)


def test_what_is_reached_is_the_end_of_the_newest_window(tmp_path: Path) -> None:
    folder = folder_in(str(tmp_path))
    assert read(folder).reached is None
    for number, kind in ((-3, WINDOW), (-5, WINDOW), (7, closings.LATE), (8, TOO_LATE)):
        closings.create(folder, closing_of(number, kind, SOURCES[0], 0, 1))
    assert read(folder).reached == -20


def test_records_of_a_closing_that_is_deleted_are_read_again(tmp_path: Path) -> None:
    folder = folder_in(str(tmp_path))
    for number in range(3):
        closings.create(folder, closing_of(number, WINDOW, SOURCES[0], number * 5, 5))
    read(folder).fold(["n1-window", "n2-window"])
    Path(closings.path_of(folder, "n1-window")).unlink()
    ledger = read(folder)
    assert ledger.covered[SOURCES[0]].tolist() == [[0, 5], [10, 15]]
    assert ledger.names == {"n0-window", "n2-window"}
    assert ledger.fresh == {"n2-window"}  # the span of the other one was there, and may have been removed since


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"names": 3}'])
def test_a_damaged_one_can_be_deleted(tmp_path: Path, content: str) -> None:
    folder = folder_in(str(tmp_path))
    closings.create(folder, closing_of(1, WINDOW, SOURCES[0], 0, 5))
    path = tmp_path / ".stream" / "ledger.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"ledger\.json: is damaged .*; delete it: it is made again of the closings"):
        read(folder)
    path.unlink()
    assert read(folder).names == {"n1-window"}
