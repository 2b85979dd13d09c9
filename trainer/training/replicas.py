"""Training on several devices of one machine: each has a share of every batch, the gradient is the whole one's."""

from typing import Any

import keras
import tensorflow as tf

from schemas.errors import UsageError
from trainer.models.model import SequenceModel
from trainer.training.guard import Guard
from trainer.training.step import apply_gradients, loss_and_gradients

_SUM = "_all_reduce_sum_gradients"  # of Keras' optimizer on TensorFlow, where replicas are added up


def strategy_of(replicas: int) -> tf.distribute.Strategy | None:
    """Returns what spreads training over devices: GPUs, or logical CPUs where there are none; None for one.

    Args:
      replicas: Devices to use, 1 or more.

    Raises:
      UsageError: There are fewer.
    """
    if replicas == 1:
        return None
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = tf.config.list_logical_devices(kind)
    if len(devices) < replicas:
        there = f"{len(devices)} {kind} device{'s' if len(devices) != 1 else ''}"
        remedy = (
            "lower it"
            if kind == "GPU"
            else "lower it, or call trainer.tensorflow_setup.import_tensorflow(replicas) before using TensorFlow"
        )
        raise UsageError(f"replicas: {replicas} are more than the {there} that TensorFlow has here; {remedy}")
    # Sums of few replicas on one machine: the hierarchical copy that is TensorFlow's own choice needs NCCL on GPUs.
    return tf.distribute.MirroredStrategy([device.name for device in devices[:replicas]])


class ReplicaStep:
    """A train step of which each replica does a share; as a `TrainStep`, it takes whole batches.

    The rows of a batch must be a multiple of the replicas. The gradients are summed before they are clipped, so that
    the weights change as they do with one replica, up to the rounding of sums.
    """

    def __init__(self, strategy: tf.distribute.Strategy, model: SequenceModel, element_spec: Any, guard: Guard) -> None:
        """Traces nothing yet.

        Args:
          strategy: Within whose scope the model was built.
          model: Compiled.
          element_spec: Of the training dataset.
          guard: Of the training.
        """
        self._strategy, self._model, self._guard = strategy, model, guard
        self._replicas: int = strategy.num_replicas_in_sync
        optimizer = model.optimizer
        with strategy.scope():
            optimizer.build(model.trainable_variables)
        if not hasattr(optimizer, _SUM):
            raise UsageError(
                f"replicas: Keras {keras.__version__} adds up gradients in a way that is not known here; set replicas: "
                "1, or take a version of Keras that this package is tested with"
            )
        # The optimizer would clip the gradient of each replica, then add them up; here they come as their sum.
        setattr(optimizer, _SUM, list)
        self._run = tf.function(self._step, input_signature=element_spec)

    def __call__(self, features: Any, label: Any, weight: Any) -> tf.Tensor:
        """Changes the weights once."""
        loss: tf.Tensor = self._run(features, label, weight)
        return loss

    def _step(self, *batch: Any) -> tf.Tensor:
        self._guard.begin()
        parts = tf.nest.flatten(batch)
        shares = list(zip(*(tf.split(part, self._replicas) for part in parts), strict=True))
        share = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.nest.pack_sequence_as(batch, shares[context.replica_id_in_sync_group])
        )
        losses, gradients = self._strategy.run(self._share, args=share)
        loss = self._strategy.reduce("SUM", losses, axis=None)
        summed = [self._strategy.reduce("SUM", gradient, axis=None) for gradient in gradients]
        return self._guard.end(loss, summed, lambda: self._strategy.run(apply_gradients, args=(self._model, summed)))

    def _share(self, features: Any, label: Any, weight: Any) -> Any:
        return loss_and_gradients(self._model, features, label, weight)
