"""Memory over time: growth, the section, a chart that is the same each time."""

import sys
from pathlib import Path

import pytest
from measure import Cost, run
from memory import draw, growth, mean_bytes, result_text

COSTS = {
    1_000: Cost(1.0, 1, 300_000_000, ((0.2, 100_000_000), (0.4, 300_000_000))),
    8_000: Cost(2.0, 2, 330_000_000, ((0.2, 110_000_000), (1.8, 330_000_000))),
}


def test_samples_lie_within_the_run(tmp_path: Path) -> None:
    cost = run([sys.executable, "-c", "import time; time.sleep(1)"], tmp_path / "log", timeout=60)
    if sys.platform == "linux":
        seconds = [second for second, _ in cost.series]
        assert seconds == sorted(seconds)
        assert len(seconds) >= 2
        assert 0 < seconds[0] < seconds[-1] < cost.seconds
        assert all(0 < size <= cost.peak_bytes for _, size in cost.series)


def test_the_section_says_what_grew() -> None:
    assert growth(COSTS) == pytest.approx(1.1)
    assert mean_bytes(Cost(1, 1, 7)) == 7
    lines = result_text(COSTS, 0.5, chart=True).splitlines()
    assert lines[0] == "8 times the input takes 1.10 times the memory at its peak."
    assert lines[4:6] == ["| 1,000 | 300 | 200 | 1.0 |", "| 8,000 | 330 | 220 | 2.0 |"]
    assert "![Memory over time of both runs](memory.svg)" in lines


def test_the_chart_is_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw(COSTS, tmp_path / "a.svg")
    draw(COSTS, tmp_path / "b.svg")
    chart = (tmp_path / "a.svg").read_text()
    assert chart == (tmp_path / "b.svg").read_text()
    assert "<dc:date>" not in chart
    assert chart.count("stroke-dasharray") == 4  # two peaks, in the plot and in the legend
