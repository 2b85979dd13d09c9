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

from schemas.errors import DataError

PAD_ID = 0
OOV_ID = 1
_ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\0", "\\0"))
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
        found = pc.index_in(tokens, value_set=self.tokens)
        unknown = self.first_id - 1
        shifted = pc.add(pc.cast(found, pa.int64()), self.first_id)
        return cast("npt.NDArray[np.int64]", pc.fill_null(shifted, unknown).to_numpy(zero_copy_only=False))


def rank(tokens: pa.Array, counts: pa.Array, top_k: int = 0, min_frequency: int = 1) -> pa.StringArray:
    """Returns the tokens of a vocabulary in their total order.

    Args:
      tokens: string, (n,), all different.
      counts: int64, (n,).
      top_k: Most tokens kept; 0 means all.
      min_frequency: Least count kept.
    """
    table = pa.table({"token": tokens, "count": counts})
    table = table.filter(pc.greater_equal(table["count"], min_frequency))
    # Arrow compares strings by their UTF-8 bytes.
    order = pc.sort_indices(table, sort_keys=[("count", "descending"), ("token", "ascending")])
    if top_k:
        order = order[:top_k]
    return _one_chunk(table["token"].take(order))


def dump_tokens(tokens: pa.StringArray) -> bytes:
    """Returns the content of a vocabulary file."""
    if not len(tokens):
        return b""
    escaped: pa.Array = tokens
    for plain, code in _ESCAPES:
        escaped = pc.replace_substring(escaped, pattern=plain, replacement=code)
    return ("\n".join(escaped.to_pylist()) + "\n").encode("utf-8")


def parse_tokens(content: bytes, path: str) -> pa.StringArray:
    """Reads the content of a vocabulary file.

    Args:
      content: As `dump_tokens` made it.
      path: Of the file, for error texts.

    Raises:
      DataError: The content is no UTF-8, lacks the last newline, has an unknown escape, or names
        a token twice.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"vocabulary {path}: is no UTF-8 ({error}); write the data set again") from None
    if not text:
        return pa.array([], pa.string())
    if not text.endswith("\n"):
        raise DataError(f"vocabulary {path}: the last line does not end; the file is cut off; write the data set again")
    tokens = [_unescape(line, i, path) for i, line in enumerate(text[:-1].split("\n"), 1)]
    seen: set[str] = set()
    for i, token in enumerate(tokens, 1):
        if token in seen:
            raise DataError(f"vocabulary {path}, line {i}: {token!r} stands there twice; remove one")
        seen.add(token)
    return pa.array(tokens, pa.string())


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


def _one_chunk(chunks: pa.ChunkedArray) -> pa.StringArray:
    return cast("pa.StringArray", chunks.combine_chunks())
