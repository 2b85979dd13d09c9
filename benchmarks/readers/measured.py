"""What one epoch costs and is like, counted alike for all readers of the benchmark's corpus."""

import json
import time
from pathlib import Path

import tensorflow as tf


def measure(make):
    """Prints what the dataset of batches that a function makes is like; the clock begins before it is called.

    Of memory: the greatest resident set so far, in bytes, once everything is imported, and at the end (Linux; else 0).
    """
    imported = peak_bytes()
    steps = examples = padded = real = 0
    first = 0.0
    start, processor = time.monotonic(), time.process_time()
    for batch in make():
        text = batch["text"]
        first = first or time.monotonic() - start
        steps += 1
        examples += text.shape[0]
        padded += text.shape[0] * text.shape[1]
        real += int(tf.math.count_nonzero(text))  # no token of these data has the id 0
    seconds, processor = time.monotonic() - start, time.process_time() - processor
    result = {"steps": steps, "examples": examples, "padding_efficiency": real / padded}
    speed = {"examples_per_second": examples / seconds, "first_batch_seconds": first}
    cost = {"seconds": seconds, "processor_seconds": processor}
    print(json.dumps({**result, **speed, **cost, "imported_bytes": imported, "peak_bytes": peak_bytes()}))


def peak_bytes():
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
