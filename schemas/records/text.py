"""Text rules: how a text becomes tokens, stated as data and applied by Arrow.

A rule is a list of replacements in RE2 syntax, then a cut at every single space; what is empty is
no token. Arrow and TensorFlow both match with RE2, so that a graph can apply the same rules.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import SequenceFeature, Tokenizer

# The code points of the Unicode property White_Space, but for the space itself. Written out,
# because neither RE2's \s nor the split functions of Arrow and TensorFlow agree on them.
OTHER_WHITE_SPACE = r"\t-\r\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
_LETTER = r"[\p{L}\p{M}\p{N}_]"
_WORD = rf"{_LETTER}+(?:['’]{_LETTER}+)*"
_SYMBOL = rf"[^\p{{L}}\p{{M}}\p{{N}}_ {OTHER_WHITE_SPACE}]"


@dataclass(frozen=True)
class TextRule:
    """Replacements, then a cut at every space.

    Attributes:
      replacements: Pairs of an RE2 pattern and what each match becomes, in order.
    """

    replacements: tuple[tuple[str, str], ...]


_SPACES = (f"[{OTHER_WHITE_SPACE}]", " ")
TEXT_RULES = {
    Tokenizer.whitespace: TextRule((_SPACES,)),
    Tokenizer.words: TextRule((_SPACES, (f"{_WORD}|{_SYMBOL}", r" \0 "))),
}


def tokenize(texts: pa.StringArray, feature: SequenceFeature) -> pa.ListArray:
    """Returns the tokens of each text.

    Args:
      texts: string, (records,), without nulls.
      feature: A resolved token sequence with a tokenizer.

    Returns:
      list<string>, (records,).
    """
    if feature.lowercase:
        texts = lower(texts)
    if feature.tokenizer == Tokenizer.characters:
        return _code_points(texts)
    for pattern, replacement in TEXT_RULES[feature.tokenizer].replacements:
        # Looking for a match is several times faster than replacing, and most texts have no
        # white space but spaces.
        if pc.any(pc.match_substring_regex(texts, pattern)).as_py():
            texts = pc.replace_substring_regex(texts, pattern=pattern, replacement=replacement)
    return _without_empty(pc.split_pattern(texts, " "))


def lower(texts: pa.Array) -> pa.Array:
    """Returns the strings in lower case."""
    ascii_only = pc.all(pc.string_is_ascii(texts)).as_py()
    return pc.ascii_lower(texts) if ascii_only else pc.utf8_lower(texts)


def _without_empty(pieces: pa.ListArray) -> pa.ListArray:
    values = pieces.flatten()
    kept = pc.binary_length(values).to_numpy(zero_copy_only=False) > 0
    if kept.all():
        return pieces
    before = np.concatenate([[0], np.cumsum(kept)])
    offsets = pieces.offsets.to_numpy() - pieces.offsets[0].as_py()
    return _lists(before[offsets], values.filter(pa.array(kept)))


def _code_points(texts: pa.StringArray) -> pa.ListArray:
    """Cuts before every byte that begins a code point, without copying a byte."""
    texts = pa.concat_arrays([texts]) if texts.offset else texts
    buffers = texts.buffers()
    offsets = np.frombuffer(buffers[1], np.int32)[: len(texts) + 1]
    data = np.frombuffer(buffers[2] or b"", np.uint8)[: offsets[-1]]
    starts = (data & 0xC0) != 0x80
    before = np.concatenate([[0], np.cumsum(starts)])
    cuts = np.concatenate([np.flatnonzero(starts), [len(data)]]).astype(np.int32)
    points = pa.Array.from_buffers(pa.string(), len(cuts) - 1, [None, pa.py_buffer(cuts), pa.py_buffer(data)])
    return _lists(before[offsets], points)


def _lists(offsets: npt.NDArray[np.int64], values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)
