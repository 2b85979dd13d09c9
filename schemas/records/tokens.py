"""Token sequences of raw records: texts are cut, lists are checked, others are derived from these."""

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import Derive, SequenceFeature, Take, Tokenizer
from schemas.ragged import Ragged, from_lists
from schemas.records import derive
from schemas.records.nested import Nested
from schemas.records.nulls import any_in_row, nulls, without_nulls
from schemas.records.subwords import Subwords
from schemas.records.text import lower, normalization_of, normalize_text, tokenize
from schemas.records.verdicts import Verdicts

NULL_VALUE = "null_value"


def read_tokens(
    name: str, column: pa.Array, feature: SequenceFeature, verdicts: Verdicts, subwords: Mapping[str, Subwords]
) -> Ragged:
    """Returns the tokens of each record as a dictionary of strings.

    Args:
      name: Of the sequence.
      column: string or list<string>, (records,), as the tokenizer needs.
      feature: A resolved sequence of tokens that is not derived.
      verdicts: Of the records; rejects those with a null among their tokens.
      subwords: By name, of each sequence that is cut by a tokenizer file.
    """
    if feature.tokenizer == Tokenizer.subwords:
        return from_lists(subwords[name].tokenize(pc.fill_null(column, "")))
    if feature.tokenizer != Tokenizer.none:
        return from_lists(tokenize(pc.fill_null(column, ""), feature))
    tokens = checked_lists(name, column, verdicts)
    values = normalize_text(tokens.values, normalization_of(feature))
    return replace(tokens, values=(lower(values) if feature.lowercase else values).dictionary_encode())


def derive_tokens(tokens: Ragged, rule: Derive) -> Ragged:
    """Returns what a rule makes of each token: a sequence with as many steps."""
    if rule.take == Take.prefix:
        return derive.prefix(tokens, rule.length)
    if rule.take == Take.suffix:
        return derive.suffix(tokens, rule.length)
    if rule.take == Take.characters:
        characters, sizes = derive.characters(tokens)
        return Nested(characters.values, characters.offsets, step_offsets=tokens.offsets, step_sizes=sizes)
    return derive.shape(tokens) if rule.take == Take.shape else derive.lower(tokens)


def checked_lists(name: str, column: pa.Array, verdicts: Verdicts) -> Ragged:
    """Returns lists of names, list<string>, (records,), without nulls; rejects the records that hold one."""
    lists = from_lists(without_nulls(column))
    verdicts.reject(any_in_row(nulls(lists.values), lists.offsets), NULL_VALUE, f"'{name}' must hold no null")
    return replace(lists, values=pc.fill_null(lists.values, ""))
