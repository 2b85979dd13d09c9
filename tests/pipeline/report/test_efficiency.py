import numpy as np
import pytest

from pipeline.report.efficiency import efficiencies, measure, steps_by_count, worthwhile_count
from schemas.buckets import bucketed_efficiency, padded_steps, padded_steps_by_count, plan_buckets
from tests.pipeline.report.facts import make_facts, make_manifest, split_of

LENGTHS = np.array([1, 2, 4, 7, 11, 30, 100], np.int64)
COUNTS = np.array([5, 40, 30, 20, 10, 4, 1], np.int64)


def test_every_number_of_buckets_is_planned_as_well_as_by_itself() -> None:
    totals = padded_steps_by_count(LENGTHS, COUNTS, 10)
    alone = [padded_steps(LENGTHS, COUNTS, plan_buckets(LENGTHS, COUNTS, count)) for count in range(1, 11)]
    assert totals == alone
    assert totals[6:] == [int(np.dot(LENGTHS, COUNTS))] * 4


def test_efficiencies_rise_to_1() -> None:
    values = efficiencies(LENGTHS, COUNTS, steps_by_count(LENGTHS, COUNTS, 7))
    assert values[1] == bucketed_efficiency(LENGTHS, COUNTS, plan_buckets(LENGTHS, COUNTS, 2))
    assert values[-1] == 1
    assert list(values) == sorted(values)


def test_very_many_lengths_are_rounded_up() -> None:
    lengths = np.arange(1, 12_001, dtype=np.int64)
    counts = np.ones(12_000, np.int64)
    values = efficiencies(lengths, counts, steps_by_count(lengths, counts, 4))
    assert values[0] == bucketed_efficiency(lengths, counts, plan_buckets(lengths, counts, 1))
    exact = bucketed_efficiency(lengths, counts, plan_buckets(lengths, counts, 4))
    assert exact - 0.001 < values[3] <= exact


@pytest.mark.parametrize(
    ("curve", "worthwhile"),
    [
        ((0.2, 0.6, 0.8, 0.9, 1.0), 5),
        ((0.1, 0.5, 0.8, 0.805, 0.81), 3),
        ((1.0, 1.0, 1.0), 1),
        ((0.5,), 1),
    ],
)
def test_what_is_worthwhile(curve: tuple[float, ...], worthwhile: int) -> None:
    assert worthwhile_count(curve) == worthwhile


def test_what_padding_costs_in_training() -> None:
    efficiency = measure(make_facts())
    assert efficiency is not None
    assert efficiency.longest == efficiency.by_count[0] == 1300 / (210 * 100)
    assert efficiency.bucketed == efficiency.by_count[1]
    assert efficiency.by_count[4] == 1
    assert efficiency.knee == 5


def test_no_step_has_no_efficiency() -> None:
    manifest = make_manifest()
    manifest.statistics["train"].CopyFrom(split_of({0: 3}))
    assert measure(make_facts(manifest)) is None
