"""Points for TensorBoard, in its file format: what a run has come to, step by step.

Written as event messages by TensorFlow itself; TensorBoard, which only looks at them, need not be installed.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from schemas.spec import VALIDATION

_PREFIX = "events.out.tfevents."  # that TensorBoard looks for


class EventFile:
    """Adds points to those of a folder.

    Where a training goes on, what is there beyond the step that it goes on from is left out, so that no point is
    there twice.
    """

    def __init__(self, folder: Path, done: int) -> None:
        """Begins a new file with what is kept of the old ones, and removes these.

        Args:
          folder: Is made if need be.
          done: Steps of the training that are done.
        """
        folder.mkdir(parents=True, exist_ok=True)
        before = sorted(folder.glob(f"{_PREFIX}*"))
        kept = {(event.step, event.summary.value[0].tag): event for path in before for event in _points(path, done)}
        number = 1 + max((int(path.name.split(".")[-1]) for path in before), default=0)
        self._writer = tf.io.TFRecordWriter(str(folder / f"{_PREFIX}{number:06d}"))
        first = tf.compat.v1.Event(wall_time=time.time(), file_version="brain.Event:2")
        for event in (first, *kept.values()):
            self._writer.write(event.SerializeToString())
        self._writer.flush()
        for path in before:
            path.unlink()

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Adds points.

        Args:
          step: Of the whole training, from 1.
          values: By tag.
        """
        for tag, value in values.items():
            summary = tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(tag=tag, simple_value=value)])
            event = tf.compat.v1.Event(wall_time=time.time(), step=step, summary=summary)
            self._writer.write(event.SerializeToString())

    def add_epoch(self, step: int, entry: Mapping[str, Any]) -> None:
        """Adds what the history says of an epoch, at its last step."""
        self.add(step, epoch_points(entry))
        self._writer.flush()

    def close(self) -> None:
        """Writes what is left."""
        self._writer.close()


def epoch_points(entry: Mapping[str, Any]) -> dict[str, float]:
    """Returns the points of an entry of the history, by tag."""
    names = ("learning_rate", "real_steps_per_second", "padding_efficiency", "seconds")
    points = {"train/loss": entry["loss"], **{f"epoch/{name}": entry[name] for name in names}}
    points |= {f"{VALIDATION}/{name}": value for name, value in entry.get(VALIDATION, {}).items()}
    for i, row in enumerate(entry["buckets"]):
        if "loss" in row:
            points[f"train/loss of bucket {i:02d}"] = row["loss"]
        if "loss" in row.get(VALIDATION, {}):
            points[f"{VALIDATION}/loss of bucket {i:02d}"] = row[VALIDATION]["loss"]
    return points


def event_files(folder: Path) -> dict[str, bytes]:
    """Returns the content of the files of a folder by their names."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob(f"{_PREFIX}*"))}


def _points(path: Path, done: int) -> list[Any]:
    """Returns the points of a file up to a step; it may end in the middle of one, where its process was killed."""
    points = []
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            if event.step <= done and event.summary.value:
                points.append(event)
    except tf.errors.DataLossError:
        pass
    return points
