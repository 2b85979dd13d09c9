"""Ids that a graph looks up against those of the vocabulary itself."""

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.spec import parse_spec
from schemas.vocabulary import Vocabulary
from tests.effort import tries
from trainer.export import token_ids
from trainer.export.token_ids import TokenIds, token_tables

SPEC = """
sequences:
  a: {type: tokens}
  b: {type: tokens, vocabulary: {shared_with: a}}
  frames: {type: series, dims: 1}
context: {c: {type: category}, n: {type: number}}
"""


def strings(values: list[str]) -> tf.Tensor:
    return tf.constant(np.array([value.encode() for value in values], object), tf.string)


@pytest.mark.parametrize("oov_buckets", [0, 1, 2, 7])
@settings(deadline=None, max_examples=tries(20))
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), unique=True, max_size=6),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=6),
)
def test_the_ids_of_any_tokens(oov_buckets: int, known: list[str], others: list[str]) -> None:
    vocabulary = Vocabulary(pa.array(known, pa.string()), 1 + oov_buckets)
    tokens = [*known, *others, "\0", ""]
    found = TokenIds(vocabulary)(strings(tokens)).numpy()
    np.testing.assert_array_equal(found, vocabulary.encode(pa.array(tokens, pa.string())))


def test_features_that_share_a_vocabulary_share_its_table() -> None:
    vocabularies = {name: Vocabulary(pa.array(["x", "y"]), 2) for name in "abc"}
    tables = token_tables(parse_spec(SPEC), vocabularies)
    assert sorted(tables) == ["a", "b", "c"]
    assert tables["a"] is tables["b"] is not tables["c"]


def test_vocabularies_that_no_graph_can_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    vocabularies = {name: Vocabulary(pa.array(["x", "yy"]), 2) for name in "abc"}
    # Twice 3 bytes of tokens, and 12 for each token beside it; shared ones count once.
    monkeypatch.setattr(token_ids, "MOST_BYTES", 54)
    assert len(token_tables(parse_spec(SPEC), vocabularies)) == 3
    monkeypatch.setattr(token_ids, "MOST_BYTES", 53)
    with pytest.raises(DataError) as error:
        token_tables(parse_spec(SPEC), vocabularies)
    assert str(error.value) == (
        "vocabularies: take 54 bytes within a graph, which may hold 53 of them; write the data set again with a "
        "smaller `vocabulary.top_k`, and train on it"
    )
