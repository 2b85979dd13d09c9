"""Goes through one epoch with 1, 2 and 4 replicas of `tf.distribute.MirroredStrategy`: prints what came of it as JSON.

A process of its own: logical devices can only be made before TensorFlow has looked at the machine.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from trainer import Batching, BatchLimits, Order, open_dataset

DEVICES = 4
REPLICAS = (1, 2, 4)
LIMITS = BatchLimits(padded_steps=60, max_examples=9)
ORDER = Order(seed=3, epoch=1, window=60, block_bytes=300)


def go_through(folder: Path, replicas: int, **settings: Any) -> dict[str, Any]:
    """Returns what came of one epoch: steps, ids that have a weight, the gradient of a linear model."""
    strategy = tf.distribute.MirroredStrategy([f"/cpu:{i}" for i in range(replicas)])
    batching = Batching(limits=LIMITS, replicas=replicas, **settings)
    dataset = open_dataset(folder, batching=batching, order=ORDER, with_ids=True)
    batches = strategy.experimental_distribute_dataset(dataset)
    weights = tf.constant(np.linspace(-1, 1, 10), tf.float64)

    def step(features: Any, label: Any, weight: Any) -> Any:
        """As Keras does it: the mean over the rows of the replica, and a share of it for each replica."""
        with tf.GradientTape() as tape:
            tape.watch(weights)
            words = tf.one_hot(features["text"], 10, dtype=tf.float64)
            mask = tf.sequence_mask(features["text/length"], tf.shape(features["text"])[1], tf.float64)
            scores = tf.reduce_sum(words * weights, -1) * mask
            error = tf.reduce_sum(scores, 1) - tf.cast(label, tf.float64)
            loss = tf.reduce_mean(error**2 * tf.cast(weight, tf.float64)) / replicas
        return tape.gradient(loss, weights), features["id"], weight

    @tf.function(input_signature=[batches.element_spec])
    def run(batch: Any) -> Any:
        gradient, ids, weight = strategy.run(step, batch)
        gradient = strategy.reduce("SUM", gradient, axis=None)
        return gradient, strategy.experimental_local_results(ids), strategy.experimental_local_results(weight)

    gradient, seen, alike = np.zeros(10), [], True
    for batch in batches:
        part, ids, weight = run(batch)
        gradient += part.numpy()
        alike &= len({len(share) for share in ids}) == 1
        names, values = np.concatenate([share.numpy() for share in ids]), np.concatenate(weight)
        seen.append([name.decode() for name, value in zip(names, values, strict=True) if value > 0])
    return {
        "steps": int(dataset.cardinality()),
        "ids": seen,
        "gradient": gradient.tolist(),
        "replicas": strategy.num_replicas_in_sync,
        "shares_alike": alike,
    }


def main() -> None:
    """Runs the command."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * DEVICES)
    settings = json.loads(sys.argv[2])
    runs = {name: [go_through(Path(sys.argv[1]), n, **of) for n in REPLICAS] for name, of in settings.items()}
    print(json.dumps(runs))


if __name__ == "__main__":
    main()
