"""Points for TensorBoard, read back by TensorFlow's own reader."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from trainer.training.events import EventFile, epoch_points, event_files

ENTRY: dict[str, Any] = {
    "epoch": 1,
    "loss": 0.5,
    "seconds": 2.0,
    "learning_rate": 0.25,
    "real_steps_per_second": 100.0,
    "padding_efficiency": 0.75,
    "buckets": [{"loss": 0.25, "validation": {"loss": 0.125, "accuracy": 1.0}}, {"examples": 0}],
    "validation": {"loss": 0.375, "accuracy": 0.5},
}
POINTS = {
    "train/loss": 0.5,
    "epoch/learning_rate": 0.25,
    "epoch/real_steps_per_second": 100.0,
    "epoch/padding_efficiency": 0.75,
    "epoch/seconds": 2.0,
    "validation/loss": 0.375,
    "validation/accuracy": 0.5,
    "train/loss of bucket 00": 0.25,
    "validation/loss of bucket 00": 0.125,
}


def points(folder: Path) -> list[tuple[int, str, float]]:
    found = []
    for name in event_files(folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            events = list(tf.compat.v1.train.summary_iterator(str(folder / name)))
        assert events[0].file_version == "brain.Event:2"
        found += [(event.step, value.tag, value.simple_value) for event in events for value in event.summary.value]
    return found


def test_what_is_written_of_an_epoch() -> None:
    assert epoch_points(ENTRY) == POINTS


@pytest.mark.parametrize("torn", [0, 5])
def test_no_point_comes_twice_where_a_run_goes_on(tmp_path: Path, torn: int) -> None:
    file = EventFile(tmp_path / "points", 0)
    file.add(2, {"train/loss": 1.0})
    file.add_epoch(4, ENTRY)
    file.add(6, {"train/loss": 0.25})
    file.add(8, {"train/loss": 0.125})
    file.close()
    (name,) = event_files(tmp_path / "points")
    path = tmp_path / "points" / name
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) - torn])
    file = EventFile(tmp_path / "points", 6)
    file.add(8, {"train/loss": 0.0625})
    file.close()
    assert len(event_files(tmp_path / "points")) == 1
    epoch = [(4, tag, value) for tag, value in POINTS.items()]
    assert points(tmp_path / "points") == [
        (2, "train/loss", 1.0), *epoch, (6, "train/loss", 0.25), (8, "train/loss", 0.0625)
    ]  # fmt: skip
