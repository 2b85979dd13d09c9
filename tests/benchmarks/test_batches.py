"""How batches are compared: shapes, patterns in their order, places to resume at, and every script once."""

from pathlib import Path

import batch_order
import batches
import numpy as np
import padding
import pytest
import reading
import reading_memory
import resume
import training
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.trainer.dataset_builder import build_dataset
from trainer import Batching, BatchLimits, Order, open_epochs


@given(st.lists(st.integers(0, 50), min_size=1, max_size=80), st.integers(1, 20))
def test_random_batches_have_all_records_in_as_many_batches_as_said(lengths: list[int], steps: int) -> None:
    steps = min(steps, len(lengths))
    shapes = padding.random_shapes(np.array(lengths), steps)
    assert (shapes.steps, shapes.rows.sum(), shapes.real.sum()) == (steps, len(lengths), sum(lengths))
    assert shapes.rows.max() - shapes.rows.min() <= 1
    assert 0 <= shapes.efficiency <= 1


def test_shapes_of_an_epoch_count_filler_as_padding(tmp_path: Path) -> None:
    lengths = [1, 2, 2, 4, 4]
    records = [{"text": ["a"] * length, "label": "ab"[length % 2]} for length in lengths]
    build_dataset(tmp_path / "data", "sequences: {text: {type: tokens}}\nlabel: {type: class}", {"train": records}, [2])
    assert padding.training_lengths(tmp_path / "data").tolist() == lengths
    limits = BatchLimits(padded_steps=8, max_examples=8)
    free, static = (
        padding.read_shapes(open_epochs(tmp_path / "data", batching=Batching(limits=limits, static_shapes=on)), Order())
        for on in (False, True)
    )
    assert (free.rows.sum(), free.real.sum()) == (5, 13)
    # Three records of at most 2 steps are too few for a batch of 4; with two of 4 they fill 2 and a half batches of 2.
    assert (static.rows.tolist(), static.widths.tolist(), static.real.sum()) == ([2, 2, 2], [4, 4, 4], 13)
    assert static.efficiency == pytest.approx(13 / 24)


def test_autocorrelation_of_known_series() -> None:
    alternating = np.array([1.0, -1.0, 1.0, -1.0])
    assert batch_order.autocorrelation(alternating, 2).tolist() == [-0.75, 0.5]
    assert batch_order.autocorrelation(np.array([5.0, 5.0, 5.0]), 2).tolist() == [0, 0]


@given(arrays(np.float64, st.tuples(st.integers(2, 4), st.integers(12, 30)), elements=st.integers(0, 9)))
def test_autocorrelation_of_many_at_once_is_that_of_each_and_no_more_than_1(values: np.ndarray) -> None:
    together = batch_order.autocorrelation(values)
    assert np.array_equal(together, [batch_order.autocorrelation(row) for row in values])
    assert np.all(np.abs(together) <= 1)


def test_sorted_widths_are_a_pattern_and_drawn_ones_are_not() -> None:
    widths = np.random.default_rng(1).integers(1, 100, 400)
    rising, drawn = (batch_order.correlations(order, 200) for order in (np.sort(widths), widths))
    assert (rising.outside, rising.share) == (batch_order.LAGS, 0.0)
    assert drawn.outside <= 2
    assert drawn.share > 0.05


@pytest.mark.parametrize(("place", "step"), [(0.0, 0), (0.25, 2), (0.5, 5), (1.0, 9)])
def test_places_of_an_epoch_of_ten_steps(place: float, step: int) -> None:
    assert resume.step_of(place, 10) == step


def test_resumptions_with_other_batches_are_told() -> None:
    of = resume.Resumed({"1/2": 5}, {"1/2": [0.5, 0.7, 0.9]}, {"1/2": [1.5]}, {"1/2": 4.0}, {"1/2": False})
    assert "| 1,000 | 1/2 | 5 | 0.70 | 0.50 – 0.90 | 1.50 | 4.00 | **others** |" in resume.result_text({1_000: of})


def test_readers_are_compared_with_the_tutorial() -> None:
    common = {"first_batch_seconds": 0.5, "processor_seconds": 2.0, "padding_efficiency": 0.9, "steps": 7}
    runs = {
        name: [{**common, "examples_per_second": speed, "process_bytes": 2**20}]
        for name, speed in ((reading.PLANNED, 600.0), (reading.PARSE_EACH, 100.0))
    }
    text = reading.result_text({**runs, reading.RANDOM: []}, {reading.RANDOM: "failed: no"}, 0.0)
    assert "| planned | 600 | 600 – 600 | 6.00 | 2.0 | 1.00 | 0.50 | 0.900 | 7 | 1 | " in text
    assert "| random_batches | – | – | – | – | – | – | – | – | – | failed: no |" in text


def test_memory_is_above_that_of_the_imports() -> None:
    of = {"peak_bytes": 5 << 20, "imported_bytes": 3 << 20, "steps": 7, "first_batch_seconds": 0.5, "seconds": 2.0}
    assert "| 10 | planned | 2 | 3 | 7 | 0.50 | 2.0 |" in reading_memory.result_text({10: {"planned": of}}, 0.0)


def test_training_counts_real_tokens_only() -> None:
    ours = {"steps": 4, "real": 90, "padded": 100, "longest": 40, "seconds": 1.0, "processor_seconds": 2.0}
    other = {"steps": 4, "real": 30, "padded": 300, "longest": 80, "seconds": 2.0, "processor_seconds": 3.0}
    text = training.result_text({training.PLANNED: [ours], training.RANDOM: [other]}, 0.0)
    assert "| planned | 90 | 90 – 90 | 1.00 | 45 | 1.00 | 0.900 | 100 | 4.00 | 10 | " in text
    assert "| random_batches | 15 | 15 – 15 | 6.00 | 10 | 4.50 | 0.100 | 150 | 2.00 | 20 | " in text


def test_every_script_runs_once_and_learning_where_data_sets_are_named(tmp_path: Path) -> None:
    without = batches.commands([tmp_path], [], 2)
    assert without["padding"] == [str(tmp_path)]
    assert without["reading"] == ["--rounds", "2"]
    assert "learning" not in without
    assert batches.commands([], [tmp_path], 2)["learning"] == [str(tmp_path)]
    folder = Path(batches.__file__).parent
    assert all((folder / f"{name}.py").exists() for name in [*without, "learning"])
