"""Trains the project's model for some seconds and counts the real tokens that went through it.

python steps.py DATA_DIR planned[:PADDED_STEPS]|keras|xla|random_batches|longest SECONDS EPOCH
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
    if method in ("keras", "xla"):
        return open_epochs(folder, batching=Batching(static_shapes=method == "xla")).open(Order(epoch=epoch))
    return RandomEpochs(folder, to_longest=way == "longest").open(0, epoch)


def config_of(way):
    """Random batches and those of keras are what one has without this project: Keras's own recurrent layer."""
    if way == "xla":
        return TrainerConfig(static_shapes=True, jit_compile=True)
    return TrainerConfig(recurrent_kernel="fast" if way.startswith("planned") else "keras")


def main(folder, way, seconds, epoch):
    manifest = load_manifest(folder)
    name = next(iter(manifest.spec.sequences))
    config = config_of(way)
    model = build_model(manifest, config)
    dataset = open_epoch(folder, way, int(epoch))
    step = make_train_step(model, dataset.element_spec, config.jit_compile)
    counts = dict.fromkeys(("steps", "real", "padded", "longest", "seconds", "processor_seconds"), 0)
    compiled = set()
    before, processor = time.monotonic(), time.process_time()
    for number, (features, label, weight) in enumerate(dataset):
        float(step(features, label, weight))
        now, processor_now = time.monotonic(), time.process_time()
        shape = tuple(features[name].shape)
        # The first steps trace the model; XLA compiles it for each shape.
        if number >= WARM_UP and not (config.jit_compile and shape not in compiled):
            counts["steps"] += 1
            counts["real"] += int(features[length_feature(name)].numpy().sum())
            counts["padded"] += shape[0] * shape[1]
            counts["longest"] += shape[1]
            counts["seconds"] += now - before
            counts["processor_seconds"] += processor_now - processor
        compiled.add(shape)
        before, processor = time.monotonic(), time.process_time()
        if counts["seconds"] > float(seconds):
            break
    print(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
