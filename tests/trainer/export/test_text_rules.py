"""TensorFlow's way of the text rules against Arrow's, over every code point."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.dataset_pb2 import SequenceFeature, Tokenizer
from schemas.records import text as rules
from trainer.export.text_rules import lower, tokenize

EVERY = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
TOKENIZERS = ["whitespace", "words", "characters", "bytes"]


def tensor(texts: list[str]) -> tf.Tensor:
    """Objects of bytes, because an array of strings drops a NUL at the end."""
    return tf.constant(np.array([text.encode() for text in texts], object))


@pytest.fixture(scope="module")
def around() -> list[str]:
    """Every code point alone, within a word, and on both sides of an apostrophe."""
    return [*EVERY, *(f"a{c}b" for c in EVERY), *(f"a {c}'{c}" for c in EVERY)]


def arrow_tokens(texts: list[str], tokenizer: str, lowercase: bool) -> pa.ListArray:
    feature = SequenceFeature(tokenizer=Tokenizer.Value.Value(tokenizer), lowercase=lowercase)
    return rules.tokenize(pa.array(texts, pa.string()), feature)


def assert_alike(texts: list[str], tokenizer: str, lowercase: bool) -> None:
    wanted = arrow_tokens(texts, tokenizer, lowercase)
    found = tokenize(tensor(texts), tokenizer, lowercase).strings()
    np.testing.assert_array_equal(found.row_splits.numpy(), wanted.offsets.to_numpy())
    tokens = wanted.values.dictionary_decode().cast(pa.binary()).to_numpy(zero_copy_only=False)
    np.testing.assert_array_equal(found.flat_values.numpy(), tokens)


def test_lower_case_of_every_code_point() -> None:
    texts = [*EVERY, "".join(EVERY), ""]
    wanted = rules.lower(pa.array(texts, pa.string())).cast(pa.binary()).to_pylist()
    assert lower(tensor(texts)).numpy().tolist() == wanted


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("tokenizer", ["whitespace", "words"])
def test_every_code_point_alone_and_among_others(around: list[str], tokenizer: str, lowercase: bool) -> None:
    assert_alike(around, tokenizer, lowercase)


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("tokenizer", ["characters", "bytes"])
def test_every_code_point_of_tokenizers_without_context(tokenizer: str, lowercase: bool) -> None:
    assert_alike(EVERY, tokenizer, lowercase)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=5), st.booleans())
@example([], True)
@example(["", " ", "\x00", "a\x00", "İSTANBUL\u2003K"], True)
def test_any_texts(texts: list[str], lowercase: bool) -> None:
    for tokenizer in TOKENIZERS:
        assert_alike(texts, tokenizer, lowercase)


def test_in_a_saved_graph(tmp_path: Path) -> None:
    module = tf.Module()
    signature = [tf.TensorSpec([None], tf.string)]
    module.tokens = tf.function(lambda texts: tokenize(texts, "words", True).strings().to_tensor(), signature)
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    wanted = [[b"it's", "ÿ".encode()], [b"k", b""]]
    assert loaded.tokens(tensor(["It's Ÿ", "K"])).numpy().tolist() == wanted
