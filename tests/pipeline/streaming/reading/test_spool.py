"""Every record that was read is a line of one file, and what run makes of it is what it would make of the record."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrow_files import read_table
from pipeline.origins import SUFFIX as ORIGINS
from pipeline.streaming.lines import read_lines
from pipeline.streaming.reading.spool import as_line, place, spool
from schemas.formats.fields import Field
from schemas.formats.jsonl import parse_jsonl
from schemas.streams.windows import SECOND
from tests.pipeline.streaming.helpers import batch_of, spec_of

MINUTE = 60 * SECOND
SPACES = st.sampled_from(["", " ", "\n", "\r\n", " \n "])


def read(path: str) -> list[bytes]:
    return Path(path).read_bytes().splitlines()


def outcome(line: bytes) -> tuple[list[object], list[str]]:
    """What a run reads of a file of one line."""
    block = parse_jsonl(line + b"\n", [Field("a", ("a",), (pa.float64(),))])
    return block.columns["a"].to_pylist(), [rejected.reason for rejected in block.rejected]


def test_records_go_to_a_file_for_each_window_with_where_they_came_from(tmp_path: Path) -> None:
    values = [b'{"text":"a","at":%d}' % at for at in (0, 61, 59, 3_600)]
    made = spool(batch_of(values, start=7), spec_of(), MINUTE, str(tmp_path))
    first, second, third = made.files
    assert [(one.window, one.records, one.newest) for one in made.files] == [
        (0, 2, 59 * SECOND),
        (MINUTE, 1, 61 * SECOND),
        (60 * MINUTE, 1, 3_600 * SECOND),
    ]
    assert made.newest == 3_600 * SECOND
    assert [read(one.path) for one in made.files] == [[values[0], values[2]], [values[1]], [values[3]]]
    assert [one.ranges.tolist() for one in made.files] == [[[7, 8], [9, 10]], [[8, 9]], [[10, 11]]]
    for one in made.files:
        assert one.bytes == Path(one.path).stat().st_size
        assert read_lines(one.path, one.source, one.sha256).texts == read(one.path)
    origins = read_table(first.path + ORIGINS).select(["source", "position"]).to_pylist()
    assert origins == [{"source": "kafka:t/0", "position": 7}, {"source": "kafka:t/0", "position": 9}]
    assert len({first.path, second.path, third.path}) == 3


def test_the_same_records_are_the_same_files_and_others_are_others(tmp_path: Path) -> None:
    batch = batch_of([b'{"text":"a","at":1}', None, b'{"text":"b","at":99}'])
    before = spool(batch, spec_of(), MINUTE, str(tmp_path)).files
    there = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = spool(batch, spec_of(), MINUTE, str(tmp_path)).files
    assert [one.path for one in again] == [one.path for one in before]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == there
    others = [batch._replace(source="kafka:t/1"), batch_of(batch.values, start=1), batch_of([b'{"text":"c","at":1}'])]
    for other in others:
        assert not {one.path for one in spool(other, spec_of(), MINUTE, str(tmp_path)).files} & {a.path for a in before}


def test_a_record_without_a_time_goes_where_the_newest_before_it_goes(tmp_path: Path) -> None:
    values = [None, b'{"at":120}', b"?", b'{"at":60}', b'{"at":"soon"}', b'{"at":180}', b" "]
    made = spool(batch_of(values), spec_of(), MINUTE, str(tmp_path))
    found = {one.window // MINUTE: read_table(one.path + ORIGINS)["position"].to_pylist() for one in made.files}
    assert found == {2: [0, 1, 2, 4], 1: [3], 3: [5, 6]}
    assert made.newest == 180 * SECOND


def test_where_no_record_has_a_time_the_clock_of_the_source_places_them(tmp_path: Path) -> None:
    batch = batch_of([None, b"?"], fallback=np.array([MINUTE, 2 * MINUTE]))
    made = spool(batch, spec_of(), MINUTE, str(tmp_path))
    assert [one.window // MINUTE for one in made.files] == [1, 2]
    assert made.newest is None  # nothing to set a clock by


@given(st.lists(st.tuples(st.integers(-100, 100), st.booleans()), min_size=1))
def test_every_record_is_placed_by_what_came_before_it(rows: list[tuple[int, bool]]) -> None:
    times = np.array([time for time, _ in rows])
    bad = np.array([is_bad for _, is_bad in rows])
    placed = place(np.where(bad, 0, times), bad, np.full(len(rows), 7_777))
    valid = [time for time, is_bad in rows if not is_bad]
    for i, (time, is_bad) in enumerate(rows):
        before = [one for one, other_bad in rows[:i] if not other_bad]
        expected = time if not is_bad else max(before) if before else valid[0] if valid else 7_777
        assert placed[i] == expected


@pytest.mark.parametrize("value", [None, b"", b" ", b"\n", b"\r\n\t "])
def test_what_is_nothing_becomes_a_line_that_a_run_rejects(value: bytes | None) -> None:
    assert outcome(as_line(value)) == ([], ["not_an_object"])


@given(SPACES, SPACES, SPACES, SPACES, st.text(max_size=5))
def test_newlines_between_the_parts_of_a_record_change_nothing(a: str, b: str, c: str, d: str, text: str) -> None:
    value = f'{a}{{{b}"a"{c}:{d}1.5{a},"{text and "b"}"{b}:{json.dumps(text + chr(10))}{c}}}{d}'.encode()
    line = as_line(value)
    assert b"\n" not in line
    assert json.loads(line) == json.loads(value)
    assert outcome(line) == ([1.5], [])


@pytest.mark.parametrize(
    "value",
    [
        b'{"a":1,"b":"x\ny"}',
        b'{"a":1,"b":"x\n',
        b'{"a":1\n}\n{"a":2}',
        b'{"a":1,"b":"\\\n"}',
        b'{"a":tr\nue}',
        b'{"a":1}\n\\"',
        b'{"a\n":1}',
        b'\xef\xbb\xbf{"a":1}',
    ],
)
def test_what_is_no_record_does_not_become_one(value: bytes, tmp_path: Path) -> None:
    made = spool(batch_of([value, b"?"]), spec_of(), MINUTE, str(tmp_path))
    [content] = [Path(one.path).read_bytes() for one in made.files]
    assert content.count(b"\n") == 2
    block = parse_jsonl(content, [Field("a", ("a",), (pa.float64(),))])
    assert (len(block.offsets), len(block.rejected)) == (0, 2)


@given(st.lists(st.none() | st.binary(max_size=30), min_size=1, max_size=8))
def test_whatever_comes_every_record_is_one_line(values: list[bytes | None]) -> None:
    lines = [as_line(value) for value in values]
    content = b"".join(line + b"\n" for line in lines)
    assert content.count(b"\n") == len(values)
    assert all(line.strip() for line in lines)
