"""The text rules in a TensorFlow graph: the same patterns and tables that Arrow applies, and the same tokens.

Only operations of TensorFlow itself, so that a saved model needs nothing beside it. Normalisation forms and
subwords cannot be had with them; a model of such tokens takes the tokens.

Operations that decode texts take many times as long as one look for what is beyond ASCII, so that texts of ASCII
alone are spared them.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from schemas.dataset_pb2 import Derive, Take
from schemas.records.text import BYTE_TOKENS, TEXT_RULES
from schemas.records.unicode import CodePointMap, lower_map, shape_map

_ASCII = r"[\x00-\x7F]*"


class Tokens(NamedTuple):
    """The tokens of records, by where each stands among some names.

    Attributes:
      names: string, (names,); one may be there more than once.
      codes: int64, (steps,); in `names`, of the tokens of all records one after another.
      splits: int64, (records + 1,), in `codes`; record i has codes[splits[i]:splits[i + 1]].
    """

    names: tf.Tensor
    codes: tf.Tensor
    splits: tf.Tensor

    def strings(self) -> tf.RaggedTensor:
        """Returns the tokens themselves, string, (records, (tokens))."""
        return tf.RaggedTensor.from_row_splits(tf.gather(self.names, self.codes), self.splits, validate=False)


def tokens_of(strings: tf.RaggedTensor, each_once: bool = False) -> Tokens:
    """Returns tokens, string, (records, (tokens)), by their names.

    Args:
      strings: The tokens.
      each_once: Whether each different token is to be among the names once, which costs as much as a look-up of all.
    """
    names = strings.flat_values
    if not each_once:
        return Tokens(names, tf.range(tf.size(names, tf.int64)), strings.row_splits)
    different, codes = tf.unique(names, tf.int64)
    return Tokens(different, codes, strings.row_splits)


def is_utf8(texts: tf.Tensor) -> tf.Tensor:
    """Returns which strings, (n,), are UTF-8 as Python decodes it, bool, (n,)."""

    def judged(some: tf.Tensor) -> tf.Tensor:
        # What is no UTF-8 is left out, and nothing else is.
        return tf.strings.unicode_transcode(some, "UTF-8", "UTF-8", errors="ignore") == some

    return _beyond_ascii(texts, tf.ones_like(texts, tf.bool), judged)


def lower(texts: tf.Tensor) -> tf.Tensor:
    """Returns the strings in lower case, as `schemas.records.text.lower` does.

    Args:
      texts: string, (records,), in UTF-8.

    Returns:
      string, (records,).
    """
    return _beyond_ascii(texts, tf.strings.lower(texts), lambda some: _mapped(some, lower_map()))


def tokenize(texts: tf.Tensor, tokenizer: str, lowercase: bool, each_once: bool = False) -> Tokens:
    """Returns the tokens of each text, as the pipeline makes them.

    Args:
      texts: string, (records,), in UTF-8.
      tokenizer: "whitespace", "words", "characters" or "bytes".
      lowercase: Whether the texts are put in lower case first.
      each_once: See `tokens_of`; characters and bytes are always so.
    """
    if lowercase:
        texts = lower(texts)
    if tokenizer == "bytes":
        return _byte_tokens(texts)
    if tokenizer == "characters":
        return code_points(texts)
    for pattern, replacement in TEXT_RULES[tokenizer].replacements:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    # At white space of ASCII, of which only spaces are left; nothing empty.
    return tokens_of(tf.strings.split(texts), each_once)


def code_points(texts: tf.Tensor) -> Tokens:
    """Returns the code points of texts, string, (records,), in UTF-8; each different one is among the names once."""
    points = tf.strings.unicode_decode(texts, "UTF-8", errors="strict")
    different, codes = tf.unique(points.flat_values, tf.int64)
    return Tokens(tf.strings.unicode_encode(different[:, None], "UTF-8"), codes, points.row_splits)


def derived(names: tf.Tensor, rule: Derive) -> tf.Tensor:
    """Returns what a rule other than characters makes of each token, string, (n,); see `schemas.records.derive`."""
    if rule.take == Take.prefix:
        return tf.strings.substr(names, 0, rule.length, unit="UTF8_CHAR")
    if rule.take == Take.suffix:
        first = tf.maximum(tf.strings.length(names, unit="UTF8_CHAR") - rule.length, 0)
        return tf.strings.substr(names, first, tf.fill(tf.shape(first), rule.length), unit="UTF8_CHAR")
    return _mapped(names, shape_map()) if rule.take == Take.shape else lower(names)


def _beyond_ascii(texts: tf.Tensor, plain: tf.Tensor, of_others: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Returns `plain`, (n,), but for the texts, (n,), that hold more than ASCII what is made of them."""
    places = tf.where(~tf.strings.regex_full_match(texts, _ASCII))
    return tf.tensor_scatter_nd_update(plain, places, of_others(tf.gather_nd(texts, places)))


def _mapped(texts: tf.Tensor, by: CodePointMap) -> tf.Tensor:
    distances = np.append(by.table - np.arange(len(by.table), dtype=np.int32), np.int32(0))
    points = tf.strings.unicode_decode(texts, "UTF-8", errors="strict")
    # The last entry stands for all code points beyond the table.
    changes = tf.gather(distances, tf.minimum(points.flat_values, len(by.table)))
    return tf.strings.unicode_encode(points.with_flat_values(points.flat_values + changes), "UTF-8")


def _byte_tokens(texts: tf.Tensor) -> Tokens:
    # All texts in one, as texts of different lengths cannot be decoded together.
    data = tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8)
    splits = tf.pad(tf.cumsum(tf.cast(tf.strings.length(texts), tf.int64)), [[1, 0]])
    return Tokens(tf.constant(BYTE_TOKENS), tf.cast(data, tf.int64), splits)
