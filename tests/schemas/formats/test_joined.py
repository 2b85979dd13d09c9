"""Pieces read together mean what each of them means alone."""

import io
from dataclasses import replace

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.formats.blocks import WholeLines, byte_ranges, read_whole_lines
from schemas.formats.fields import fields_of
from schemas.formats.joined import join_lines
from schemas.formats.jsonl import parse_jsonl
from schemas.formats.rejected import Rejected
from schemas.spec import parse_spec

MARK = b"\xef\xbb\xbf"
FIELDS = fields_of(parse_spec("id: id\nsequences: {text: {type: tokens}}"))
GOOD = [b'{"id": "a", "text": []}', b'{"id": 7, "text": ["x", "y"]}', b'{"text": null}']
BAD = [b"{", b"oops", b"[1]", b"\xff", MARK + GOOD[0], b'{"id": [], "text": []}', GOOD[0] + GOOD[1]]
LINES = st.sampled_from([*GOOD, *GOOD, *BAD, b"", b"  ", b"\t"])
ENDS = st.sampled_from([b"\n", b"\n", b"\r\n"])
CONTENTS = st.builds(
    lambda mark, lines, last: mark + b"".join(a + b for a, b in lines) + last,
    st.sampled_from([b"", b"", b"", MARK, MARK + MARK]),
    st.lists(st.tuples(LINES, ENDS), max_size=4),
    st.sampled_from([b"", b"", GOOD[0], BAD[0], GOOD[1] + b"\r"]),
)


def pieces_of(contents: list[bytes], range_bytes: int) -> list[tuple[str, WholeLines]]:
    return [
        (f"f{i}", read_whole_lines(io.BytesIO(content), start, end))
        for i, content in enumerate(contents)
        for start, end in byte_ranges(len(content), range_bytes)
    ]


@given(st.lists(CONTENTS, min_size=1, max_size=6), st.integers(3, 60))
@example([GOOD[0], GOOD[1]], 60)
@example([MARK + GOOD[0], MARK + GOOD[1] + b"\n", MARK + BAD[1]], 60)
@example([MARK, GOOD[0] + b"\n", MARK, MARK + MARK + GOOD[0]], 60)
@example([MARK, MARK + MARK + GOOD[0]], 60)
@example([b"\n" + GOOD[0], b"\n\n", b"\n" + BAD[0]], 60)
@example([GOOD[0] + b"\n" + BAD[0] + b"\n" + GOOD[1]], 7)
def test_pieces_read_together_mean_what_each_means_alone(contents: list[bytes], range_bytes: int) -> None:
    pieces = pieces_of(contents, range_bytes)
    if not pieces:
        return
    paths = [path for path, _ in pieces]
    rows, rejected, records, line_counts = [], [], [], []
    for i, (path, piece) in enumerate(pieces):
        alone = parse_jsonl(piece.data, FIELDS, piece.offset)
        values = zip(*(alone.columns[field.name].to_pylist() for field in FIELDS), strict=True)
        rows += [(i, *row) for row in zip(alone.offsets.tolist(), alone.lines.tolist(), values, strict=True)]
        rejected += sorted(item.placed(path, 0) for item in alone.rejected)
        records.append(len(alone.offsets) + len(alone.rejected))
        line_counts.append(alone.line_count)
    joined = join_lines([piece for _, piece in pieces])
    block = parse_jsonl(joined.data, FIELDS, joined.base_offset)
    offsets, lines = joined.places.positions(block.offsets, block.lines)
    assert offsets.dtype == lines.dtype == np.int64
    values = zip(*(block.columns[field.name].to_pylist() for field in FIELDS), strict=True)
    found = zip(joined.places.piece_of(block.lines).tolist(), offsets.tolist(), lines.tolist(), values, strict=True)
    assert list(found) == rows
    # The same file may have several pieces here, which it has in no block of a run.
    placed = joined.places.place(block.rejected, [str(i) for i in range(len(pieces))])
    in_order = sorted(placed, key=lambda item: (int(item.path), item.offset))
    assert [replace(item, path=paths[int(item.path)]) for item in in_order] == rejected
    assert joined.places.records_of(block) == tuple(records)
    assert joined.places.lines_of(block) == tuple(line_counts)


def test_a_position_is_that_of_the_file() -> None:
    contents = [b"oops\n" + GOOD[0], MARK + b"\n" + GOOD[1] + b"\nno"]
    joined = join_lines([piece for _, piece in pieces_of(contents, 1000)])
    assert joined.data == b"oops\n" + GOOD[0] + b"\n\n" + GOOD[1] + b"\nno"
    block = parse_jsonl(joined.data, FIELDS, joined.base_offset)
    assert joined.places.piece_of(block.lines).tolist() == [0, 1]
    assert [column.tolist() for column in joined.places.positions(block.offsets, block.lines)] == [[5, 4], [1, 1]]
    assert [(item.path, item.offset, item.line) for item in joined.places.place(block.rejected, ["a", "b"])] == [
        ("a", 0, 1),
        ("b", 5 + len(GOOD[1]), 3),
    ]


def test_one_piece_is_read_as_it_is() -> None:
    piece = WholeLines(40, b"a\nb", b"", 3)
    joined = join_lines([piece])
    assert joined.data is piece.data
    assert joined.base_offset == 40
    item = Rejected("", 42, 1, "invalid_json", "a rule", "b")
    assert joined.places.place([item], ["f"]) == [item.placed("f", 0)]
    assert joined.places.place([], ["f"]) == []
