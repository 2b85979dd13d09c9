"""The layer in the settings it has to work in: traced, compiled, exported, replicated, in halves."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.recurrent.readers import assert_close, draw, layers, read
from trainer.recurrent import Recurrent
from trainer.recurrent.layer import choose_kernel

LENGTHS = [7, 0, 4, 5]
BOTH = pytest.mark.parametrize("cell", ["lstm", "gru"])


def as_read(values: list[Any], expected: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Gives a flat list the parts of what `read` returned."""
    rest = iter(values)
    return {name: [next(rest) for _ in part] for name, part in expected.items()}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("auto", 0), ("fast", "fast: no GPU is visible")),
        (("fast", 0), ("fast", "fast: as set")),
        (("keras", 0), ("keras", "keras: as set; no GPU is visible")),
        (("loop", 0), ("loop", "loop: as set; cell by cell, to be read and compared with")),
        (("auto", 2), ("keras", "cuDNN: 2 GPU(s), rows padded at the end, no option that cuDNN lacks")),
        (("keras", 1), ("keras", "cuDNN: 1 GPU(s), rows padded at the end, no option that cuDNN lacks")),
        (
            ("fast", 1),
            ("fast", "fast: as set; cuDNN is lost by it on 1 GPU(s), which recurrent_kernel: auto would take"),
        ),
        (
            ("auto", 0, True),
            ("keras", "keras: gradients flow through the last state, which the fast kernel does not offer"),
        ),
    ],
)
def test_choice_of_the_kernel(arguments: tuple[Any, ...], expected: tuple[str, str]) -> None:
    assert choose_kernel(*arguments) == expected


def test_what_is_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^cell is 'rnn'; it must be one of lstm, gru$"):
        Recurrent("rnn", 3)
    with pytest.raises(ValueError, match=r"^kernel is 'slow'; it must be one of auto, fast, keras, loop$"):
        Recurrent("gru", 3, kernel="slow")


def test_two_directions_take_no_state() -> None:
    layer = layers("gru", 3, True, 2)["fast"]
    with pytest.raises(ValueError, match="its second direction starts at the end"):
        layer(draw(1, 2, 3, 2), tf.constant([3, 1]), ((tf.zeros([2, 3]),), (tf.zeros([2, 3]),)))


@BOTH
def test_a_batch_without_any_step_gives_zeros_and_zero_gradients(cell: str) -> None:
    found = read(layers(cell, 3, True, 2)["fast"], draw(1, 2, 3, 2), tf.constant([0, 0]))
    assert all(not np.any(np.asarray(value)) for part in found.values() for value in part)


@BOTH
@pytest.mark.parametrize("bidirectional", [False, True])
def test_one_trace_serves_all_shapes(cell: str, bidirectional: bool) -> None:
    layer = layers(cell, 3, bidirectional, 2)["fast"]
    signature = [tf.TensorSpec([None, None, 2]), tf.TensorSpec([None], tf.int32)]

    @tf.function(input_signature=signature)
    def traced(x: Any, lengths: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs, _ = layer(x, lengths, training=True)
            total = tf.reduce_sum(outputs * outputs)
        return outputs, tape.gradient(total, [weight.value for weight in layer.trainable_variables])

    for lengths in (LENGTHS, [1], [3, 0]):
        x = draw(1, len(lengths), 9, 2)
        outputs, gradients = traced(x, tf.constant(lengths))
        np.testing.assert_allclose(outputs, layer(x, tf.constant(lengths))[0], atol=1e-6)
        assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert traced.experimental_get_tracing_count() == 1


@BOTH
@pytest.mark.parametrize("training", [False, True])
def test_compiled_by_xla_it_gives_the_same(cell: str, training: bool) -> None:
    layer = layers(cell, 3, True, 2)["fast"]
    x = draw(1, 4, 9, 2)
    expected = read(layer, x, tf.constant(LENGTHS))
    compiled = tf.function(
        lambda x, n: tf.nest.flatten(list(read(layer, x, n, training=training).values())), jit_compile=True
    )
    assert_close(as_read(compiled(x, tf.constant(LENGTHS)), expected), expected)


def test_xla_is_told_that_it_needs_known_shapes() -> None:
    layer = layers("lstm", 3, False, 2)["fast"]
    signature = [tf.TensorSpec([None, 5, 2]), tf.TensorSpec([None], tf.int32)]
    compiled = tf.function(lambda x, n: layer(x, n)[0], input_signature=signature, jit_compile=True)
    with pytest.raises(ValueError, match=r"XLA needs a known shape, and the batch is \(None, 5, 2\)"):
        compiled(draw(1, 2, 5, 2), tf.constant([5, 1]))


@BOTH
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_halves_are_near_and_keep_float32_weights(cell: str, policy: str) -> None:
    full = layers(cell, 3, True, 2)["fast"]
    half = Recurrent(cell, 3, True, "fast", dtype=policy)
    half.build((None, None, 2))
    half.set_weights(full.get_weights())
    x = draw(1, 4, 9, 2)
    outputs, last = half(x, tf.constant(LENGTHS))
    assert {value.dtype.name for value in [outputs, *tf.nest.flatten(last)]} == {policy.removeprefix("mixed_")}
    assert {weight.dtype for weight in half.weights} == {"float32"}
    np.testing.assert_allclose(tf.cast(outputs, tf.float32), full(x, tf.constant(LENGTHS))[0], atol=0.05)
    found = read(half, x, tf.constant(LENGTHS))["gradients"]
    for one, other in zip(found, read(full, x, tf.constant(LENGTHS))["gradients"], strict=True):
        np.testing.assert_allclose(one, other, atol=0.05 * float(tf.reduce_max(tf.abs(other))))


def test_a_copy_is_made_from_its_config() -> None:
    layer = Recurrent("gru", 5, True, "keras", state_gradient=True, name="reader")
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert isinstance(copy, Recurrent)
    assert copy.get_config() == layer.get_config()
    assert copy.compute_output_shape((2, 7, 3)) == ((2, 7, 10), (((2, 5),), ((2, 5),)))


@BOTH
def test_an_exported_layer_reads_the_same(cell: str, tmp_path: Path) -> None:
    layer = layers(cell, 3, True, 2)["fast"]
    signature = [tf.TensorSpec([None, None, 2], name="x"), tf.TensorSpec([None], tf.int32, name="lengths")]
    module = tf.Module()
    module.layer = layer
    module.serve = tf.function(lambda x, lengths: layer(x, lengths)[0], input_signature=signature)
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    x = draw(1, 4, 9, 2)
    np.testing.assert_allclose(loaded.serve(x, tf.constant(LENGTHS)), layer(x, tf.constant(LENGTHS))[0], atol=1e-6)


@BOTH
def test_replicas_sum_their_gradients(cell: str) -> None:
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        layer = Recurrent(cell, 3, True, "fast")
        layer.build((None, None, 2))
        optimizer = keras.optimizers.SGD(0.5)
        optimizer.build(layer.trainable_variables)
    x, lengths = draw(1, 4, 9, 2), tf.constant(LENGTHS)
    before = layer.get_weights()
    gradients = read(layer, x, lengths)["gradients"][1:]

    @tf.function
    def step() -> None:
        optimizer.apply_gradients(zip(read(layer, x, lengths)["gradients"][1:], layer.trainable_variables, strict=True))

    strategy.run(step)
    for new, old, gradient in zip(layer.get_weights(), before, gradients, strict=True):
        np.testing.assert_allclose(new, old - 0.5 * np.asarray(gradient), atol=1e-5)
