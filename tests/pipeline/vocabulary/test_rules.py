"""Which tokens become entries of a vocabulary."""

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.vocabulary.rules import VocabularyRule, vocabulary_rules
from pipeline.vocabulary.token_counts import COUNTS
from schemas.spec import parse_spec

counts = st.dictionaries(st.sampled_from("abcdefgß東"), st.integers(1, 4))
RULE = st.builds(
    VocabularyRule,
    features=st.just(("text",)),
    first_id=st.just(2),
    top_k=st.integers(0, 5),
    min_frequency=st.integers(1, 3),
    special_tokens=st.lists(st.sampled_from("abcXY"), unique=True).map(tuple),
)


def table_of(found: dict[str, int]) -> pa.Table:
    return pa.table({"token": list(found), "count": list(found.values())}, schema=COUNTS)


def wanted(rule: VocabularyRule, found: dict[str, int]) -> list[str]:
    """The entries, in plain Python."""
    others = [token for token in found if token not in rule.special_tokens and found[token] >= rule.min_frequency]
    others.sort(key=lambda token: (-found[token], token.encode()))
    return [*rule.special_tokens, *(others[: rule.top_k] if rule.top_k else others)]


@given(RULE, counts, st.integers(0, 9))
def test_entries_are_the_same_whether_or_not_parts_are_counted_apart(
    rule: VocabularyRule, found: dict[str, int], cut: int
) -> None:
    entries, covered = rule.entries(table_of(found), None)
    assert entries.to_pylist() == wanted(rule, found)
    assert covered == sum(found.get(token, 0) for token in wanted(rule, found))
    items = list(found.items())
    parts = [rule.candidates(table_of(dict(part)), None) for part in (items[:cut], items[cut:])]
    entries, again = rule.entries(pa.concat_tables(parts), None)
    assert (entries.to_pylist(), again) == (wanted(rule, found), covered)


@given(counts, st.lists(st.sampled_from("abxyß"), unique=True))
def test_a_file_states_all_entries(found: dict[str, int], stated: list[str]) -> None:
    rule = VocabularyRule(("text",), 2, file="v.txt")
    tokens = pa.array(stated, pa.string())
    candidates = rule.candidates(table_of(found), tokens)
    assert Counter(candidates["token"].to_pylist()) == Counter(token for token in found if token in stated)
    entries, covered = rule.entries(candidates, tokens)
    assert entries.to_pylist() == stated
    assert covered == sum(found.get(token, 0) for token in stated)


def test_rules_of_a_spec() -> None:
    spec = parse_spec(
        """
        sequences:
          b: {type: tokens, vocabulary: {top_k: 9, min_frequency: 2, oov_buckets: 3, count_by: documents}}
          a: {type: tokens, vocabulary: {shared_with: b}}
          d: {type: tokens, vocabulary: {file: v.txt}}
        context:
          land: {type: category, vocabulary: {shared_with: b}}
          city: {type: category, vocabulary: {approximate: 100, special_tokens: [nowhere]}}
        label: {type: class, classes_file: c.txt}
        """
    )
    assert vocabulary_rules(spec) == {
        "b": VocabularyRule(("b", "a", "land"), 4, 9, 2, by_documents=True),
        "d": VocabularyRule(("d",), 2, 0, 0, file="v.txt"),
        "city": VocabularyRule(("city",), 2, 100, 1, ("nowhere",), counters=100),
        "label": VocabularyRule(("label",), 0, file="c.txt"),
    }


@given(
    counts,
    st.lists(st.sampled_from("abxyß"), unique=True),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 9),
    st.booleans(),
)
def test_new_entries_come_behind_those_of_a_base(
    found: dict[str, int], stated: list[str], more: int, least: int, cut: int, approximate: bool
) -> None:
    rule = VocabularyRule(("text",), 2, 1, least, ("[CLS]",), counters=9 * approximate, more=more)
    tokens, items = pa.array(stated, pa.string()), list(found.items())
    new = [token for token in found if token not in stated and found[token] >= least]
    added = sorted(new, key=lambda token: (-found[token], token.encode()))[:more]
    parts = [rule.candidates(table_of(dict(part)), tokens) for part in (items[:cut], items[cut:])]
    entries, covered = rule.entries(pa.concat_tables(parts), tokens)
    assert entries.to_pylist() == [*stated, *added]
    assert covered == sum(found.get(token, 0) for token in [*stated, *added])


def test_what_a_file_states_is_not_extended() -> None:
    spec = parse_spec(
        """
        sequences: {a: {type: tokens, vocabulary: {file: a.txt}}, b: {type: tokens}}
        label: {from: y, type: class}
        """
    )
    assert {name: rule.more for name, rule in vocabulary_rules(spec, 7).items()} == {"a": 0, "b": 7, "label": 2**31 - 1}
    assert {rule.more for rule in vocabulary_rules(spec).values()} == {0}
    spec.label.classes_file = "classes.txt"
    assert vocabulary_rules(spec, 7)["label"].more == 0
