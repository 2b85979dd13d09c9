r"""The vocabulary: which token has which id, in which order, and how it is kept in a file.

Ids: 0 is padding and never a token; then the ids that tokens out of vocabulary share; then special
tokens, as the spec orders them; then the other tokens, the most frequent first, ties in the order of
their UTF-8 bytes. With one OOV bucket, the special token c and the counts {b: 2, a: 2, d: 5, c: 1}:
c = 2, d = 3, a = 4, b = 5, anything else = 1. With N OOV buckets anything else has one of the ids
1 to N by its hash, 1 + Fingerprint64(token) mod N.

The file holds one token a line. So that it survives any token, four bytes are written otherwise:
backslash as `\\`, newline as `\n`, carriage return as `\r`, NUL as `\0`. An empty line is the
empty token; every line ends with a newline, so that no token means an empty file.
"""

import functools
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.binary import contents
from schemas.errors import DataError
from schemas.farmhash import hash_buckets
from schemas.hashing import hash_strings

PAD_ID = 0
OOV_ID = 1  # the first of those that tokens out of vocabulary share
_ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\0", "\\0"))
# How many times as many tokens make a vocabulary large beside those looked up: Arrow makes a table of all of it
# for each call, so that a table of our own, made once, is faster.
_LARGE_RATIO = 4
_NEWLINE = ord("\n")
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
    def oov_buckets(self) -> int:
        """Ids that tokens out of vocabulary share; 0 of classes."""
        return max(0, self.first_id - OOV_ID)

    def encode(self, tokens: pa.Array) -> npt.NDArray[np.int64]:
        """Returns the id of each token, int64, (n,); a token out of vocabulary has an id from OOV_ID to `oov_buckets`.

        Which of these it has is a function of its bytes alone: OOV_ID + the bucket that
        `tf.strings.to_hash_bucket_fast` puts it into. For classes (`first_id` 0) an unknown one has -1,
        which the caller must reject.

        Args:
          tokens: string, or dictionary of strings: then each different token is looked up once.
        """
        if pa.types.is_dictionary(tokens.type):
            ids = self.encode(tokens.dictionary)
            return cast("npt.NDArray[np.int64]", ids.take(tokens.indices.to_numpy()))
        large = len(self.tokens) > _LARGE_RATIO * len(tokens)
        plain = tokens.type == self.tokens.type and not tokens.null_count
        found = self._lookup.find(tokens) if large and plain else _index_in(tokens, self.tokens)
        ids = found + self.first_id  # -1, not found, becomes the id before that of the first token
        if self.oov_buckets > 1:
            unknown = np.flatnonzero(found < 0)
            ids[unknown] = OOV_ID + hash_buckets(tokens.take(pa.array(unknown)).cast(pa.string()), self.oov_buckets)
        return ids

    def is_unknown(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Returns which ids, (n,), are those of tokens out of vocabulary."""
        return ids < self.first_id

    @functools.cached_property
    def _lookup(self) -> "_Lookup":
        return _Lookup(self.tokens)


class _Lookup:
    """Finds tokens by their hash: 12 bytes a token, and nothing to be made again for the next call."""

    def __init__(self, tokens: pa.StringArray) -> None:
        hashes = hash_strings(tokens)
        order = np.argsort(hashes)
        self._tokens = tokens
        self._hashes = hashes[order]
        self._positions = order.astype(np.int32)

    def find(self, tokens: pa.StringArray) -> npt.NDArray[np.int64]:
        """Returns the position of each token, int64, (n,), -1 for those that are not there."""
        hashes = hash_strings(tokens)
        order = np.argsort(hashes)  # in this order the search finds in the cache what it needs: 4 times as fast
        places = np.empty(len(hashes), np.int64)
        places[order] = np.searchsorted(self._hashes, hashes[order])
        places = np.minimum(places, len(self._hashes) - 1)
        hits = np.flatnonzero(self._hashes[places] == hashes)
        candidates = self._positions[places[hits]]
        same = pc.equal(self._tokens.take(pa.array(candidates)), tokens.take(pa.array(hits)))
        same = same.to_numpy(zero_copy_only=False)
        found = np.full(len(hashes), -1, np.int64)
        found[hits[same]] = candidates[same]
        doubtful = hits[~same]  # shares its hash with another token
        if len(doubtful):
            found[doubtful] = _index_in(tokens.take(pa.array(doubtful)), self._tokens)
        return found


def _index_in(tokens: pa.Array, known: pa.Array) -> npt.NDArray[np.int64]:
    found = pc.fill_null(pc.index_in(tokens, value_set=known), -1)
    return cast("npt.NDArray[np.int64]", found.to_numpy(zero_copy_only=False).astype(np.int64))


def is_among(tokens: pa.Array | pa.ChunkedArray, known: pa.Array) -> npt.NDArray[np.bool_]:
    """Returns which tokens, (n,), are among those that are known, strings of any width."""
    found = pc.is_in(tokens, value_set=known.cast(tokens.type))
    return cast("npt.NDArray[np.bool_]", np.asarray(found, bool))


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
    size = (pc.sum(pc.binary_length(column)).as_py() or 0) + len(column)  # with the newlines of the file
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
    tokens = _unescaped(_lines(content, path), path)
    repeated = _first_repeated(tokens)
    if repeated is not None:
        token = tokens[repeated].as_py()
        raise DataError(f"vocabulary {path}, line {repeated + 1}: {token!r} stands there twice; remove one")
    return tokens


def _lines(content: bytes, path: str) -> pa.StringArray:
    """Returns the lines without their ends, as they stand there."""
    if len(content) > _MOST_BYTES:
        raise DataError(f"vocabulary {path}: holds {len(content):,} bytes; 2 GiB is the most; write the data set again")
    data = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(data == _NEWLINE)
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends - np.arange(len(ends))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data[data != _NEWLINE])]
    try:
        if content and not content.endswith(b"\n"):
            content.decode("utf-8")
            raise DataError(
                f"vocabulary {path}: the last line does not end; the file is cut off; write the data set again"
            )
        return cast("pa.StringArray", pa.Array.from_buffers(pa.binary(), len(ends), buffers).cast(pa.string()))
    except (UnicodeDecodeError, pa.ArrowInvalid):
        raise DataError(f"vocabulary {path}: is no UTF-8 ({_bad_bytes(content)}); write the data set again") from None


def _bad_bytes(content: bytes) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return str(error)
    return "Arrow does not read it"


def _first_repeated(tokens: pa.StringArray) -> int | None:
    """Returns the first place of a token that has come before."""
    hashes = np.sort(hash_strings(tokens))
    if not (hashes[1:] == hashes[:-1]).any():
        return None
    # The entries of a dictionary are in the order in which they come for the first time.
    codes = tokens.dictionary_encode().indices.to_numpy()
    repeated = np.flatnonzero(codes != np.arange(len(codes)))
    return int(repeated[0]) if len(repeated) else None


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
