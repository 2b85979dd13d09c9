"""tf.data without buckets: every record parsed by itself, shuffled, 64 at a time, padded to the longest.

python random_batches.py DATA_DIR
"""

import json
import sys
from pathlib import Path

import tensorflow as tf
from parse_each import PARSE, WINDOW, measure

BATCH = 64


def main(folder):
    shards = json.loads((folder / "manifest.json").read_text())["shards"]
    paths = [str(folder / shard["path"]) for shard in shards if shard["split"] == "train"]
    dataset = tf.data.TFRecordDataset(paths)
    dataset = dataset.map(lambda record: tf.io.parse_single_example(record, PARSE), num_parallel_calls=tf.data.AUTOTUNE)
    measure(dataset.shuffle(WINDOW, seed=0).padded_batch(BATCH).prefetch(tf.data.AUTOTUNE))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
