"""tf.data as tutorials have it: every record parsed by itself, shuffled, then bucketed by its length.

    python parse_each.py DATA_DIR

Boundaries are powers of two, as is usual, with at most 16,384 padded steps a batch.
"""

import json
import sys
import time
from pathlib import Path

import tensorflow as tf

PADDED_STEPS = 16_384
BOUNDARIES = [17, 33, 65, 129, 257, 513, 1025, 2049]
WINDOW = 65_536
PARSE = {
    "text": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True),
    "label": tf.io.FixedLenFeature([], tf.int64),
}


def main(folder):
    shards = json.loads((folder / "manifest.json").read_text())["shards"]
    paths = [str(folder / shard["path"]) for shard in shards if shard["split"] == "train"]
    dataset = tf.data.TFRecordDataset(paths)
    dataset = dataset.map(lambda record: tf.io.parse_single_example(record, PARSE), num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.shuffle(WINDOW, seed=0).bucket_by_sequence_length(
        lambda record: tf.size(record["text"]),
        BOUNDARIES,
        [max(1, PADDED_STEPS // (boundary - 1)) for boundary in BOUNDARIES] + [PADDED_STEPS // 2_500],
    )
    measure(dataset.prefetch(tf.data.AUTOTUNE))


def measure(dataset):
    steps = examples = padded = real = 0
    start = time.monotonic()
    for batch in dataset:
        steps += 1
        examples += batch["text"].shape[0]
        padded += batch["text"].shape[0] * batch["text"].shape[1]
        real += int(tf.math.count_nonzero(batch["text"]))  # no token of these data has the id 0
    seconds = time.monotonic() - start
    result = {"steps": steps, "examples": examples, "padding_efficiency": real / padded}
    print(json.dumps({**result, "examples_per_second": examples / seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
