"""What `trainer batches` says of an epoch."""

from pathlib import Path

import pytest

from tests.trainer.batches.layouts import drawn_lengths, write_lengths
from trainer import TrainerConfig
from trainer.batches.batching import METHODS
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
