"""What tells that a stream goes on rising."""

import pytest

from tests.engines.flink.samples import rise


@pytest.mark.parametrize(
    ("values", "times"),
    [
        ([1, 2, 100, 100, 100, 100, 100], 1.0),  # a start is no growth
        ([10, 20, 30, 40, 50, 60, 70, 80, 90], 1.6),
        ([5, 5, 5, 5, 0, 5, 5, 5, 0], 1.0),  # nor is one look at which nobody was there
    ],
)
def test_growth_is_told_by_medians(values: list[float], times: float) -> None:
    assert rise(values) == pytest.approx(times)
