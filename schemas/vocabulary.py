r"""The vocabulary: which token has which id, in which order, and how it is kept in a file.

Ids: 0 is padding and never a token; then the ids that tokens out of vocabulary share; then the
tokens, the most frequent first, ties in the order of their UTF-8 bytes. With one OOV bucket and
the counts {b: 2, a: 2, c: 5}: c = 2, a = 3, b = 4, anything else = 1.

The file holds one token a line. So that it survives any token, four bytes are written otherwise:
backslash as `\\`, newline as `\n`, carriage return as `\r`, NUL as `\0`. An empty line is the
empty token; every line ends with a newline, so that no token means an empty file.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.binary import contents
from schemas.errors import DataError

PAD_ID = 0
OOV_ID = 1
_ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\0", "\\0"))
_LARGE_RATIO = 4  # how many times as many tokens make a vocabulary large beside those looked up
_MOST_BYTES = 2**31 - 1  # which 32-bit offsets count
_UNESCAPED = {escaped[1]: plain for plain, escaped in _ESCAPES}


def first_token_id(oov_buckets: int) -> int:
    """Returns the id of the most frequent token: behind padding and the ids that unknown tokens share."""
    return PAD_ID + 1 + oov_buckets


@dataclass(frozen=True)
class Vocabulary:
    """Tokens with their ids.

    Attributes:
      tokens: string, (size,); all different, in the order of their ids.
      first_id: Id of the first token: 0 for classes, which are neither padded nor unknown.
    """

    tokens: pa.StringArray
    first_id: int

    @property
    def id_count(self) -> int:
        """Ids in use, padding and OOV included: the rows that an embedding needs."""
        return len(self.tokens) + self.first_id

    def encode(self, tokens: pa.Array) -> npt.NDArray[np.int64]:
        """Returns the id of each token, int64, (n,); a token out of vocabulary has OOV_ID.

        For classes (`first_id` 0) an unknown one has -1, which the caller must reject.

        Args:
          tokens: string, or dictionary of strings: then each different token is looked up once.
        """
        if pa.types.is_dictionary(tokens.type):
            ids = self.encode(tokens.dictionary)
            return cast("npt.NDArray[np.int64]", ids.take(tokens.indices.to_numpy()))
        found = _positions(tokens, self.tokens)
        return np.where(found < 0, self.first_id - 1, found + self.first_id)


def _positions(tokens: pa.Array, known: pa.Array) -> npt.NDArray[np.int64]:
    """Returns where among the known, all different, each token stands, int64, (n,); -1 where it does not."""
    if len(known) <= _LARGE_RATIO * len(tokens):
        found = pc.fill_null(pc.index_in(tokens, value_set=known), -1)
        return cast("npt.NDArray[np.int64]", found.to_numpy().astype(np.int64))
    # Looking a few up in a large vocabulary: a hash table of the few is made sooner than one of the many.
    different = tokens.dictionary_encode()
    places = pc.index_in(known, value_set=different.dictionary)
    rows = np.flatnonzero(pc.is_valid(places).to_numpy(zero_copy_only=False))
    positions = np.full(len(different.dictionary), -1, np.int64)
    positions[places.drop_null().to_numpy()] = rows
    return cast("npt.NDArray[np.int64]", positions.take(different.indices.to_numpy()))


def ranked(counts: pa.Table, top_k: int = 0, min_frequency: int = 1) -> pa.Table:
    """Returns the tokens of a vocabulary in their total order, with their counts.

    Args:
      counts: Columns token (strings, all different) and count (int64).
      top_k: Most tokens kept; 0 means all.
      min_frequency: Least count kept.
    """
    least = min_frequency
    if 0 < top_k < counts.num_rows:
        # Most tokens are rare: those that cannot be among the first are not worth sorting.
        numbers = counts["count"].to_numpy()
        least = max(least, int(np.partition(numbers, len(numbers) - top_k)[len(numbers) - top_k]))
    counts = counts.filter(pc.greater_equal(counts["count"], least))
    # Arrow compares strings by their UTF-8 bytes.
    order = pc.sort_indices(counts, sort_keys=[("count", "descending"), ("token", "ascending")])
    return counts.take(order[:top_k] if top_k else order)


def as_tokens(column: pa.ChunkedArray, name: str) -> pa.StringArray:
    """Returns tokens as a vocabulary keeps them.

    Args:
      column: Strings, of any width.
      name: Of the token sequence, for error texts.

    Raises:
      DataError: They hold more than a vocabulary can.
    """
    size = pc.sum(pc.binary_length(column)).as_py() or 0
    if size > _MOST_BYTES:
        raise DataError(
            f"'{name}': the tokens of the vocabulary hold {size:,} bytes, {_MOST_BYTES:,} is the most; "
            "set top_k or min_frequency"
        )
    return cast("pa.StringArray", pc.cast(column, pa.string()).combine_chunks())


def dump_tokens(tokens: pa.StringArray) -> bytes:
    """Returns the content of a vocabulary file."""
    if not len(tokens):
        return b""
    escaped: pa.Array = tokens
    data = contents(tokens)[0]
    for plain, code in _ESCAPES:
        if (data == ord(plain)).any():
            escaped = pc.replace_substring(escaped, pattern=plain, replacement=code)
    lines = pc.binary_join_element_wise(escaped, "", "\n")  # each with its end
    return contents(lines)[0].tobytes()


def parse_tokens(content: bytes, path: str) -> pa.StringArray:
    """Reads the content of a vocabulary file.

    Args:
      content: As `dump_tokens` made it.
      path: Of the file, for error texts.

    Raises:
      DataError: The content is no UTF-8, lacks the last newline, has an unknown escape, or names
        a token twice.
    """
    if not content:
        return pa.array([], pa.string())
    try:
        text = pc.cast(pa.array([content], pa.binary()), pa.string())
    except pa.ArrowInvalid:
        raise DataError(f"vocabulary {path}: is no UTF-8 ({_bad_bytes(content)}); write the data set again") from None
    if not content.endswith(b"\n"):
        raise DataError(f"vocabulary {path}: the last line does not end; the file is cut off; write the data set again")
    tokens = _unescaped(pc.split_pattern(text, "\n").values[:-1], path)
    different = tokens.dictionary_encode()
    if len(different.dictionary) < len(tokens):
        line = _first_repeated(different.indices.to_numpy())
        token = tokens[line].as_py()
        raise DataError(f"vocabulary {path}, line {line + 1}: {token!r} stands there twice; remove one")
    return tokens


def _bad_bytes(content: bytes) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return str(error)
    return "it is more than Arrow reads"


def _first_repeated(codes: npt.NDArray[np.integer]) -> int:
    """Returns the first place whose code has come before."""
    _, firsts = np.unique(codes, return_index=True)
    return int(np.setdiff1d(np.arange(len(codes)), firsts)[0])


def _unescaped(lines: pa.StringArray, path: str) -> pa.StringArray:
    """Undoes the escapes, of which most files have few."""
    escaped = pc.match_substring(lines, "\\")
    places = np.flatnonzero(escaped.to_numpy(zero_copy_only=False))
    if not len(places):
        return lines
    plain = [_unescape(lines[i].as_py(), i + 1, path) for i in places.tolist()]
    return cast("pa.StringArray", pc.replace_with_mask(lines, escaped, pa.array(plain, pa.string())))


def _unescape(line: str, number: int, path: str) -> str:
    if "\\" not in line:
        return line
    plain = []
    characters = iter(line)
    for character in characters:
        if character == "\\":
            code = next(characters, "")
            if code not in _UNESCAPED:
                raise DataError(
                    f"vocabulary {path}, line {number}: '\\{code}' is no escape; write '\\\\' for a backslash"
                )
            character = _UNESCAPED[code]
        plain.append(character)
    return "".join(plain)
