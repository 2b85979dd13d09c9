"""All measures of two data sets: what is compared, what is left out, and what stands out."""

import copy

import numpy as np
import pytest

from pipeline.drift.chance import chance_of_shares
from pipeline.drift.compare import compare
from pipeline.drift.limits import is_beyond
from pipeline.drift.measures import rounded
from pipeline.drift.population import Population
from schemas.manifest_pb2 import DriftMeasure, EventCounts
from schemas.spec import parse_spec
from schemas.statistics_pb2 import NumberStatistics, SplitDetails
from tests.pipeline.drift.worlds import SPEC, drawn, split_of, world

ALL = [
    ("class_share_change", "label"),
    ("length_distance", "text"),
    ("mean_shift", "price"),
    ("mean_shift", "x[0]"),
    ("mean_shift", "x[1]"),
    ("oov_rate_change", "shop"),
    ("oov_rate_change", "text"),
    ("rejected_share_change", ""),
]


def values(span: Population, base: Population) -> dict[tuple[str, str], DriftMeasure]:
    found = compare(span, base)
    assert [(one.measure, one.feature) for one in found] == sorted((one.measure, one.feature) for one in found)
    for one in found:
        assert all(np.isfinite([one.value, one.by_chance, one.margin]))
        assert one.value >= 0
    return {(one.measure, one.feature): one for one in found}


def out(span: Population, base: Population) -> set[tuple[str, str]]:
    return {key for key, one in values(span, base).items() if is_beyond(one, one.warn)}


def test_a_data_set_is_at_no_distance_from_itself() -> None:
    base = drawn(1, 500)
    found = values(base, base)
    assert list(found) == ALL
    oov = {key for key in found if key[0] == "oov_rate_change"}
    assert {one.value for key, one in found.items() if key not in oov} == {0.0}, "of a base, other splits tell of OOV"
    assert {one.warn for one in found.values()} == {0.1, 0.02, 0.05, 0.25, 0.01}


def test_what_is_out_of_vocabulary_is_compared_with_the_base_and_all_else_with_the_origin() -> None:
    span, base, origin = drawn(1, 300), drawn(2, 400), drawn(3, 500)
    for one, near, far in zip(compare(span, base, origin), compare(span, base), compare(span, origin), strict=True):
        assert one == (near if one.measure == "oov_rate_change" else far)


def test_equal_records_raise_few_alarms() -> None:
    """200 small spans of every size against one base: all measures of a span together, below 2 %."""
    base = drawn(0, 1000)
    alarms = sum(bool(out(drawn(1 + i, 20 + i), base)) for i in range(200))
    assert alarms < 4


@pytest.mark.parametrize("records", [200, 2000])
def test_what_has_changed_is_found(records: int) -> None:
    base, random = drawn(0, 2000), np.random.default_rng(5)
    assert out(drawn(1, records), base) == set()
    shifted = {("mean_shift", "price"), ("mean_shift", "x[0]"), ("mean_shift", "x[1]")}
    assert out(drawn(1, records, shift=1.0), base) == shifted
    unknown = {("oov_rate_change", "text"), ("oov_rate_change", "shop")}
    assert out(drawn(1, records, oov=0.4), base) == unknown
    assert out(drawn(1, records, rejected=0.2), base) == {("rejected_share_change", "")}
    split = split_of(random, records)
    one_class = world({"train": split}, {"train": [records, 0, 0]}, {"invalid_json": records // 100})
    assert out(one_class, base) == {("class_share_change", "label")}
    long = copy.deepcopy(split)
    for sequence in long.sequences.values():
        sequence.lengths.lengths[:] = [3 * length for length in sequence.lengths.lengths]
    assert ("length_distance", "text") in out(world({"train": long}, {"train": [records // 2, records // 2, 0]}), base)


def test_the_rate_out_of_vocabulary_of_a_base_is_that_of_records_it_was_not_made_from() -> None:
    random = np.random.default_rng(1)
    train, test = split_of(random, 1000, oov=0.0), split_of(random, 1000, oov=0.3)
    classes = [500, 500]
    span = world({"train": split_of(random, 1000, oov=0.3)}, {"train": classes})
    both = world({"train": train, "test": test}, {"train": classes, "test": classes})
    assert values(span, both)["oov_rate_change", "text"].value < 0.02
    alone = world({"train": train}, {"train": classes})
    assert values(span, alone)["oov_rate_change", "text"].value == pytest.approx(0.3, abs=0.02)
    empty = world({"train": train, "test": SplitDetails()}, {"train": classes, "test": [0, 0]})
    assert values(span, empty)["oov_rate_change", "text"].value == pytest.approx(0.3, abs=0.02)


def test_records_that_differ_in_what_is_out_of_vocabulary_raise_few_alarms() -> None:
    """And a doubling of the share, which chance does not explain, is told."""
    base = drawn(0, 2000, alike=0.05)
    for oov, least, most in ((0.1, 0, 0), (0.2, 19, 20)):
        spans = [drawn(1 + i, 200, oov=oov, alike=0.05) for i in range(20)]
        assert least <= sum(("oov_rate_change", "text") in out(span, base) for span in spans) <= most


def test_data_sets_without_sums_over_records_count_each_record_once() -> None:
    base, span = drawn(1, 500), drawn(2, 500)
    exact = values(span, base)["oov_rate_change", "text"]
    base.held_out.sequences["text"].ClearField("oov_sums")
    whole = values(span, base)["oov_rate_change", "text"]
    assert whole.value == exact.value
    assert whole.margin > 2 * exact.margin
    draws = [one.draws_of_steps("text", details) for one, details in ((span, span.all), (base, base.held_out))]
    text = [span.all.sequences["text"], base.held_out.sequences["text"]]
    unknown = sum(one.oov_steps for one in text)
    steps = sum(one.lengths.steps for one in text)
    assert whole.margin == rounded(chance_of_shares([unknown, steps - unknown], *draws, 2).margin)


@pytest.mark.parametrize(("oov", "base_oov"), [(0.0, 0.1), (0.1, 0.0), (1.0, 0.1)])
def test_a_sample_that_has_none_or_only_unknown_tokens_has_a_margin(oov: float, base_oov: float) -> None:
    found = values(drawn(1, 100, oov=oov), drawn(2, 1000, oov=base_oov))["oov_rate_change", "text"]
    assert 0.02 < found.margin < 0.2


def test_a_span_of_one_record_is_judged_by_the_likeness_of_the_base() -> None:
    base = drawn(0, 2000)
    one = {("oov_rate_change", "text"), ("length_distance", "text")}
    for seed in range(20):
        assert not out(drawn(seed, 1), base) & one


def test_a_base_without_records_out_of_training_is_compared_as_a_whole() -> None:
    random = np.random.default_rng(3)
    base = world({"train": split_of(random, 1000)}, {"train": [500, 500]})
    assert base.held_out.sequences["text"].oov_sums.records == 1000
    assert values(drawn(1, 1000), base)["oov_rate_change", "text"].margin < 0.02


def test_unknown_classes_are_a_class() -> None:
    split = split_of(np.random.default_rng(1), 100)
    base = world({"train": split}, {"train": [50, 50]})
    span = world({"train": split}, {"train": [50, 50]}, {"unknown_label": 100})
    assert values(span, base)["class_share_change", "label"].value == 0.5
    kept = world({"train": split}, {"train": [50, 30]})
    kept.manifest.statistics["train"].unknown_labels = 20
    assert values(kept, base)["class_share_change", "label"].value == 0.2


def test_classes_that_the_span_adds() -> None:
    split = split_of(np.random.default_rng(1), 100)
    base, span = world({"train": split}, {"train": [50, 50]}), world({"train": split}, {"train": [50, 20, 30]})
    assert values(span, base)["class_share_change", "label"].value == 0.3


def test_one_class_cannot_change() -> None:
    split = split_of(np.random.default_rng(1), 10)
    one = world({"train": split}, {"train": [10]})
    found = values(one, one)["class_share_change", "label"]
    assert (found.value, found.by_chance, found.margin) == (0, 0, 0)


def test_of_no_record_only_what_was_rejected_is_compared() -> None:
    base = drawn(1, 100)
    nothing = world({}, {}, {"invalid_json": 7})
    assert list(values(nothing, base)) == [("rejected_share_change", "")]
    assert list(values(base, nothing)) == [("rejected_share_change", "")]
    assert values(world({}, {}), base) == {}


def test_a_dimension_of_which_all_numbers_are_missing_is_left_out() -> None:
    base, span = drawn(1, 100), drawn(2, 100)
    for split in (span.all, span.held_out):
        split.sequences["x"].values[1].CopyFrom(NumberStatistics(missing=9))
        split.numbers["price"].Clear()
    shifts = [key for key in values(span, base) if key[0] == "mean_shift"]
    assert shifts == [("mean_shift", "x[0]")]


def test_missing_numbers_make_the_margin_wider() -> None:
    base, span = drawn(1, 100), drawn(2, 100)
    whole = values(span, base)
    numbers = span.all.sequences["x"].values[0]
    numbers.missing = 9 * numbers.count
    sparse = values(span, base)
    assert sparse["mean_shift", "x[0]"].margin > 2 * whole["mean_shift", "x[0]"].margin
    assert sparse["mean_shift", "x[0]"].value == whole["mean_shift", "x[0]"].value


def test_records_cut_into_several_examples_count_once() -> None:
    base, span = drawn(1, 200), drawn(2, 200)
    whole = values(span, base)["class_share_change", "label"]
    cut = copy.deepcopy(span)
    cut.manifest.counts.kept = 20
    assert cut.one_example_a_record is False
    for sequence in cut.all.sequences.values():
        sequence.uncut_lengths.lengths[:], sequence.uncut_lengths.counts[:] = [120], [20]
    found = values(cut, base)["class_share_change", "label"]
    assert found.value == whole.value
    assert found.margin > 2 * whole.margin


def test_rejected_events_are_a_measure_of_their_own() -> None:
    base, span = drawn(1, 100), drawn(2, 100)
    base.manifest.counts.events.CopyFrom(EventCounts(read=1000, kept=1000))
    span.manifest.counts.events.CopyFrom(EventCounts(read=1000, kept=600, rejected={"invalid_json": 400}))
    found = values(span, base)["rejected_share_change", "events"]
    assert (found.value, is_beyond(found, found.warn)) == (0.4, True)


def test_the_limits_are_those_of_the_spec_of_the_span() -> None:
    base, span = drawn(1, 100), drawn(2, 100)
    spec = parse_spec(SPEC + "drift: {warn: {mean_shift: 0.5}, fail: {mean_shift: 2, length_distance: 0.3}}\n")
    span.manifest.spec.CopyFrom(spec)
    found = values(span, base)
    assert (found["mean_shift", "price"].warn, found["mean_shift", "price"].fail) == (0.5, 2)
    assert (found["length_distance", "text"].warn, found["length_distance", "text"].fail) == (0.1, 0.3)


@pytest.mark.parametrize(
    ("value", "margin", "limit", "beyond"),
    [(0.2, 0.1, 0.1, True), (0.1, 0.0, 0.1, False), (0.2, 0.2, 0.1, False), (9, 0, 0, False)],
)
def test_beyond_a_limit(value: float, margin: float, limit: float, beyond: bool) -> None:
    assert is_beyond(DriftMeasure(value=value, margin=margin), limit) is beyond
