"""What the tests of recurrent layers share: layers with the same weights, and what reading gives."""

from typing import Any

import numpy as np
import tensorflow as tf

from trainer.recurrent import Recurrent
from trainer.recurrent.reference import Reference

STATES = {"lstm": 2, "gru": 1}


def draw(seed: int, *shape: int) -> Any:
    """Numbers of a normal distribution, float32."""
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def layers(cell: str, units: int, bidirectional: bool, size: int, seed: int = 0) -> dict[str, Any]:
    """The layer with either kernel and the reference, with the same random weights."""
    kernels = ("fast", "keras", "loop")
    made: dict[str, Any] = {kernel: Recurrent(cell, units, bidirectional, kernel) for kernel in kernels}
    made["reference"] = Reference(cell, units, bidirectional)
    for layer in made.values():
        layer.build((None, None, size))
    random = np.random.default_rng(seed)
    weights = [random.normal(size=weight.shape) for weight in made["fast"].get_weights()]
    for layer in made.values():
        layer.set_weights(weights)
    return made


def initial_state(cell: str, batch: int, units: int) -> Any:
    """A state to go on from."""
    return (tuple(draw(7 + i, batch, units) for i in range(STATES[cell])),)


def read(layer: Any, x: Any, lengths: Any, state: Any = None, training: bool = True) -> dict[str, list[Any]]:
    """Outputs and last state, and the gradients of a sum of outputs in weights of their own."""
    weights = [weight.value for weight in layer.trainable_variables]
    states = tf.nest.flatten(state) if state is not None else []
    with tf.GradientTape() as tape:
        tape.watch([x, *states])
        outputs, last = layer(x, lengths, state, **({} if isinstance(layer, Reference) else {"training": training}))
        total = tf.reduce_sum(tf.cast(outputs, tf.float32) * draw(3, *outputs.shape))
    gradients = tape.gradient(total, [x, *weights, *states], unconnected_gradients="zero")
    # That of a gather has the form of indices and rows.
    dense = [tf.convert_to_tensor(gradient) for gradient in gradients]
    return {"outputs": [outputs], "last": tf.nest.flatten(last), "gradients": dense}


def assert_close(found: dict[str, list[Any]], expected: dict[str, list[Any]], tolerance: float = 1e-5) -> None:
    """Compares all parts; a gradient relative to its greatest number, since it is a sum over steps."""
    for name, values in expected.items():
        assert len(found[name]) == len(values)
        for one, other in zip(found[name], values, strict=True):
            one, other = np.asarray(one), np.asarray(other)
            scale = max(1.0, float(np.abs(other).max(initial=0.0)))
            np.testing.assert_allclose(one / scale, other / scale, rtol=0, atol=tolerance, err_msg=name)


def assert_same(found: dict[str, list[Any]], expected: dict[str, list[Any]]) -> None:
    """Compares all parts to the bit."""
    for name, values in expected.items():
        for one, other in zip(found[name], values, strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=name)
