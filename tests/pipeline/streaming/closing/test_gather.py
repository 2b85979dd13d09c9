"""However records are cut into files and read again: each comes out once, in order, and in the same files."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline import files
from pipeline.arrow_files import read_table
from pipeline.origins import SUFFIX
from pipeline.streaming.closing.gather import Gathered, gather, is_covered, new_lines, positions_of
from pipeline.streaming.lines import Lines, name_of, read_lines, write_lines
from pipeline.streaming.spooled import Spooled
from schemas.errors import DataError
from schemas.formats.lines import BYTE_ORDER_MARK
from schemas.streams.positions import NONE, Ranges, runs, union

SOURCES = ("/in/a.jsonl", "kafka:events/10", "kafka:events/9", "/in/" + "ä\n *" * 90)


class Log(NamedTuple):
    """A source: where its records begin and end, (records,) each; between them may be what is none."""

    source: str
    positions: np.ndarray  # type: ignore[type-arg]

    @property
    def starts(self) -> np.ndarray:  # type: ignore[type-arg]
        """As of a reader: behind the record before."""
        return np.append(0, self.positions[:-1] + 1)

    def text(self, i: int) -> bytes:
        """Of a record; one begins as a file with a byte order mark does, some are the same as others."""
        return (b"null", b"null", BYTE_ORDER_MARK + b"{}", b"%d" % self.positions[i])[i % 4]


def spooled(folder: str, log: Log, picked: Sequence[int]) -> Spooled:
    """A file of some records of one batch."""
    rows = np.array(picked)
    starts = log.starts[rows]
    lines = Lines([log.text(i) for i in picked], log.positions[rows], starts)
    written = write_lines(folder, name_of(log.source, lines), [(log.source, lines)])
    ranges = runs(starts, log.positions[rows] + 1)
    return Spooled(written.path, log.source, 0, len(picked), written.bytes, written.sha256, ranges, 0)


LOGS = st.lists(
    st.builds(
        Log,
        st.sampled_from(SOURCES),
        st.lists(st.integers(1, 4), min_size=1, max_size=12).map(lambda steps: np.cumsum(steps) - 1),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda log: log.source,
)


@st.composite
def batchings(draw: st.DrawFn, logs: Sequence[Log]) -> list[tuple[Log, list[int]]]:
    """Draws files that hold each record once or more: in order, but not all records in between."""
    found = []
    for log in logs:
        count, number = len(log.positions), st.integers(0, len(log.positions) - 1)
        cuts = sorted({0, count, *draw(st.lists(number, max_size=4))})
        found += [(log, list(range(*pair))) for pair in pairwise(cuts)]
        found += [(log, sorted(picked)) for picked in draw(st.lists(st.sets(number, min_size=1), max_size=3))]
    return draw(st.permutations(found))


def content(gathered: Gathered) -> tuple[list[str], list[bytes], list[tuple[str, int]]]:
    """Names, bytes, and of each line where it came from."""
    tables = [read_table(path + SUFFIX) for path in gathered.paths]
    origins = [(row["source"], row["position"]) for table in tables for row in table.to_pylist()]
    return [Path(path).name for path in gathered.paths], [Path(path).read_bytes() for path in gathered.paths], origins


@given(st.data(), LOGS, st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_each_record_comes_out_once_whatever_files_hold_it(data: st.DataObject, logs: list[Log], size: int) -> None:
    found = []
    for _ in range(2):
        with TemporaryDirectory() as folder:
            refs = [spooled(folder, log, picked) for log, picked in data.draw(batchings(logs))]
            gathered = gather(files.join(folder, "out"), new_lines(refs, {}), size)
            found.append(content(gathered))
            assert {source: ranges.tolist() for source, ranges in gathered.positions.items()} == {
                log.source: [[0, log.positions[-1] + 1]] for log in logs
            }
            assert gathered.bytes == sum(map(len, found[-1][1]))
            assert gathered.records == sum(len(log.positions) for log in logs)
    assert found[0] == found[1]
    names, contents, origins = found[0]
    assert origins == sorted((log.source, int(i)) for log in logs for i in log.positions)
    assert names == sorted(names)
    assert all(len(one) >= size and len(one) - len(one.splitlines()[-1]) - 1 < size for one in contents[:-1])
    assert not any(one.startswith(BYTE_ORDER_MARK) for one in contents)
    texts = {log.source: [log.text(i) for i in range(len(log.positions))] for log in logs}
    every = [line for one in contents for line in one.split(b"\n")[:-1]]
    assert [line.removeprefix(b" ") for line in every] == [text for name in sorted(texts) for text in texts[name]]


@given(st.data(), LOGS, st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_windows_that_share_records_share_them_out(data: st.DataObject, logs: list[Log], windows: int) -> None:
    covered: dict[str, Ranges] = {}
    every: list[tuple[str, int]] = []
    with TemporaryDirectory() as folder:
        for window in range(windows + 1):
            some = data.draw(batchings(logs))
            some = some if window == windows else some[: data.draw(st.integers(0, len(some)))]
            refs = [spooled(folder, log, picked) for log, picked in some]
            gathered = gather(files.join(folder, str(window)), new_lines(refs, covered))
            every += content(gathered)[2]
            for source, ranges in gathered.positions.items():
                before = covered.get(source, NONE)
                new = [(source, int(i)) for log in logs if log.source == source for i in log.positions]
                assert not set(held(before, new)) & set(held(ranges, new)), "takes the place of another record"
                covered[source] = union([before, ranges])
    assert sorted(every) == sorted((log.source, int(i)) for log in logs for i in log.positions)
    assert {source: ranges.tolist() for source, ranges in covered.items()} == {
        log.source: [[0, log.positions[-1] + 1]] for log in logs
    }, "no hole is left, at which every later start would begin"


def held(ranges: Ranges, positions: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return [one for one in positions if any(start <= one[1] < end for start, end in ranges.tolist())]


def test_a_gap_behind_a_record_that_another_window_has_is_no_hole(tmp_path: Path) -> None:
    log = Log(SOURCES[1], np.array([0, 5, 9]))
    covered = {log.source: np.array([[0, 1]])}
    [part] = new_lines([spooled(str(tmp_path), log, [0, 1])], covered)
    assert (part.starts.tolist(), part.ends.tolist()) == ([1], [6])
    [one] = new_lines([spooled(str(tmp_path), log, [1, 2])], covered)
    assert positions_of([one])[log.source].tolist() == [[1, 10]]


@example(NONE, np.array([[3, 4]]))
@given(
    *[st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9))).map(lambda p: union([np.array(p).reshape(-1, 2)]))] * 2
)
def test_covered_is_what_others_hold_whole(ranges: Ranges, by: Ranges) -> None:
    inside = {i for start, end in by.tolist() for i in range(start, end)}
    assert is_covered(ranges, by) == all(i in inside for start, end in ranges.tolist() for i in range(start, end))


def test_a_file_that_nothing_needs_may_be_gone_and_another_one_may_not(tmp_path: Path) -> None:
    log = Log(SOURCES[0], np.arange(4))
    ref = spooled(str(tmp_path), log, [0, 1])
    Path(ref.path).unlink()
    covered: Mapping[str, Ranges] = {log.source: np.array([[0, 2]])}
    assert list(new_lines([ref], covered)) == []
    with pytest.raises(DataError, match=r"jsonl: cannot be read"):
        list(new_lines([ref], {}))


@pytest.mark.parametrize("suffix", ["", SUFFIX])
def test_a_file_that_was_changed_is_refused(tmp_path: Path, suffix: str) -> None:
    log = Log(SOURCES[0], np.arange(4))
    ref, other = spooled(str(tmp_path), log, [0]), spooled(str(tmp_path), log, [1])
    assert Path(ref.path).read_bytes() == Path(other.path).read_bytes(), "the same record at two places is two files"
    assert ref.path != other.path
    for content in (Path(other.path + suffix).read_bytes() if suffix else b"{}\n", b""):
        Path(ref.path + suffix).write_bytes(content)
        with pytest.raises(DataError, match=r"jsonl: is not what was written there; start the stream again"):
            read_lines(ref.path, ref.source, ref.sha256)


def test_nothing_is_made_of_nothing(tmp_path: Path) -> None:
    assert gather(str(tmp_path), new_lines([], {})) == Gathered([], 0, 0, {})
