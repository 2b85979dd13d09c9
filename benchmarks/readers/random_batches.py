"""tf.data without buckets: every record parsed by itself, shuffled, 64 at a time, padded to the longest.

python random_batches.py DATA_DIR
"""

import sys
from pathlib import Path

import tensorflow as tf
from measured import measure
from parse_each import shuffled

BATCH = 64

if __name__ == "__main__":
    measure(lambda: shuffled(Path(sys.argv[1])).padded_batch(BATCH).prefetch(tf.data.AUTOTUNE))
