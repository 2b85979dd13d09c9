import itertools
import json
import math
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.moments import ExactMoments
from pipeline.split_facts import SequenceFacts, SplitFacts
from pipeline.statistics.details import (
    SHARES,
    dataset_statistics,
    length_details,
    number_statistics,
    quantile,
    token_statistics,
)
from pipeline.statistics.record_facts import ClassLengths, RecordFacts
from schemas.messages import canonical_json, to_plain
from schemas.spec import parse_spec
from schemas.vocabulary import Vocabulary

floats32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def exact_moments(numbers: list[float]) -> ExactMoments:
    moments = ExactMoments()
    moments.add(np.array(numbers, np.float32))
    return moments


def counts_table(counts: dict[str, int]) -> pa.Table:
    return pa.table({"token": pa.array(counts, pa.large_string()), "count": pa.array(counts.values(), pa.int64())})


def vocabulary_of(entries: Iterable[str]) -> Vocabulary:
    return Vocabulary(pa.array(entries, pa.string()), 2)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=300))
def test_lengths_are_what_numpy_says(lengths: list[int]) -> None:
    found = length_details(Counter(lengths))
    values, counts = np.unique(lengths, return_counts=True)
    assert (list(found.lengths), list(found.counts)) == (values.tolist(), counts.tolist())
    assert (found.records, found.steps) == (len(lengths), sum(lengths))
    assert (found.min, found.max) == (min(lengths), max(lengths))
    assert found.mean == pytest.approx(np.mean(lengths), rel=1e-15)
    assert found.deviation == pytest.approx(np.std(lengths), rel=1e-12, abs=1e-12)
    assert [entry.share for entry in found.quantiles] == list(SHARES)
    for entry in found.quantiles:
        assert entry.length == np.quantile(lengths, entry.share, method="inverted_cdf")


@given(st.dictionaries(st.integers(0, 50), st.integers(1, 1000), min_size=1), st.fractions(min_value=0, max_value=1))
def test_a_quantile_is_the_least_length_that_enough_do_not_exceed(histogram: dict[int, int], share: Fraction) -> None:
    values = sorted(histogram)
    found = quantile(values, [histogram[value] for value in values], share)
    records = sum(histogram.values())
    assert sum(histogram[value] for value in values if value <= found) >= share * records
    below = [value for value in values if value < found]
    assert not below or sum(histogram[value] for value in below) < share * records


def test_a_share_is_a_decimal_and_no_float() -> None:
    """Of 1,000 records, 0.999 is exactly 999; the float 0.1 times 10 records would be more than 1."""
    assert [entry.length for entry in length_details({1: 999, 2: 1}).quantiles][-2:] == [1, 2]
    assert {entry.share: entry.length for entry in length_details({1: 1, 5: 9}).quantiles}[0.1] == 1


def test_lengths_of_no_record_and_of_very_many() -> None:
    assert to_plain(length_details({})) == {}
    assert to_plain(length_details(Counter())) == {}
    most = 2**52
    found = length_details({3: most, 7: most})
    assert (found.mean, found.deviation, found.quantiles[4].length, found.quantiles[5].length) == (5.0, 2.0, 3, 7)


def test_a_deviation_does_not_cancel() -> None:
    big = 2**31
    assert length_details({big: 1, big + 1: 1}).deviation == 0.5


@given(st.lists(floats32, min_size=1, max_size=40))
def test_numbers_are_what_exact_sums_say(numbers: list[float]) -> None:
    found = number_statistics(exact_moments(numbers), missing=4)
    exact = [Fraction(number) for number in numbers]
    mean = sum(exact, Fraction(0)) / len(exact)
    variance = sum(((x - mean) ** 2 for x in exact), Fraction(0)) / len(exact)
    assert (found.count, found.missing, found.zeros) == (len(numbers), 4, numbers.count(0))
    assert (found.mean, found.deviation) == (float(mean), math.sqrt(float(variance)))
    assert (found.min, found.max) == (min(numbers), max(numbers))


def test_no_number_and_the_greatest_ones_are_finite() -> None:
    assert to_plain(number_statistics(ExactMoments(), missing=2)) == {"missing": 2}
    huge = float(np.finfo(np.float32).max)
    found = number_statistics(exact_moments([huge, -huge]))
    assert (found.mean, found.deviation) == (0.0, huge)


def test_zero_has_no_sign() -> None:
    found = number_statistics(exact_moments([-0.0]))
    assert found.SerializeToString() == number_statistics(exact_moments([0.0])).SerializeToString()
    assert found.zeros == 1


def test_tokens() -> None:
    counts = {"the": 6, "<b>": 3, "": 1}
    found = token_statistics(counts_table(counts), 20, vocabulary_of(counts))
    assert [(entry.token, entry.count, entry.id) for entry in found.top] == [("the", 6, 2), ("<b>", 3, 3), ("", 1, 4)]
    assert found.occurring == 3
    assert [(entry.rank, entry.share) for entry in found.curve] == [(1, 0.3), (2, 0.45), (3, 0.5)]


def test_a_vocabulary_in_another_order_than_that_of_its_counts() -> None:
    vocabulary = Vocabulary(pa.array(["<s>", "b", "a", "c"], pa.string()), 3)
    found = token_statistics(counts_table({"a": 5, "b": 2, "c": 2, "<s>": 0}), 10, vocabulary)
    assert [(entry.token, entry.count, entry.id) for entry in found.top] == [
        ("a", 5, 5),
        ("b", 2, 4),
        ("c", 2, 6),
        ("<s>", 0, 3),
    ]
    assert [entry.share for entry in found.curve] == [0.5, 0.7, 0.9, 0.9]
    assert found.occurring == 3


def test_many_tokens() -> None:
    counts = {f"t{i:05d}": 20_000 - i for i in range(10_000)}
    total = sum(counts.values())
    found = token_statistics(counts_table(counts), total, vocabulary_of(counts))
    assert [entry.token for entry in found.top] == list(counts)[:100]
    ranks = [entry.rank for entry in found.curve]
    assert (ranks[0], ranks[-1], len(set(ranks))) == (1, 10_000, len(ranks))
    assert 45 < len(ranks) <= 60
    assert all(b / a < 1.2 for a, b in itertools.pairwise(ranks[20:])), "they grow geometrically"
    numbers = list(counts.values())
    assert [entry.share for entry in found.curve] == [sum(numbers[:rank]) / total for rank in ranks]
    assert found.curve[-1].share == 1


def test_no_token_and_tokens_that_never_occur() -> None:
    assert to_plain(token_statistics(counts_table({}), 0, vocabulary_of({}))) == {}
    assert to_plain(token_statistics(counts_table({}), 9, vocabulary_of({}))) == {}
    given = token_statistics(counts_table({"a": 0, "b": 0}), 0, vocabulary_of({"b": 0, "a": 0}))
    assert [entry.id for entry in given.top] == [3, 2], "a file says another order"
    assert [(entry.rank, entry.share) for entry in given.curve] == [(1, 0.0), (2, 0.0)]
    assert given.occurring == 0


SPEC = parse_spec(
    "sequences:\n  text: {type: tokens}\n  x: {type: series, dims: 2}\n"
    "context: {price: {type: number}, shop: {type: category}}\nlabel: {type: class}\n"
)


def split_facts() -> SplitFacts:
    details = RecordFacts(
        uncut={"text": Counter({2: 1, 9: 1}), "x": Counter({1: 2})},
        by_class={"text": ClassLengths(Counter({(1, 2): 2})), "x": ClassLengths(too_many=True)},
        numbers={"x": [exact_moments([1.0, 3.0]), exact_moments([0.0])], "price": [exact_moments([0.0, 4.0])]},
        unknown=Counter(shop=1),
    )
    sequences = {"text": SequenceFacts(Counter({2: 2}), 1, 7, 3), "x": SequenceFacts(Counter({1: 2}))}
    return SplitFacts(2, sequences, details=details)


def test_a_split() -> None:
    tokens = {"text": token_statistics(counts_table({"a": 4}), 4, vocabulary_of({"a": 4}))}
    found = dataset_statistics({"train": split_facts()}, tokens, SPEC, 2)
    train = found.splits["train"]
    text, x = train.sequences["text"], train.sequences["x"]
    assert (train.records, text.lengths.steps, text.uncut_lengths.steps, text.oov_steps) == (2, 4, 11, 3)
    assert [to_plain(lengths).get("records", 0) for lengths in text.by_class] == [0, 2]
    assert not x.HasField("uncut_lengths"), "nothing was cut"
    assert not x.by_class, "there are too many classes and lengths"
    assert [(values.count, values.missing, values.zeros) for values in x.values] == [(2, 0, 0), (1, 1, 1)]
    assert [(values.mean, values.deviation) for values in x.values] == [(2.0, 1.0), (0.0, 0.0)]
    assert (train.numbers["price"].mean, train.numbers["price"].zeros) == (2.0, 1)
    assert (train.categories["shop"].count, train.categories["shop"].oov) == (2, 1)
    assert list(found.tokens) == ["text"]


def test_a_number_label_is_a_number() -> None:
    spec = parse_spec("sequences: {text: {type: tokens}}\nlabel: {type: number}\n")
    details = RecordFacts(uncut={"text": Counter({1: 1})}, numbers={"label": [exact_moments([2.5])]})
    facts = SplitFacts(1, {"text": SequenceFacts(Counter({1: 1}))}, details=details)
    [train] = dataset_statistics({"train": facts}, {}, spec, 0).splits.values()
    exact = {"exact_sum": f"{5 << 148:x}", "exact_squares": f"{25 << 296:x}"}
    assert to_plain(train.numbers["label"]) == {"count": 1, "mean": 2.5, "min": 2.5, "max": 2.5, **exact}


def test_the_json_holds_what_tokens_are_made_of() -> None:
    counts = {"</script>\u202e": 2, "\x00\n": 1, '"\\': 1}
    found = dataset_statistics({}, {"text": token_statistics(counts_table(counts), 4, vocabulary_of(counts))}, SPEC, 0)
    plain = json.loads(canonical_json(to_plain(found)))
    assert [entry["token"] for entry in plain["tokens"]["text"]["top"]] == list(counts)
