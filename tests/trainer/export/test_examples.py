"""Fields of Example messages in a graph: what each kind of list becomes, and what is said of records at fault."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from schemas.example_pb2 import Example
from schemas.spec import parse_spec
from trainer.export.dense import dense_specs, read_dense
from trainer.export.examples import read_examples

SPEC = parse_spec("""
sequences:
  text: {type: tokens, tokenizer: words, from: said.words, empty: keep}
  names: {type: tokens, empty: keep}
  flat: {type: series, dims: 2, missing: zero, time: {from: at, format: unix_milliseconds}}
  sides: {type: series, dims: 2, layout: columns, columns: [x, y]}
context: {age: {type: number}, place: {type: category}}
""")
GOOD: dict[str, list[Any]] = {
    "said.words": [b"it is"],
    "names": [b"a", b"b"],
    "flat": [1.0, 2.0, 3.0, 4.0],
    "at": [5, 7],
    "x": [1.0],
    "y": [2.0],
    "age": [3.5],
    "place": [b"north"],
}


def serialized(**changes: list[Any] | None) -> bytes:
    """A message of lists, whose kind is that of the first value; of an empty list bytes; None: a feature of no kind."""
    example = Example()
    for name, values in {**GOOD, **changes}.items():
        feature = example.features.feature[name]
        if values is not None:
            kind = {bytes: "bytes_list", float: "float_list", int: "int64_list"}[type(values[0]) if values else bytes]
            getattr(feature, kind).value.extend(values)
            getattr(feature, kind).SetInParent()
    return example.SerializeToString()


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
def read(messages: tf.Tensor) -> Any:
    return read_examples(messages, SPEC)


def columns(*messages: bytes) -> tuple[dict[str, Any], list[str]]:
    found, refused = read(tf.constant(list(messages), tf.string, [len(messages)]))
    plain = {
        name: values.to_list() if isinstance(values, tf.RaggedTensor) else values.numpy().tolist()
        for name, values in found.items()
    }
    return plain, [reason.decode() for reason in refused.numpy().tolist()]


def test_what_a_good_record_becomes() -> None:
    found, refused = columns(serialized())
    assert found == {
        "age": [3.5],
        "flat": [[[1.0, 2.0], [3.0, 4.0]]],
        "flat/time": [[5_000, 7_000]],
        "names": [[b"a", b"b"]],
        "place": [b"north"],
        "sides": [[[1.0, 2.0]]],
        "text": [b"it is"],
    }
    assert refused == [""]


def test_integers_are_names_and_numbers() -> None:
    found, refused = columns(serialized(names=[-7, 12], flat=[1, 2], at=[0], age=[4], place=[3], x=[5]))
    assert (found["names"], found["flat"], found["age"], found["place"]) == ([[b"-7", b"12"]], [[[1, 2]]], [4], [b"3"])
    assert found["sides"] == [[[5.0, 2.0]]]
    assert refused == [""]


def test_an_empty_list_is_a_list_and_no_single_value() -> None:
    found, refused = columns(serialized(names=[], flat=[], at=[], x=[], y=[]), serialized(place=[]))
    assert (found["names"], found["flat"], found["sides"]) == (
        [[], [b"a", b"b"]],
        [[], [[1, 2], [3, 4]]],
        [[], [[1, 2]]],
    )
    assert refused == ["", "missing_field"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"names": None}, "missing_field"),
        ({"age": None}, "missing_field"),
        ({"y": None}, "missing_field"),
        ({"at": None}, "missing_field"),
        ({"said.words": [b"one", b"two"]}, "wrong_type"),
        ({"said.words": [3]}, "wrong_type"),
        ({"place": [1.5]}, "wrong_type"),
        ({"names": [1.5]}, "wrong_type"),
        ({"flat": [b"1.5"]}, "wrong_type"),
        ({"age": [1.0, 2.0]}, "wrong_type"),
        ({"flat": [1.0, 2.0, 3.0]}, "wrong_dims"),
        ({"x": [1.0, 2.0]}, "not_aligned"),
    ],
)
def test_a_record_at_fault_harms_no_other(changes: dict[str, Any], reason: str) -> None:
    found, refused = columns(serialized(), serialized(**changes), serialized())
    assert refused == ["", reason, ""]
    good, _ = columns(serialized())
    for name, values in found.items():
        assert [values[0], values[2]] == [good[name][0]] * 2


def test_a_message_without_features_and_none_at_all() -> None:
    assert columns(b"")[1] == ["missing_field"]
    found, refused = columns()
    assert refused == []
    assert set(map(len, found.values())) == {0}


def test_of_a_name_that_is_there_twice_the_last_counts() -> None:
    assert columns(serialized(place=[b"first"]) + serialized(place=[b"last"]))[0]["place"] == [b"last"]


def test_what_is_no_message_fails() -> None:
    with pytest.raises(tf.errors.OpError):
        columns(b"\xff\xff")


def dense(**changes: Any) -> tuple[dict[str, Any], list[str]]:
    arguments: dict[str, Any] = {
        "text": [b"it is", b""],
        "names": [[b"a", b"b"], [b"", b""]],
        "names_length": [2, 0],
        "flat": np.ones((2, 3, 2), np.float32),
        "flat_length": [1, 3],
        "flat_time": [[5.4, 0.0, 0.0], [0.0006, np.nan, 1e300]],
        "sides": np.zeros((2, 0, 2), np.float32),
        "sides_length": [0, 0],
        "age": [1.0, 2.0],
        "place": [b"x", b"y"],
    }
    specs = dense_specs(SPEC)
    given = {name: tf.constant(values, specs[name].dtype) for name, values in {**arguments, **changes}.items()}
    assert set(given) == set(specs)
    found, refused = read_dense(given, SPEC)
    lists = {name: values.to_list() for name, values in found.items() if isinstance(values, tf.RaggedTensor)}
    return lists, [reason.decode() for reason in refused.numpy().tolist()]


def test_lengths_say_what_is_real_and_times_are_of_their_unit() -> None:
    lists, refused = dense()
    assert lists["names"] == [[b"a", b"b"], []]
    assert lists["flat"] == [[[1, 1]], [[1, 1]] * 3]
    none = 253_402_300_800_000_000  # the year 10000
    assert lists["flat/time"] == [[5_400], [1, none, none]]
    assert refused == ["", ""]


@pytest.mark.parametrize("lengths", [[-1, 0], [3, 0]])
def test_a_length_that_cannot_be(lengths: list[int]) -> None:
    assert dense(names_length=lengths)[1] == ["invalid_length", ""]
