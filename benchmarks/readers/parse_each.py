"""tf.data as tutorials have it: every record parsed by itself, shuffled, then bucketed by its length.

    python parse_each.py DATA_DIR

Boundaries are powers of two, as is usual, with at most 16,384 padded steps a batch.
"""

import json
import sys
from pathlib import Path

import tensorflow as tf
from measured import measure

PADDED_STEPS = 16_384
BOUNDARIES = [17, 33, 65, 129, 257, 513, 1025, 2049]
WINDOW = 65_536
PARSE = {
    "text": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True),
    "label": tf.io.FixedLenFeature([], tf.int64),
}


def shuffled(folder):
    shards = json.loads((folder / "manifest.json").read_text())["shards"]
    paths = [str(folder / shard["path"]) for shard in shards if shard["split"] == "train"]
    dataset = tf.data.TFRecordDataset(paths)
    dataset = dataset.map(lambda record: tf.io.parse_single_example(record, PARSE), num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.shuffle(WINDOW, seed=0)


def batches(folder):
    dataset = shuffled(folder).bucket_by_sequence_length(
        lambda record: tf.size(record["text"]),
        BOUNDARIES,
        [max(1, PADDED_STEPS // (boundary - 1)) for boundary in BOUNDARIES] + [PADDED_STEPS // 2_500],
    )
    return dataset.prefetch(tf.data.AUTOTUNE)


if __name__ == "__main__":
    measure(lambda: batches(Path(sys.argv[1])))
