"""Text rules: how a text becomes tokens, stated as data and applied by Arrow.

A rule is a list of replacements in RE2 syntax, then a cut at every single space; what is empty is
no token. Arrow and TensorFlow both match with RE2, so that a graph can apply the same rules.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.binary import Bytes, contents
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
_SPACE = b" "[0]
_ASCII_WHITE_SPACE = range(ord("\t"), ord("\r") + 1)  # but for the space


def tokenize(texts: pa.StringArray, feature: SequenceFeature) -> pa.ListArray:
    """Returns the tokens of each text.

    Args:
      texts: string, (records,), without nulls.
      feature: A resolved token sequence with a tokenizer.

    Returns:
      list<dictionary<string>>, (records,): each different token is there once.
    """
    if feature.lowercase:
        texts = lower(texts)
    if feature.tokenizer == Tokenizer.characters:
        return _code_points(texts)
    for pattern, replacement in TEXT_RULES[feature.tokenizer].replacements:
        # Looking for a match is several times faster than replacing, and most texts have no
        # white space but spaces.
        if (pattern, replacement) == _SPACES and not _may_hold_other_white_space(contents(texts)[0]):
            continue
        if pc.any(pc.match_substring_regex(texts, pattern)).as_py():
            texts = pc.replace_substring_regex(texts, pattern=pattern, replacement=replacement)
    return _words(texts)


def lower(texts: pa.Array) -> pa.Array:
    """Returns the strings in lower case."""
    ascii_only = contents(texts)[0].max(initial=0) < 0x80
    return pc.ascii_lower(texts) if ascii_only else pc.utf8_lower(texts)


def _may_hold_other_white_space(data: Bytes) -> bool:
    """Whether a byte is one of ASCII's white space, or part of a code point beyond ASCII."""
    first, last = _ASCII_WHITE_SPACE[0], _ASCII_WHITE_SPACE[-1]
    # Unsigned bytes before the first wrap round to large ones.
    return bool((data.max(initial=0) >= 0x80) or (data - np.uint8(first) <= last - first).any())


def _words(texts: pa.StringArray) -> pa.ListArray:
    """Cuts at every space; what is empty between two of them is no token.

    A cut copies nothing: each piece keeps the space before it until only the different ones are left.
    """
    spaced = pc.binary_join_element_wise("", texts, " ")  # so that every piece begins with a space
    data, offsets = contents(spaced)
    starts = np.flatnonzero(data == _SPACE)
    pieces = _pieces(data, starts).dictionary_encode()
    words = pc.utf8_slice_codeunits(pieces.dictionary, start=1)
    codes = pieces.indices
    cuts = np.searchsorted(starts, offsets)
    empty = words.index("").as_py()
    if empty >= 0:
        kept = codes.to_numpy() != empty
        codes = codes.filter(pa.array(kept))
        cuts = np.concatenate([[0], np.cumsum(kept)])[cuts]
    return _lists(cuts, pa.DictionaryArray.from_arrays(codes, words))


def _code_points(texts: pa.StringArray) -> pa.ListArray:
    """Cuts before every byte that begins a code point."""
    data, offsets = contents(texts)
    starts = np.flatnonzero((data & 0xC0) != 0x80)
    return _lists(np.searchsorted(starts, offsets), _pieces(data, starts).dictionary_encode())


def _pieces(data: Bytes, starts: npt.NDArray[np.int64]) -> pa.StringArray:
    """Returns the bytes from each start to the next, all of them together being `data`."""
    cuts = np.concatenate([starts, [len(data)]]).astype(np.int32)
    return pa.Array.from_buffers(pa.string(), len(starts), [None, pa.py_buffer(cuts), pa.py_buffer(data)])


def _lists(offsets: npt.NDArray[np.int64], values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)
