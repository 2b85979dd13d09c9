"""TensorFlow's way of the text rules against Arrow's, over the code points.

A search tries every one; other runs leave out most of the large blocks whose characters no rule tells apart.
"""

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.dataset_pb2 import Derive, SequenceFeature, Take, Tokenizer
from schemas.ragged import Ragged
from schemas.records import text as rules
from schemas.records.tokens import derive_tokens
from tests.effort import SEARCHES, tries
from trainer.export.text_rules import derived, is_utf8, lower, tokenize, tokens_of

# Ideographs, Hangul, private use, Tangut, and what is beyond the planes of letters and symbols: of these one in 61 is
# tried, which has no factor in common with the sizes of blocks, and the first and the last.
LARGE = [
    range(0x3400, 0xA000),
    range(0xAC00, 0xD7A4),
    range(0xE000, 0xF900),
    range(0x17000, 0x18D00),
    range(0x20000, 0xE0000),
    range(0xE0200, sys.maxunicode + 1),
]


def _tried() -> list[str]:
    skipped: set[int] = set()
    if not SEARCHES:
        skipped.update(point for block in LARGE for point in block[1:-1] if point % 61)
    points = range(sys.maxunicode + 1)
    return [chr(point) for point in points if not 0xD800 <= point < 0xE000 and point not in skipped]


EVERY = _tried()
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


@pytest.mark.parametrize(("tokenizer", "lowercase"), [("whitespace", False), ("words", True)])
def test_every_code_point_alone_and_among_others(around: list[str], tokenizer: str, lowercase: bool) -> None:
    assert_alike(around, tokenizer, lowercase)


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("tokenizer", ["characters", "bytes"])
def test_every_code_point_of_tokenizers_without_context(tokenizer: str, lowercase: bool) -> None:
    assert_alike(EVERY, tokenizer, lowercase)


@settings(deadline=None, max_examples=tries(15))
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=5), st.booleans())
@example([], True)
@example(["", " ", "\x00", "a\x00", "İSTANBUL\u2003K"], True)
def test_any_texts(texts: list[str], lowercase: bool) -> None:
    for tokenizer in TOKENIZERS:
        assert_alike(texts, tokenizer, lowercase)


@settings(deadline=None, max_examples=tries(25))
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=6), st.integers(1, 4))
@example(EVERY, 1)
@example([f"{c}e\u0301{c}" for c in EVERY[::101]], 2)
@example([], 1)
def test_what_is_derived_from_any_tokens(tokens: list[str], length: int) -> None:
    names = pa.array(tokens, pa.string()).dictionary_encode()
    for take in ("prefix", "suffix", "shape", "lower"):
        of_affix = {"length": length} if take in {"prefix", "suffix"} else {}
        rule = Derive(of="x", take=Take.Value.Value(take), **of_affix)
        wanted = derive_tokens(Ragged(names, np.array([0, len(tokens)])), rule).values.dictionary_decode()
        assert derived(tensor(tokens), rule).numpy().tolist() == wanted.cast(pa.binary()).to_pylist()


def decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


# Bytes at the borders of what may follow what.
BORDERS = [
    0,
    0x41,
    0x7F,
    0x80,
    0x8F,
    0x90,
    0x9F,
    0xA0,
    0xBF,
    0xC0,
    0xC1,
    0xC2,
    0xDF,
    0xE0,
    0xE1,
    0xEC,
    0xED,
    0xEE,
    0xEF,
]
BORDERS += [0xBD, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]


def test_what_is_no_utf8() -> None:
    short = [bytes(part) for size in range(4) for part in product(BORDERS, repeat=size)]
    long = [bytes(part) for part in np.random.default_rng(2).choice(BORDERS[3:], (20_000, 4))]
    found = is_utf8(tf.constant(np.array([*short, *long], object), tf.string)).numpy()
    np.testing.assert_array_equal(found, [decodes(data) for data in (*short, *long)])
    assert is_utf8(tf.constant([], tf.string)).shape == (0,)


def test_each_different_token_by_its_name() -> None:
    strings = tf.ragged.constant([["b", "a"], [], ["b", ""]])
    found = tokens_of(strings, each_once=True)
    assert found.names.numpy().tolist() == [b"b", b"a", b""]
    assert found.codes.numpy().tolist() == [0, 1, 0, 2]
    assert found.strings().to_list() == strings.to_list() == tokens_of(strings).strings().to_list()


def test_in_a_saved_graph(tmp_path: Path) -> None:
    module = tf.Module()
    signature = [tf.TensorSpec([None], tf.string)]
    module.tokens = tf.function(lambda texts: tokenize(texts, "words", True).strings().to_tensor(), signature)
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    wanted = [[b"it's", "ÿ".encode()], [b"k", b""]]
    assert loaded.tokens(tensor(["It's Ÿ", "K"])).numpy().tolist() == wanted
