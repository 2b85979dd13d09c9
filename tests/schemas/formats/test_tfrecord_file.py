"""TFRecord files of Example and SequenceExample messages."""

import io
from typing import Any

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.example import FRAME_BYTES
from schemas.example_pb2 import Feature, FeatureList, Int64List
from schemas.formats.feature_columns import feature_list_column
from schemas.formats.fields import Field, fields_of
from schemas.formats.packed_values import bytes_values, float_values, int64_values, step_values
from schemas.formats.raw import RawBlock
from schemas.formats.tfrecord_file import read_tfrecord
from schemas.spec import parse_spec
from tests.schemas.formats.typed_files import example, feature, sequence_example, tfrecord

FIELDS = fields_of(
    parse_spec(
        "id: meta.id\nlabel: {type: class, from: c}\nsequences: {t: {type: tokens}, x: {type: series, dims: 2}, "
        "y: {type: series, dims: 1, layout: flat}}"
    )
)
NAMES = "a string, an integer of 64 bits or a boolean"
NAME_LISTS = "a list of strings, of integers of 64 bits or of booleans"
REMEDY = "the file is cut off or damaged; write it again"
INT64S = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 300)


def read(*messages: bytes, sequence: bool = False, fields: list[Field] = FIELDS) -> RawBlock:
    (block,) = read_tfrecord(io.BytesIO(tfrecord(messages)), fields, sequence, 1 << 20)
    return block


def field(name: str) -> list[Field]:
    return [one for one in FIELDS if one.name == name]


def lists(name: str, *steps: Any) -> bytes:
    """Returns a SequenceExample with one feature list."""
    return sequence_example({name: list(steps)}, [name])


def outcome(block: RawBlock) -> Any:
    """Returns the only column of a block, and the rules that records broke."""
    (column,) = block.columns.values()
    return column.to_pylist(), [(rejected.line, rejected.rule) for rejected in block.rejected]


@pytest.mark.parametrize(
    ("name", "values", "read_values"),
    [
        ("id", [b"a", 7, -(2**63), None, [], "ä"], ["a", "7", str(-(2**63)), None, None, "ä"]),
        ("t", [["a", "b"], [1, 2**40], "one", None, []], [["a", "b"], ["1", str(2**40)], ["one"], None, []]),
        ("y", [[0.5, 1.5], [1, -1], 2.0, None, []], [[0.5, 1.5], [1.0, -1.0], [2.0], None, []]),
    ],
)
def test_features_of_examples_and_contexts(name: str, values: list[Any], read_values: list[Any]) -> None:
    feature_name = "meta.id" if name == "id" else name
    wanted = (read_values, [])
    assert outcome(read(*(example({feature_name: value}) for value in values), fields=field(name))) == wanted
    context = [sequence_example({feature_name: value}, []) for value in values]
    assert outcome(read(*context, sequence=True, fields=field(name))) == wanted


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("id", ["a", "b"], f"field 'meta.id' must be {NAMES}; the feature holds several values"),
        ("id", 1.5, f"field 'meta.id' must be {NAMES}; it is of type float"),
        ("t", [1.5], f"field 't' must be {NAME_LISTS}; it is of type list<item: float>"),
        ("y", ["1"], "field 'y' must be a list of numbers; it is of type list<item: binary>"),
        ("t", [b"\xff"], "field 't' must be valid UTF-8"),
    ],
)
def test_features_that_do_not_fit_are_rejected_alone(name: str, value: Any, rule: str) -> None:
    feature_name = "meta.id" if name == "id" else name
    messages = [sequence_example({feature_name: one}, []) for one in (None, value, None)]
    assert outcome(read(*messages, sequence=True, fields=field(name))) == ([None, None], [(1, rule)])


def test_an_example_holds_no_frames() -> None:
    message = sequence_example({"x": [1.0, 2.0]}, [])
    rule = (
        "field 'x' must be a list of frames, each a list of numbers; a feature holds values without frames: "
        "say `layout: flat` in the spec"
    )
    assert outcome(read(message, sequence=True, fields=field("x"))) == ([], [(0, rule)])


def test_steps_of_one_value_are_a_list() -> None:
    messages = [lists("t", "a", "bc"), lists("t"), lists("t", 1, -2), lists("t", "a", None, []), lists("z", "a")]
    block = read(*messages, sequence=True, fields=field("t"))
    assert outcome(block) == ([["a", "bc"], [], ["1", "-2"], ["a", None, None], None], [])
    block = read(lists("y", 1.5, 2.5), lists("y", 1, 2), lists("y", None), sequence=True, fields=field("y"))
    assert outcome(block) == ([[1.5, 2.5], [1.0, 2.0], [None]], [])


def test_steps_of_several_values_are_frames() -> None:
    messages = [lists("x", [1.0, 2.0], [3.0, 4.0]), lists("x", [1, 2]), lists("x", [1.0], None, []), lists("x", None)]
    assert outcome(read(*messages, sequence=True, fields=field("x"))) == (
        [[[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0]], [[1.0], None, []], [None]],
        [],
    )


@pytest.mark.parametrize(
    ("name", "steps", "rule"),
    [
        ("t", [["a"], ["b", "c"]], f"field 't' must be {NAME_LISTS}, one for each step; a step holds several values"),
        (
            "y",
            [[1.0, 2.0]],
            "field 'y' must be a list of numbers, one for each step; a step holds several values; "
            "say `layout: frames` in the spec",
        ),
        ("t", [1, "a"], f"field 't' must be {NAME_LISTS}; its steps are of the kinds bytes_list, int64_list"),
        ("t", [1.5], f"field 't' must be {NAME_LISTS}; it is of type list<item: float>"),
        ("label", ["a"], f"field 'c' must be {NAMES}; it is a feature list, with a feature for each step"),
    ],
)
def test_steps_that_do_not_fit_are_rejected_alone(name: str, steps: list[Any], rule: str) -> None:
    path = "c" if name == "label" else name
    block = read(lists("z"), lists(path, *steps), lists("z"), sequence=True, fields=field(name))
    assert outcome(block) == ([None, None], [(1, rule)])


def test_a_field_stands_in_one_place() -> None:
    both = sequence_example({"t": ["a"]}, ["t"]) + sequence_example({"t": ["b"]}, [])  # protobuf merges them
    block = read(both, lists("t", "a"), sequence_example({"t": ["b"]}, []), sequence=True, fields=field("t"))
    rule = "field 't' must stand in the context or in the feature lists; it stands in both; rename one of them"
    assert outcome(block) == ([["a"], ["b"]], [(0, rule)])
    assert block.rejected[0].reason == "duplicate_field"


def test_what_is_missing_can_be_explained() -> None:
    block = read(
        example({"meta.idd": 1, "c": 1, "t": [1]}),
        example({"meta.id": [], "c": 1, "t": [1]}),
        example({"meta.id": 1, "c": 1}),
        fields=[one for one in FIELDS if one.name in ("id", "label", "t")],
    )
    assert [block.explain(i) for i in range(3)] == [
        ("missing_field", "field 'meta.id' must have a value; did you mean 'meta.idd'?"),
        ("missing_field", "field 'meta.id' must have a value; it is empty"),
        ("missing_field", "field 't' must have a value; the record has no such field"),
    ]
    assert [block.received(i) for i in (0, 1)] == [b'{"c": [1], "t": [1]}', b'{"c": [1], "meta.id": [], "t": [1]}']


def test_feature_lists_are_not_passed_over_in_silence() -> None:
    block = read(
        sequence_example({"c": "a", "t": ["b"]}, ["t"]),
        example({"c": "a"}),
        fields=[one for one in FIELDS if one.name in ("label", "t")],
    )
    assert [block.explain(i)[1] for i in range(2)] == [
        "field 't' must have a value; it holds feature lists, as a tf.train.SequenceExample: say "
        "`input: {format: tfrecord_sequence}` in the spec",
        "field 't' must have a value; the record has no such field",
    ]


def test_frames_are_checked() -> None:
    messages = [example({"c": "a"}), example({"c": "b"}), b"\xff\xff", example({"c": "d"}), b""]
    data = bytearray(tfrecord(messages))
    at = len(messages[0]) + FRAME_BYTES
    data[at + 12] ^= 1
    (block,) = read_tfrecord(io.BytesIO(bytes(data)), field("label"), False, 1 << 20)
    assert block.columns["label"].to_pylist() == ["a", "d", None]
    assert (block.lines.tolist(), block.line_count) == ([0, 3, 4], 5)
    ends = np.cumsum([0, *(len(message) + FRAME_BYTES for message in messages)]).tolist()
    assert block.offsets.tolist() == [ends[0], ends[3], ends[4]]
    assert [(r.offset, r.line, r.reason, r.rule) for r in block.rejected] == [
        (at, 1, "broken_crc", "a record must fit its checksum (CRC-32C); it is damaged; write it again"),
        (
            ends[2],
            2,
            "invalid_example",
            "a record must be a serialised tf.train.Example; protobuf cannot read it as one",
        ),
    ]
    assert block.rejected[1].excerpt == "\\xff\\xff"


def test_blocks_end_at_a_size() -> None:
    data = tfrecord(example({"c": str(i)}) for i in range(50))
    blocks = list(read_tfrecord(io.BytesIO(data), field("label"), False, 100))
    assert {block.line_count for block in blocks[:-1]} == {7, 8}
    assert [name for block in blocks for name in block.columns["label"].to_pylist()] == [str(i) for i in range(50)]
    assert [at for block in blocks for at in block.offsets.tolist()][:3] == [0, 30, 60]


def test_a_record_may_be_larger_than_what_is_read_at_a_time() -> None:
    messages = [example({"c": "a"}), example({"c": "b" * 3_000_000}), example({"c": "c"})]
    blocks = list(read_tfrecord(io.BytesIO(tfrecord(messages)), field("label"), False, 1000))
    assert [len(name) for block in blocks for name in block.columns["label"].to_pylist()] == [1, 3_000_000, 1]


class FewAtATime(io.BytesIO):
    """A stream that gives less than it is asked for, as those of compressed content do."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 5, 5))


def test_a_stream_may_give_less_than_it_is_asked_for() -> None:
    data = tfrecord(example({"c": str(i)}) for i in range(5))
    (block,) = read_tfrecord(FewAtATime(data), field("label"), False, 1 << 20)
    assert block.columns["label"].to_pylist() == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("stream", [io.BytesIO, FewAtATime])
def test_a_record_that_is_too_large_is_rejected_alone(stream: type[io.BytesIO]) -> None:
    messages = [example({"c": "a" * 20}), example({"c": "b" * 3_000}), example({"c": "c"})]
    (block,) = read_tfrecord(stream(tfrecord(messages)), field("label"), False, 1 << 20, len(messages[0]))
    assert block.columns["label"].to_pylist() == ["a" * 20, "c"]
    assert block.offsets.tolist() == [0, sum(map(len, messages[:2])) + 2 * FRAME_BYTES]
    assert [(r.offset, r.line, r.reason) for r in block.rejected] == [(len(messages[0]) + FRAME_BYTES, 1, "too_large")]
    assert block.rejected[0].rule.startswith(f"a record must have at most {len(messages[0])} bytes (max_record_bytes)")
    assert len(block.rejected[0].excerpt) == 200
    cut = tfrecord(messages[:2])[:-1]
    with pytest.raises(DataError, match=r"^byte 49: the frame of 3,034 bytes must be whole; 3,033 bytes follow; "):
        list(read_tfrecord(stream(cut), field("label"), False, 1 << 20, 100))


SOUND = tfrecord([example({"c": "a"}), example({"c": "b"})])
SECOND = len(SOUND) // 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (SOUND[:5], f"byte 0: no TFRecord frame begins here: the frame is cut off; {REMEDY}"),
        (SOUND[: SECOND + 11], f"byte {SECOND}: no TFRecord frame begins here: the frame is cut off; {REMEDY}"),
        (SOUND[:-1], f"byte {SECOND}: the frame of 30 bytes must be whole; 29 bytes follow; {REMEDY}"),
        (
            SOUND[:SECOND] + b"?" + SOUND[SECOND + 1 :],
            f"byte {SECOND}: no TFRecord frame begins here: the length of the frame does not fit its checksum; "
            f"{REMEDY}",
        ),
        (b"{" * 100, "byte 0: no TFRecord frame begins here: the length of the frame does not fit its checksum; "
                     f"{REMEDY}"),
    ],
)  # fmt: skip
def test_a_file_whose_next_record_nobody_finds_is_damaged(data: bytes, message: str) -> None:
    with pytest.raises(DataError) as error:
        list(read_tfrecord(io.BytesIO(data), field("label"), False, 1 << 20))
    assert str(error.value) == message


def test_a_frame_that_says_it_is_huge_is_cut_off() -> None:
    length = (2**62).to_bytes(8, "little")
    head = length + masked_crc(length)
    with pytest.raises(DataError, match=r"^byte 0: the frame of 4,611,686,018,427,387,920 bytes must be whole; 12 "):
        list(read_tfrecord(io.BytesIO(head), field("label"), False, 1 << 20))


def masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return (((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")


@given(st.lists(st.lists(INT64S, max_size=5), max_size=5), st.lists(st.lists(st.floats(width=32), max_size=40)))
def test_values_are_those_of_protobuf(integers: list[list[int]], floats: list[list[float]]) -> None:
    read_integers, sizes = int64_values([Int64List(value=values) for values in integers])
    assert (read_integers.to_pylist(), sizes.tolist()) == (
        [value for row in integers for value in row],
        list(map(len, integers)),
    )
    read_floats, sizes = float_values([feature(values).float_list for values in floats])
    assert repr(read_floats.to_pylist()) == repr([value for row in floats for value in row])
    assert sizes.tolist() == list(map(len, floats))


def test_lists_with_more_than_values_are_read() -> None:
    unknown = b"\x10\x01"
    made = feature([1, 300])
    made.int64_list.MergeFromString(unknown)
    assert [one.tolist() for one in int64_values([made.int64_list])] == [[1, 300], [2]]
    made = feature([1.5])
    made.float_list.MergeFromString(unknown)
    assert [one.tolist() for one in float_values([made.float_list])] == [[1.5], [1]]
    assert [one.tolist() for one in bytes_values([feature(["a", "b"]).bytes_list])] == [[b"a", b"b"], [2]]


def step_lists() -> st.SearchStrategy[list[list[Any]]]:
    strings = st.text(max_size=3) | st.just("x" * 130)
    floats = st.floats(width=32, allow_nan=False)
    one = st.sampled_from([strings, INT64S, floats]).flatmap(lambda kind: st.lists(st.lists(kind, max_size=4)))
    wide = st.integers(1, 50).flatmap(lambda n: st.lists(st.lists(st.lists(floats, min_size=n, max_size=n))))
    single = st.sampled_from([strings, INT64S, floats]).flatmap(lambda kind: st.lists(st.lists(kind)))
    return st.lists(one, max_size=4) | wide | st.lists(single.map(lambda steps: [s[:1] for s in steps]), max_size=4)


@given(step_lists())
def test_steps_that_are_read_together_are_those_of_protobuf(records: list[list[list[Any]]]) -> None:
    made = [FeatureList(feature=map(feature, steps)) for steps in records]
    read_together = step_values(made)
    if read_together is not None:
        plain = [value.encode() if isinstance(value, str) else value for steps in records for s in steps for value in s]
        assert read_together.values.to_pylist() == plain
        assert read_together.sizes.tolist() == [len(step) for steps in records for step in steps]
        assert read_together.lengths.tolist() == list(map(len, records))


@pytest.mark.parametrize(
    ("steps", "together"),
    [
        ([1, 300, -1], True),
        (["a", "", "bc"], True),
        ([[1.0, 2.0], [3.0, 4.0]], True),
        ([[1.0, 2.0], [3.0]], True),
        ([[1, 2], [3, 300]], True),
        ([[1.0] * 100] * 3, True),
        ([[1.0] * 100, [1.0] * 99], False),
        ([["a", "b"]], False),
        ([1, "a"], False),
        ([None, 1], False),
        ([1, None], False),
        ([[], 1], False),
        ([], False),
    ],
)
def test_most_steps_are_read_together(steps: list[Any], together: bool) -> None:
    assert (step_values([FeatureList(feature=map(feature, steps))]) is not None) is together


def test_unknown_parts_of_a_step_are_passed_over() -> None:
    odd = Feature.FromString(feature(5).SerializeToString() + b"\x20\x01")
    made = FeatureList(feature=[odd, feature(6)])
    assert step_values([made]) is None
    assert feature_list_column([made], field("t")[0]).column.to_pylist() == [["5", "6"]]
