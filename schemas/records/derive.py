"""Features of each token, computed once for each different token.

Each function takes and returns a `Ragged` of dictionary<string> whose steps are those of the tokens.
"""

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from schemas.ragged import Int64s, Ragged, from_lists
from schemas.records import text
from schemas.records.unicode import mapped, shape_map


def prefix(tokens: Ragged, length: int) -> Ragged:
    """Returns the first `length` code points of each token; a shorter one is its own."""
    return _each(tokens, pc.utf8_slice_codeunits(tokens.values.dictionary, start=0, stop=length))


def suffix(tokens: Ragged, length: int) -> Ragged:
    """Returns the last `length` code points of each token; a shorter one is its own."""
    return _each(tokens, pc.utf8_slice_codeunits(tokens.values.dictionary, start=-length))


def shape(tokens: Ragged) -> Ragged:
    """Returns each token with its letters and digits made alike: "McDonald's-3" is "XxXxxxxx'x-d".

    Capitals (general categories Lu and Lt) become X, other letters x, decimal digits (Nd) d; everything else
    stays. A shape is as long as its token.
    """
    return _each(tokens, mapped(tokens.values.dictionary, shape_map()))


def lower(tokens: Ragged) -> Ragged:
    """Returns each token in lower case."""
    return _each(tokens, text.lower(tokens.values.dictionary))


def characters(tokens: Ragged) -> tuple[Ragged, Int64s]:
    """Returns the code points of each token.

    Returns:
      The code points of all tokens of each record, and how many each token has, int64, (steps,).
    """
    each = from_lists(text.code_points(tokens.values.dictionary).take(tokens.values.indices))
    return Ragged(each.values, each.offsets[tokens.offsets]), each.lengths


def _each(tokens: Ragged, becomes: pa.StringArray) -> Ragged:
    """Returns the tokens with each entry of their dictionary replaced; entries that become the same are one."""
    different = becomes.dictionary_encode()
    codes = different.indices.take(tokens.values.indices)
    return replace(tokens, values=pa.DictionaryArray.from_arrays(codes, different.dictionary))
