"""What `trainer batches` says of an epoch."""

from pathlib import Path

import pytest

from schemas.errors import UsageError
from tests.trainer.batches.layouts import drawn_lengths, write_lengths
from trainer import TrainerConfig
from trainer.batches.batching import BUCKETED, METHODS
from trainer.epoch import describe_epoch


@pytest.mark.parametrize("method", METHODS)
def test_filler_counts_as_padding_and_is_no_example(tmp_path: Path, method: str) -> None:
    lengths = drawn_lengths(61, 30)
    folder = write_lengths(tmp_path / "data", lengths, [5, 12])
    shared = {"batching": method, "batch_padded_steps": 60, "max_batch_size": 9, "min_epoch_steps": 1}
    plain, static = (
        describe_epoch(folder, "train", TrainerConfig(**shared, static_shapes=static_shapes))
        for static_shapes in (False, True)
    )
    assert plain["examples"] == static["examples"] == 61
    assert plain["steps"] == static["steps"]
    assert plain["batch_sizes"] == static["batch_sizes"]
    assert static["padding_efficiency"] < plain["padding_efficiency"] <= 1


@pytest.mark.parametrize("static_shapes", [False, True])
@pytest.mark.parametrize("split", ["train", "test"])
def test_an_epoch_is_as_its_plan_says(tmp_path: Path, split: str, static_shapes: bool) -> None:
    folder = write_lengths(tmp_path / "data", drawn_lengths(61, 30), [5, 12, 100], test=[1, 1, 8, 30, 17, 3])
    config = TrainerConfig(
        batch_padded_steps=60, min_epoch_steps=1, pool_batches=2, shuffle_window=20, static_shapes=static_shapes
    )
    read = describe_epoch(folder, split, config)
    del read["examples_per_second"]
    assert describe_epoch(folder, split, config, read=False) == read


def test_only_planned_batches_can_be_foreseen(tmp_path: Path) -> None:
    folder = write_lengths(tmp_path / "data", [1, 2, 3], [2])
    with pytest.raises(UsageError) as error:
        describe_epoch(folder, "train", TrainerConfig(batching=BUCKETED), read=False)
    assert str(error.value) == (
        "--no_read: batching bucket_by_sequence_length has no plan to look at; leave it out, or say planned"
    )
