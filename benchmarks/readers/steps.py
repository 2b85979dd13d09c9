"""Trains the project's model for some seconds and counts the real tokens that went through it.

python steps.py DATA_DIR planned[:PADDED_STEPS]|random_batches|longest SECONDS EPOCH
"""

import json
import sys
import time
from dataclasses import replace

from random_epochs import RandomEpochs

from schemas.manifest import length_feature, load_manifest
from trainer.batches.batching import DEFAULT_LIMITS, Batching
from trainer.batches.opening import open_epochs
from trainer.batches.order import Order
from trainer.config import TrainerConfig
from trainer.models.build import build_model
from trainer.training.step import make_train_step

WARM_UP = 3  # steps: the first one traces the model


def open_epoch(folder, way, epoch):
    method, _, padded_steps = way.partition(":")
    if method == "planned":
        limits = replace(DEFAULT_LIMITS, padded_steps=int(padded_steps or DEFAULT_LIMITS.padded_steps))
        return open_epochs(folder, batching=Batching(limits=limits)).open(Order(epoch=epoch))
    return RandomEpochs(folder, to_longest=way == "longest").open(0, epoch)


def main(folder, way, seconds, epoch):
    manifest = load_manifest(folder)
    name = next(iter(manifest.spec.sequences))
    model = build_model(manifest, TrainerConfig())
    dataset = open_epoch(folder, way, int(epoch))
    step = make_train_step(model, dataset.element_spec)
    steps = real = padded = longest = 0
    start = now = processor = 0.0
    for number, (features, label, weight) in enumerate(dataset):
        float(step(features, label, weight))
        now = time.monotonic()
        if number < WARM_UP:
            start, processor = now, time.process_time()
            continue
        steps += 1
        real += int(features[length_feature(name)].numpy().sum())
        padded += features[name].shape[0] * features[name].shape[1]
        longest += features[name].shape[1]
        if now - start > float(seconds):
            break
    counts = {"steps": steps, "real": real, "padded": padded, "longest": longest}
    print(json.dumps({**counts, "seconds": now - start, "processor_seconds": time.process_time() - processor}))


if __name__ == "__main__":
    main(*sys.argv[1:])
