"""The text rules in a TensorFlow graph: the same patterns and tables that Arrow applies, and the same tokens.

Only operations of TensorFlow itself, so that a saved model needs nothing beside it. Normalisation forms and
subwords cannot be had with them; a model of such tokens takes the tokens.
"""

import numpy as np
import tensorflow as tf

from schemas.records.text import BYTE_TOKENS, TEXT_RULES
from schemas.records.unicode import lower_map


def lower(texts: tf.Tensor) -> tf.Tensor:
    """Returns the strings in lower case, as `schemas.records.text.lower` does.

    Args:
      texts: string, (records,), in UTF-8.

    Returns:
      string, (records,).
    """
    table = lower_map().table
    distances = np.append(table - np.arange(len(table), dtype=np.int32), np.int32(0))
    points = tf.strings.unicode_decode(texts, "UTF-8", errors="strict")
    # The last entry stands for all code points beyond the table.
    changes = tf.gather(distances, tf.minimum(points.flat_values, len(table)))
    return tf.strings.unicode_encode(points.with_flat_values(points.flat_values + changes), "UTF-8")


def tokenize(texts: tf.Tensor, tokenizer: str, lowercase: bool) -> tf.RaggedTensor:
    """Returns the tokens of each text, as the pipeline makes them.

    Args:
      texts: string, (records,), in UTF-8.
      tokenizer: "whitespace", "words", "characters" or "bytes".
      lowercase: Whether the texts are put in lower case first.

    Returns:
      string, (records, (tokens)).
    """
    if lowercase:
        texts = lower(texts)
    if tokenizer == "bytes":
        return _byte_tokens(texts)
    if tokenizer == "characters":
        return tf.strings.unicode_split(texts, "UTF-8", errors="strict")
    for pattern, replacement in TEXT_RULES[tokenizer].replacements:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    pieces = tf.strings.split(texts, " ")
    return tf.ragged.boolean_mask(pieces, pieces != "")


def _byte_tokens(texts: tf.Tensor) -> tf.RaggedTensor:
    each = tf.strings.bytes_split(texts)
    codes = tf.reshape(tf.io.decode_raw(each.flat_values, tf.uint8), [-1])
    return each.with_flat_values(tf.gather(tf.constant(BYTE_TOKENS), tf.cast(codes, tf.int32)))
