"""Token sequences of raw records: texts are cut, lists are checked."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import SequenceFeature, Tokenizer
from schemas.records.nulls import any_in_row, nulls, without_nulls
from schemas.records.ragged import Ragged, from_lists
from schemas.records.text import lower, tokenize
from schemas.records.verdicts import Verdicts

NULL_VALUE = "null_value"


def read_tokens(name: str, column: pa.Array, feature: SequenceFeature, verdicts: Verdicts) -> Ragged:
    """Returns the tokens of each record as a dictionary of strings.

    Args:
      name: Of the sequence.
      column: string or list<string>, (records,), as the tokenizer needs.
      feature: A resolved sequence of tokens that is not derived.
      verdicts: Of the records; rejects those with a null among their tokens.
    """
    if feature.tokenizer != Tokenizer.none:
        return from_lists(tokenize(pc.fill_null(column, ""), feature))
    tokens = checked_lists(name, column, verdicts)
    values = lower(tokens.values) if feature.lowercase else tokens.values
    return replace(tokens, values=values.dictionary_encode())


def checked_lists(name: str, column: pa.Array, verdicts: Verdicts) -> Ragged:
    """Returns lists of names, list<string>, (records,), without nulls; rejects the records that hold one."""
    lists = from_lists(without_nulls(column))
    verdicts.reject(any_in_row(nulls(lists.values), lists.offsets), NULL_VALUE, f"'{name}' must hold no null")
    return replace(lists, values=pc.fill_null(lists.values, ""))
