"""Events in files: every one in the partition of its key, whichever block it stands in."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.event_files import EventFile, file_schema, partition_of, read_events_of, write_events
from schemas.formats.fields import raw_fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.records.events import read_events
from schemas.spec import parse_spec

SPEC = parse_spec("group: {by: who, order_by: at}\nsequences: {w: {type: tokens}, x: {type: series, dims: 2}}")


@given(st.lists(st.text()), st.integers(1, 1024))
def test_the_partition_of_a_key_is_that_of_its_text(keys: list[str], partitions: int) -> None:
    found = partition_of(pa.array(keys, pa.string()), partitions)
    assert ((found >= 0) & (found < partitions)).all()
    alone = [int(partition_of(pa.array([key]), partitions)[0]) for key in keys]
    assert found.tolist() == alone


def test_partitions_stay_the_same() -> None:
    """A change would make a run that is tried again with another release mix two ways to part keys."""
    assert partition_of(pa.array(["", "a", "b", "key-1", "東京"]), 1000).tolist() == [0, 949, 475, 343, 616]


def test_keys_are_spread_evenly() -> None:
    sizes = np.bincount(partition_of(pa.array([f"user-{i}" for i in range(100_000)]), 10))
    assert sizes.min() > 9_500
    assert sizes.max() < 10_500


def test_events_are_read_partition_by_partition(tmp_path: Path) -> None:
    path = str(tmp_path / "events")
    rows = [{"who": f"k{i % 5}", "at": -i, "w": f"w{i}", "x": [i, i]} for i in range(40)]
    raw = parse_jsonl(b"".join(json.dumps(row).encode() + b"\n" for row in rows), raw_fields_of(SPEC))
    write_events(path, read_events(raw, SPEC), raw.lines // 10, 7, SPEC)
    found = [read_events_of(path, i, file_schema(SPEC)) for i in range(7)]
    assert sum(batch.num_rows for batch in found) == 40
    for i, batch in enumerate(found):
        columns = batch.to_pydict()
        assert partition_of(batch["id"], 7).tolist() == [i] * batch.num_rows
        lines = columns["/line"]
        assert lines == sorted(lines)
        assert columns["w"] == [f"w{line}" for line in lines]
        assert columns["/order"] == [-line for line in lines]
        assert columns["x"] == [[line, line] for line in lines]
        assert columns["/piece"] == [line // 10 for line in lines]
        assert columns["/offset"] == raw.offsets[lines].tolist()


def test_a_file_without_events(tmp_path: Path) -> None:
    path = str(tmp_path / "events")
    raw = parse_jsonl(b"", raw_fields_of(SPEC))
    write_events(path, read_events(raw, SPEC), raw.lines, 3, SPEC)
    assert [read_events_of(path, i, file_schema(SPEC)).num_rows for i in range(3)] == [0, 0, 0]


def test_files_sort_as_their_events_stand_in_the_input() -> None:
    files = [EventFile(10, 0, "a"), EventFile(9, 1, "b"), EventFile(9, 0, "c")]
    assert [file.path for file in sorted(files)] == ["c", "b", "a"]
