"""Trains on a data set for so many epochs and prints the metrics of the validation split after each.

python learn.py DATA_DIR planned|random_batches SEED STEPS

Epochs are whole: as many as STEPS steps take, rounded up. Both ways have as many steps an epoch and the same first
weights.
"""

import json
import sys

from random_epochs import RandomEpochs

from schemas.manifest import load_manifest
from schemas.spec import VALIDATION
from trainer.batches.opening import open_epochs
from trainer.batches.order import Order
from trainer.batches.source import SplitSource
from trainer.config import TrainerConfig
from trainer.evaluate import Evaluator
from trainer.models.build import build_model
from trainer.training.step import make_train_step


def main(folder, way, seed, steps):
    seed, steps = int(seed), int(steps)
    manifest = load_manifest(folder)
    model = build_model(manifest, TrainerConfig(seed=seed))
    planned = open_epochs(folder)
    epochs = planned if way == "planned" else RandomEpochs(folder, steps=planned.steps)
    validation = Evaluator(model, SplitSource(folder, manifest, VALIDATION))
    history, step = [], None
    for epoch in range(-(-steps // planned.steps)):
        dataset = epochs.open(Order(seed, epoch)) if way == "planned" else epochs.open(seed, epoch)
        step = step or make_train_step(model, dataset.element_spec)
        done = 0
        for batch in dataset:
            step(*batch)
            done += 1
        history.append(validation.run().metrics())
    print(json.dumps({"steps_per_epoch": done, "examples": epochs.examples, "history": history}))


if __name__ == "__main__":
    main(*sys.argv[1:])
