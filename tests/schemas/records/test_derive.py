"""Features of tokens against one Python string at a time."""

import unicodedata
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.ragged import Ragged, from_lists
from schemas.records import derive

Lists = list[list[str]]
token = st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=6) | st.sampled_from(
    ["a", "A", "ab", "Éa", ""]
)
lists = st.lists(st.lists(token, max_size=5), max_size=4)


def ragged(tokens: Lists) -> Ragged:
    found = from_lists(pa.array(tokens, pa.list_(pa.string())))
    return Ragged(found.values.dictionary_encode(), found.offsets)


def checked(found: Ragged) -> Lists:
    """Returns the lists of an array whose dictionary holds nothing twice."""
    assert len(set(found.values.dictionary.to_pylist())) == len(found.values.dictionary)
    found.values.validate(full=True)
    wanted: Lists = found.to_arrow().to_pylist()
    return wanted


def shape_of(text: str) -> str:
    kinds = {"Lu": "X", "Lt": "X", "Nd": "d"}
    each = [(c, unicodedata.category(c)) for c in text]
    return "".join(kinds.get(kind, "x" if kind[0] == "L" else c) for c, kind in each)


FEATURES: dict[str, tuple[Callable[[Ragged], Ragged], Callable[[str], str]]] = {
    "prefix": (lambda tokens: derive.prefix(tokens, 2), lambda text: text[:2]),
    "suffix": (lambda tokens: derive.suffix(tokens, 2), lambda text: text[-2:]),
    "shape": (derive.shape, shape_of),
    "lower": (derive.lower, lambda text: "".join(c.lower()[0] for c in text)),
}


@pytest.mark.parametrize("name", FEATURES)
@given(tokens=lists)
@example(tokens=[])
@example(tokens=[[], ["Ab", "ab", "Abc"], ["İ1-é"]])
def test_features(name: str, tokens: Lists) -> None:
    found, reference = FEATURES[name]
    assert checked(found(ragged(tokens))) == [[reference(each) for each in row] for row in tokens]


@given(lists)
@example([])
@example([["", "ab"], [], ["é", "ab"]])
def test_characters(tokens: Lists) -> None:
    found, counts = derive.characters(ragged(tokens))
    assert checked(found) == [list("".join(row)) for row in tokens]
    assert counts.dtype == np.int64
    assert counts.tolist() == [len(each) for row in tokens for each in row]


def test_a_part_of_the_records() -> None:
    some = ragged([["a", "b"], ["McDonald's-3", "b"]]).filter(np.array([False, True]))
    assert checked(derive.shape(some)) == [["XxXxxxxx'x-d", "x"]]
    found, counts = derive.characters(some.slices(np.arange(1), np.zeros(1, np.int64), np.ones(1, np.int64)))
    assert (checked(found), counts.tolist()) == ([list("McDonald's-3")], [12])


def test_the_example_of_each() -> None:
    tokens = ragged([["Straße", "42", "it's"]])
    assert checked(derive.prefix(tokens, 3)) == [["Str", "42", "it'"]]
    assert checked(derive.suffix(tokens, 3)) == [["aße", "42", "t's"]]
    assert checked(derive.shape(tokens)) == [["Xxxxxx", "dd", "xx'x"]]
    assert checked(derive.lower(tokens)) == [["straße", "42", "it's"]]
