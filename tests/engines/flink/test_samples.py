"""What tells that a stream goes on rising."""

import pytest

from tests.engines.flink.samples import rise


@pytest.mark.parametrize(
    ("values", "times"),
    [
        ([100, 100, 100, 100, 100], 1.0),
        ([10, 20, 30, 40, 50, 60], 2.5),
        ([5, 0, 5, 5, 5, 0], 1.0),  # a look at which nobody was there says nothing
    ],
)
def test_growth_is_told_by_medians(values: list[float], times: float) -> None:
    assert rise(values) == pytest.approx(times)
