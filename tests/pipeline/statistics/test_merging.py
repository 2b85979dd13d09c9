"""Merged statistics are those of one run over all records."""

import copy
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.moments import ExactMoments
from pipeline.split_facts import SequenceFacts, SplitFacts
from pipeline.statistics import merging
from pipeline.statistics.details import dataset_statistics, number_statistics, oov_message
from pipeline.statistics.merging import exact_moments, merge_splits, merge_statistics, merged_oov
from pipeline.statistics.record_facts import ClassLengths, OovSums, RecordFacts
from schemas.errors import DataError
from schemas.messages import to_plain
from schemas.spec import parse_spec
from schemas.statistics_pb2 import DatasetStatistics, NumberStatistics, SequenceDetails, SplitDetails

SPEC = parse_spec(
    "sequences:\n  text: {type: tokens}\n  x: {type: series, dims: 2}\n"
    "context: {price: {type: number}, shop: {type: category}}\nlabel: {type: class}\n"
)
CLASSES = 3
floats32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
numbers = st.lists(floats32, max_size=6)
lengths = st.dictionaries(st.integers(0, 12), st.integers(1, 5), max_size=6).map(Counter)


def moments_of(values: list[float]) -> ExactMoments:
    moments = ExactMoments()
    if values:
        moments.add(np.array(values, np.float32))
    return moments


@st.composite
def split_facts(draw: st.DrawFn) -> SplitFacts:
    """Facts of some records, as they are accumulated; how they fit together is nothing that merging looks at."""
    stored = {name: draw(lengths) for name in ("text", "x")}
    uncut = {name: draw(st.just(counts) | lengths) for name, counts in stored.items()}
    pairs = st.dictionaries(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, 5)), st.integers(1, 4), max_size=5)
    details = RecordFacts(
        uncut={name: Counter(counts) for name, counts in uncut.items()},
        by_class={name: ClassLengths(Counter(draw(pairs))) for name in stored},
        numbers={
            "x": [moments_of(draw(numbers)[: draw(st.integers(0, 6))]) for _ in range(2)],
            "price": [moments_of(draw(numbers))],
        },
        unknown=Counter(shop=draw(st.integers(0, 3))),
        oov={"text": OovSums(draw(st.integers(0, 50)), *(draw(st.integers(0, 2**80)) for _ in range(3)))},
    )
    sequences = {
        name: SequenceFacts(Counter(counts), oov_steps=draw(st.integers(0, 9))) for name, counts in stored.items()
    }
    return SplitFacts(draw(st.integers(0, 50)), sequences, details=details)


def stated(splits: dict[str, SplitFacts], classes: int = CLASSES) -> DatasetStatistics:
    return dataset_statistics(splits, {}, SPEC, classes)


def united(parts: list[dict[str, SplitFacts]]) -> dict[str, SplitFacts]:
    whole: dict[str, SplitFacts] = {}
    for part in copy.deepcopy(parts):
        for name, facts in part.items():
            whole.setdefault(name, SplitFacts()).merge(facts)
    return whole


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["train", "test"]), split_facts(), max_size=2), min_size=1, max_size=4))
def test_merged_statistics_are_those_of_the_union(parts: list[dict[str, SplitFacts]]) -> None:
    merged = merge_statistics([stated(part) for part in parts])
    assert to_plain(merged) == to_plain(stated(united(parts)))


@settings(max_examples=30, deadline=None)
@given(split_facts(), split_facts(), split_facts())
def test_the_order_and_the_grouping_do_not_matter(a: SplitFacts, b: SplitFacts, c: SplitFacts) -> None:
    one, two, three = (stated({"train": facts}) for facts in (a, b, c))
    once = merge_statistics([one, two, three])
    assert merge_statistics([three, merge_statistics([two, one])]) == once
    assert merge_statistics([once]) == once


@given(st.lists(floats32, min_size=1, max_size=20))
def test_exact_sums_are_read_as_they_were_written(values: list[float]) -> None:
    moments = moments_of(values)
    found = exact_moments(number_statistics(moments))
    assert (found.count, found.total, found.squares, found.zeros) == (
        moments.count,
        moments.total,
        moments.squares,
        moments.zeros,
    )
    assert (found.mean(), found.variance()) == (moments.mean(), moments.variance())


def test_sums_over_records_are_known_only_where_each_part_states_them() -> None:
    known, silent = SequenceDetails(), SequenceDetails()
    known.oov_sums.CopyFrom(oov_message(OovSums(3, 10, 2**64, 17)))
    assert to_plain(known.oov_sums) == {
        "records": 3,
        "squares": "a",
        "products": "10000000000000000",
        "length_squares": "11",
    }
    assert merged_oov([known, known]) == OovSums(6, 20, 2**65, 34)
    assert merged_oov([known, silent]) is None
    both = [SplitDetails(sequences={"text": one}) for one in (known, silent)]
    assert not merge_splits(both).sequences["text"].HasField("oov_sums")


def test_the_form_of_exact_sums() -> None:
    found = number_statistics(moments_of([-1.0, -2.0]))
    assert (found.exact_sum, found.exact_squares) == (f"-{3 << 149:x}", f"{5 << 298:x}")
    zero = number_statistics(moments_of([1.0, -1.0]))
    assert (zero.exact_sum, zero.exact_squares) == ("0", f"{2 << 298:x}")
    least = number_statistics(moments_of([-(2.0**-149)]))
    assert (least.exact_sum, least.exact_squares) == ("-1", "1")
    assert to_plain(number_statistics(ExactMoments())) == {}


def test_statistics_of_an_earlier_release() -> None:
    with pytest.raises(DataError) as raised:
        exact_moments(NumberStatistics(count=2, mean=1))
    assert str(raised.value) == (
        "the statistics state no exact sums, since an earlier release wrote them; write the data set again with "
        "--replace"
    )


def class_facts(pairs: dict[tuple[int, int], int], too_many: bool = False) -> SplitFacts:
    counts = Counter({length: sum(n for (_, other), n in pairs.items() if other == length) for _, length in pairs})
    plain = {name: SequenceFacts(Counter(counts)) for name in ("text", "x")}
    details = RecordFacts(
        uncut={name: Counter(counts) for name in plain},
        by_class={name: ClassLengths(Counter() if too_many else Counter(pairs), too_many) for name in plain},
        numbers={"x": [ExactMoments(), ExactMoments()], "price": [ExactMoments()]},
    )
    return SplitFacts(sum(pairs.values()), plain, details=details)


def test_classes_are_left_out_where_all_together_have_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = class_facts({(0, 1): 2, (1, 1): 1}), class_facts({(0, 1): 1, (2, 5): 1})
    parts = [stated({"train": facts}).splits["train"] for facts in (one, two)]
    by_class = merge_splits(parts).sequences["text"].by_class
    assert [(list(each.lengths), list(each.counts)) for each in by_class] == [([1], [3]), ([1], [1]), ([5], [1])]
    monkeypatch.setattr(merging, "MOST_PAIRS", 2)
    assert not merge_splits(parts).sequences["text"].by_class
    monkeypatch.undo()
    left_out = stated({"train": class_facts({(0, 3): 1}, too_many=True)}).splits["train"]
    assert not merge_splits([*parts, left_out]).sequences["text"].by_class


def test_classes_that_a_later_span_has_added() -> None:
    older = stated({"train": class_facts({(0, 1): 2})}, classes=1).splits["train"]
    newer = stated({"train": class_facts({(1, 4): 3})}, classes=2).splits["train"]
    both = merge_splits([older, newer]).sequences["text"]
    assert [each.records for each in both.by_class] == [2, 3]
    assert both.lengths.records == 5


def test_nothing_is_merged_of_nothing() -> None:
    assert to_plain(merge_statistics([])) == {}
    assert to_plain(merge_splits([])) == {}
