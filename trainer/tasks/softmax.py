"""What the tasks have in common that answer with probabilities."""

import keras

from trainer.tasks.losses import CrossEntropy


class SoftmaxTask:
    """Predicts the probability of each class, of whatever it is that has classes."""

    beside = None
    keras_metrics = ("accuracy",)

    def finish(self) -> keras.layers.Layer:
        """Returns a softmax."""
        return keras.layers.Activation("softmax", dtype="float32")

    def loss(self) -> keras.losses.Loss:
        """Returns the cross entropy in nats of each answer."""
        return CrossEntropy()
