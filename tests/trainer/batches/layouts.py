"""Data sets of known lengths, and the batches that the plan alone says they make."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from schemas.dataset_pb2 import StoredAs
from schemas.shard_index import open_index
from tests.trainer.dataset_builder import build_dataset
from trainer.batches.epochs import Epochs
from trainer.batches.order import Order
from trainer.batches.plan import arranged, pool_seed

SPEC = """
name: lengths
id: id
sequences: {text: {type: tokens, tokenizer: whitespace, empty: keep}}
label: {from: mood, type: class}
"""
AS_SEQUENCE_EXAMPLES = SPEC + "stored_as: sequence_example\n"


def write_lengths(
    folder: Path, lengths: Sequence[int], bounds: list[int], shards: int = 2, spec: str = SPEC, **splits: list[int]
) -> Path:
    """Writes records of some lengths, by the ids "train-0", "train-1" and so on; returns the folder."""
    everything = {"train": lengths, **splits}
    records = {split: [_record(split, i, length) for i, length in enumerate(of)] for split, of in everything.items()}
    build_dataset(folder, spec, records, bounds, shards)
    return folder


def _record(split: str, i: int, length: int) -> dict[str, Any]:
    return {"id": f"{split}-{i}", "text": " ".join("abcdef"[(i + j) % 6] for j in range(length)), "mood": "xy"[i % 2]}


def drawn_lengths(count: int, longest: int, seed: int = 0) -> list[int]:
    """Lengths of which short ones are the more frequent."""
    draw = random.Random(seed)
    return [min(longest, int(draw.expovariate(4 / longest))) for _ in range(count)]


def ids(dataset: Any) -> list[list[str]]:
    """The ids of each batch, whatever else it holds."""
    batches = (batch[0] if isinstance(batch, tuple) else batch for batch in dataset)
    return [[item.decode() for item in features["id"].numpy()] for features in batches]


def planned_ids(epochs: Epochs, order: Order | None) -> list[list[str]]:
    """The ids of each batch as the pure plan has them: nothing here is read in the order of batches."""
    plan, source = epochs.plan(order), epochs.source
    stored, lengths = {}, {}
    for bucket in range(len(plan.streams)):
        for number, shard in enumerate(entry for entry in source.shards if entry.bucket == bucket):
            stored[bucket, number] = _stored_ids(source.folder / shard.path, source.manifest.spec.stored_as)
            lengths[bucket, number] = open_index(source.folder, shard)["length"]
    streams = []
    for bucket, stream in enumerate(plan.streams):
        filled: list[str] = []
        for pool in range(-(-stream.batches // plan.pool)):
            rows = list(zip(*(column.tolist() for column in plan.pool_rows(bucket, pool)), strict=True))
            steps = np.array([lengths[of, shard][row] for of, shard, row in rows])
            turned = [rows[i] for i in arranged(steps, stream.size, pool_seed(stream, pool))]
            filled += [stored[of, shard][row] for of, shard, row in turned]
        streams.append(iter([filled[i : i + stream.size] for i in range(0, len(filled), stream.size)]))
    return [next(streams[bucket]) for bucket in plan.choices]


def _stored_ids(path: Path, stored_as: int) -> list[str]:
    if stored_as == StoredAs.sequence_example:
        messages = [tf.train.SequenceExample.FromString(item.numpy()).context for item in tf.data.TFRecordDataset(path)]
    else:
        messages = [tf.train.Example.FromString(item.numpy()).features for item in tf.data.TFRecordDataset(path)]
    return [message.feature["id"].bytes_list.value[0].decode() for message in messages]
