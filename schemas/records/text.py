"""Text rules: how a text becomes tokens, stated as data and applied by Arrow.

A rule is a list of replacements in RE2 syntax, then a cut at every single space; what is empty is
no token. Arrow and TensorFlow both match with RE2, so that a graph can apply the same rules.
"""

import unicodedata
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.binary import Bytes, contents
from schemas.dataset_pb2 import Normalization, SequenceFeature, Tokenizer
from schemas.records.unicode import arrow_lowers_alike, lower_map, mapped, ranges_of

# The code points of the Unicode property White_Space, but for the space itself. Written out,
# because neither RE2's \s nor the split functions of Arrow and TensorFlow agree on them.
OTHER_WHITE_SPACE = r"\t-\r\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
# The ranges themselves, because \p{L} is not the same in the versions of RE2 that Arrow and TensorFlow hold.
_LETTERS = "_" + ranges_of("letters", "marks", "numbers")
_WORD = rf"[{_LETTERS}]+(?:['’][{_LETTERS}]+)*"
_SYMBOL = rf"[^{_LETTERS} {OTHER_WHITE_SPACE}]"


@dataclass(frozen=True)
class TextRule:
    """Replacements, then a cut at every space.

    Attributes:
      replacements: Pairs of an RE2 pattern and what each match becomes, in order.
    """

    replacements: tuple[tuple[str, str], ...]


_SPACES = (f"[{OTHER_WHITE_SPACE}]", " ")
TEXT_RULES = {
    "whitespace": TextRule((_SPACES,)),
    "words": TextRule((_SPACES, (f"{_WORD}|{_SYMBOL}", r" \0 "))),
}
# The token of each byte, (256,).
BYTE_TOKENS = tuple(f"<0x{byte:02X}>" for byte in range(256))
_SPACE = b" "[0]
_ASCII_WHITE_SPACE = range(ord("\t"), ord("\r") + 1)  # but for the space


def tokenize(texts: pa.StringArray, feature: SequenceFeature) -> pa.ListArray:
    """Returns the tokens of each text.

    Args:
      texts: string, (records,), without nulls.
      feature: A resolved token sequence with a tokenizer other than subwords.

    Returns:
      list<dictionary<string>>, (records,): each different token is there once.
    """
    texts = normalize_text(texts, normalization_of(feature))
    if feature.lowercase:
        texts = lower(texts)
    if feature.tokenizer == Tokenizer.characters:
        return code_points(texts)
    if feature.tokenizer == Tokenizer.bytes:
        return byte_tokens(texts)
    for pattern, replacement in TEXT_RULES[Tokenizer.Value.Name(feature.tokenizer)].replacements:
        # Looking for a match is several times faster than replacing, and most texts have no
        # white space but spaces.
        if (pattern, replacement) == _SPACES and not _may_hold_other_white_space(contents(texts)[0]):
            continue
        if pc.any(pc.match_substring_regex(texts, pattern)).as_py():
            texts = pc.replace_substring_regex(texts, pattern=pattern, replacement=replacement)
    return _words(texts)


def lower(texts: pa.Array) -> pa.Array:
    """Returns the strings, without nulls, in lower case: each code point as `lower_map` says."""
    if is_ascii(texts):
        return pc.ascii_lower(texts)
    return pc.utf8_lower(texts) if arrow_lowers_alike() else mapped(texts, lower_map())


def normalization_of(feature: SequenceFeature) -> str:
    """Returns the name of the normalisation form of a token sequence, resolved or not."""
    return str(Normalization.Value.Name(feature.normalization or Normalization.none))


def normalize_text(texts: pa.StringArray, form: str) -> pa.StringArray:
    """Returns the strings, without nulls, in a normalisation form of Unicode.

    It comes before lower case and tokenizer. TensorFlow has nothing like it. The tables are Python's: those of
    Arrow 25.0 do not compose (https://github.com/apache/arrow/issues/51225). Between versions of Unicode
    only code points differ that the older one does not know.

    Args:
      texts: string, (records,).
      form: "none", "nfc", "nfd", "nfkc" or "nfkd".
    """
    # ASCII is the same in every form.
    if form == "none" or is_ascii(texts):
        return texts
    name = cast("Literal['NFC', 'NFD', 'NFKC', 'NFKD']", form.upper())
    return pa.array([unicodedata.normalize(name, text) for text in texts.to_pylist()], pa.string())


def is_ascii(texts: pa.Array) -> bool:
    """Whether no string holds anything beyond ASCII."""
    return bool(contents(texts)[0].max(initial=0) < 0x80)


def byte_tokens(texts: pa.StringArray) -> pa.ListArray:
    """Returns the bytes of each text in UTF-8 as tokens, in the way of byte-level vocabularies: <0x41>.

    Args:
      texts: string, (records,), without nulls.

    Returns:
      list<dictionary<string>>, (records,).
    """
    data, offsets = contents(texts)
    encoded = pa.array(data).dictionary_encode()
    names = pa.array([BYTE_TOKENS[byte] for byte in encoded.dictionary.to_pylist()], pa.string())
    return _lists(offsets, pa.DictionaryArray.from_arrays(encoded.indices, names))


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


def code_points(texts: pa.StringArray) -> pa.ListArray:
    """Returns the code points of each text, list<dictionary<string>>: cuts before every byte that begins one."""
    data, offsets = contents(texts)
    starts = np.flatnonzero((data & 0xC0) != 0x80)
    return _lists(np.searchsorted(starts, offsets), _pieces(data, starts).dictionary_encode())


def _pieces(data: Bytes, starts: npt.NDArray[np.int64]) -> pa.StringArray:
    """Returns the bytes from each start to the next, all of them together being `data`."""
    cuts = np.concatenate([starts, [len(data)]]).astype(np.int32)
    return pa.Array.from_buffers(pa.string(), len(starts), [None, pa.py_buffer(cuts), pa.py_buffer(data)])


def _lists(offsets: npt.NDArray[np.integer], values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)
