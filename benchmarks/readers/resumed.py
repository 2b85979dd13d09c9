"""What remains of an epoch from a step on: how long the first batch takes, and which batches there are.

    python resumed.py DATA_DIR METHOD STEP SUMS.json|- [POSITION]

Without a POSITION (JSON) the epoch is opened at STEP, and the position to resume there is printed.
Which batches: a checksum of each, over all its tensors, written to SUMS.json unless that is "-".
"""

import json
import sys
import time
import zlib
from pathlib import Path

import tensorflow as tf

from trainer.batches.batching import Batching
from trainer.batches.opening import open_epochs
from trainer.batches.order import Order
from trainer.batches.position import Position

ORDER = Order()


def main(folder, method, step, checksums, text=None):
    tf.random.set_seed(0)
    start, processor = time.monotonic(), time.process_time()
    epochs = open_epochs(folder, batching=Batching(method))
    batches = epochs.resume(ORDER, Position.from_json(text)) if text else epochs.open(ORDER, int(step))
    iterator = iter(batches)
    batch = next(iterator)
    cost = {"seconds": time.monotonic() - start, "processor_seconds": time.process_time() - processor}
    result = {**cost, "steps": epochs.steps}
    if checksums != "-":
        sums = [checksum(batch), *(checksum(batch) for batch in iterator)]
        Path(checksums).write_text(json.dumps(sums))
    print(json.dumps({**result, "position": epochs.position(ORDER, int(step)).to_json()}))


def checksum(batch):
    total = 0
    for tensor in tf.nest.flatten(batch):
        total = zlib.crc32(tensor.numpy().tobytes(), total)
    return total


if __name__ == "__main__":
    main(*sys.argv[1:])
