"""The last line of a file, which may have no end yet when it is read."""

from pathlib import Path

import numpy as np
import pytest

from schemas.streams.positions import runs, union
from tests.pipeline.streaming.sources.folders import PACKED, Clock, covered_by, put, reader_of


def test_a_last_line_without_its_end_waits_where_the_file_is_written_to_again(tmp_path: Path) -> None:
    clock = Clock()
    path = put(tmp_path, "a.jsonl", b'{"a":1}\n{"a"')
    reader = reader_of(tmp_path, clock)
    reader._look()
    path.touch()  # somebody writes to it just now
    [first] = reader.poll(0.5, 1 << 20)
    with path.open("ab") as stream:
        stream.write(b":2}\n")
    [second] = reader.poll(20, 1 << 20)
    assert (first.values, second.values) == ([b'{"a":1}'], [b'{"a":2}'])


@pytest.mark.parametrize("most", [1, 1 << 20])
def test_the_end_of_a_line_that_came_after_its_record_was_closed_is_of_the_next_one(tmp_path: Path, most: int) -> None:
    first = b'{"a":1}\n{"a":2}'
    path = put(tmp_path, "a.jsonl", first)
    [batch] = reader_of(tmp_path, Clock()).poll(1, 1 << 20)
    covered = {str(path): runs(batch.starts[1:], batch.ends[1:])}  # the window of the second one is over
    put(tmp_path, "a.jsonl", first + b'\n{"a":3}\n')
    reader = reader_of(tmp_path, Clock(), covered)
    found = [batch for _ in range(9) for batch in reader.poll(1, most)]
    assert [value for batch in found for value in batch.values] == [b'{"a":1}', b'{"a":3}']
    assert union([covered[str(path)], *covered_by(found).values()]).tolist() == [[0, 24]]


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("closed", [None, 0, 1])  # by this reader; the first record is still to be closed; all are
@pytest.mark.parametrize(("more", "text"), [(b'{"a":3}\n', b'{"a":3}'), (b"  \r\n", None)])
def test_what_a_last_line_goes_on_with_is_a_record_of_its_own(
    tmp_path: Path, suffix: str, closed: int | None, more: bytes, text: bytes | None
) -> None:
    clock, pack, first = Clock(), PACKED[suffix], b'{"a":1}\n{"a":2}'
    put(tmp_path, f"a.jsonl{suffix}", pack(first))
    reader = reader_of(tmp_path, clock)
    [batch] = reader.poll(1, 1 << 20)
    covered = {batch.source: runs(batch.starts, batch.ends)}
    put(tmp_path, f"a.jsonl{suffix}", pack(first + more + b'{"a":4}\n'))
    if closed is not None:
        covered = {batch.source: runs(batch.starts[1 - closed :], batch.ends[1 - closed :])}
        reader = reader_of(tmp_path, clock, covered)
    found = reader.poll(20, 1 << 20)
    expected = [b'{"a":1}'] * (closed == 0) + [text] * (text is not None) + [b'{"a":4}']
    assert [value for batch in found for value in batch.values] == expected
    every = [covered[batch.source], *(np.stack([b.starts, b.ends], axis=1) for b in found)]
    assert union(every).tolist() == [[0, len(first + more) + 8]]
    assert sum(int(np.diff(part).sum()) for part in every) == len(first + more) + 8  # none of it twice
