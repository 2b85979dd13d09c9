"""Which columns of raw records a graph takes, by the spec."""

import pytest
import tensorflow as tf

from schemas.spec import parse_spec
from trainer.export.columns import column_kinds, column_specs, start_sequence

SPEC = """
sequences:
  text: {type: tokens, tokenizer: bytes, lowercase: true}
  shape: {derive: {of: text, take: shape}}
  list: {type: tokens, lowercase: true}
  pieces: {type: tokens, tokenizer: subwords, tokenizer_file: t.json}
  composed: {type: tokens, tokenizer: words, normalization: nfc}
  names: {type: tokens, normalization: nfkd}
  frames: {type: series, layout: columns, columns: [x, y], time: {from: at, format: iso8601}}
  flat: {type: series, layout: flat, dims: 3, missing: mean}
context: {age: {type: number}, source: {type: category}}
label: {type: class}
"""


def test_the_kind_of_each_column() -> None:
    assert {name: kind.value for name, kind in column_kinds(parse_spec(SPEC)).items()} == {
        "age": "number",
        "composed": "ready_tokens",
        "flat": "series",
        "frames": "series",
        "frames/time": "times",
        "list": "tokens",
        "names": "ready_tokens",
        "pieces": "ready_tokens",
        "source": "category",
        "text": "text",
    }
    assert list(column_kinds(parse_spec(SPEC))) == sorted(column_kinds(parse_spec(SPEC)))


def test_the_tensor_of_each_column() -> None:
    strings, ragged = tf.TensorSpec([None], tf.string), tf.RaggedTensorSpec([None, None], tf.string)
    assert column_specs(parse_spec(SPEC)) == {
        "age": tf.TensorSpec([None], tf.float32),
        "composed": ragged,
        "flat": tf.RaggedTensorSpec([None, None, 3], tf.float32, ragged_rank=1),
        "frames": tf.RaggedTensorSpec([None, None, 2], tf.float32, ragged_rank=1),
        "frames/time": tf.RaggedTensorSpec([None, None], tf.int64),
        "list": ragged,
        "names": ragged,
        "pieces": ragged,
        "source": strings,
        "text": strings,
    }


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("{type: class}", "a"),
        ("{type: per_step_class, of: c}", "b"),
        ("{type: per_step_class, of: b}", "b"),
        ("{type: next_step, of: a}", "a"),
    ],
)
def test_the_sequence_that_a_start_is_of(label: str, name: str) -> None:
    sequences = "{b: {type: tokens}, c: {type: tokens, aligned_with: b}, a: {type: tokens}}"
    assert start_sequence(parse_spec(f"sequences: {sequences}\nlabel: {label}")) == name
