"""The model forms of the tutorials, each as a function of its fixed number of steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers, ops

FEATURES = 4
IDS = 9
STEPS = 8

Build = Callable[[int], Any]


@dataclass(frozen=True)
class Form:
    """A model form.

    Attributes:
      build: Builds it for a number of steps; the weights depend on no number of steps.
      least: Steps of the shortest record that the form can take.
      inputs: Per input "frames", "ids" or "vector".
    """

    build: Build
    least: int = 1
    inputs: tuple[str, ...] = ("frames",)


def sequential(*made: Any, ids: bool = False) -> Build:
    """Returns the function that builds a Sequential model; layers are made by functions of the number of steps."""

    def build(steps: int) -> Any:
        shape = (steps,) if ids else (steps, FEATURES)
        return keras.Sequential([keras.Input(shape), *(make(steps) for make in made)])

    return build


def functional(*made: Any) -> Build:
    """Returns the function that builds a model from functions of the tensor and the number of steps."""

    def build(steps: int) -> Any:
        inputs = tensor = keras.Input((steps, FEATURES), name="frames")
        for make in made:
            tensor = make(tensor, steps)
        return keras.Model(inputs, tensor)

    return build


def lstm(units: int = 5, **settings: Any) -> Callable[[int], Any]:
    return lambda _: layers.LSTM(units, **settings)


def gru(units: int = 5, **settings: Any) -> Callable[[int], Any]:
    return lambda _: layers.GRU(units, **settings)


def of(kind: Any, *args: Any, **settings: Any) -> Callable[[int], Any]:
    return lambda _: kind(*args, **settings)


def both_ways(layer: Callable[[int], Any], **settings: Any) -> Callable[[int], Any]:
    return lambda steps: layers.Bidirectional(layer(steps), **settings)


DENSE = of(layers.Dense, 3, activation="softmax")
EMBED = of(layers.Embedding, IDS, 6)
SKIPPING = of(layers.Embedding, IDS, 6, mask_zero=True)


def encoder_decoder(steps: int) -> Any:
    source, target = keras.Input((steps,), name="source"), keras.Input((steps, FEATURES), name="target")
    _, hidden, cell = layers.LSTM(5, return_state=True)(layers.Embedding(IDS, 6)(source))
    decoded = layers.LSTM(5, return_sequences=True)(target, initial_state=[hidden, cell])
    return keras.Model([source, target], layers.Dense(3)(decoded))


def two_inputs(steps: int) -> Any:
    frames, ids = keras.Input((steps, FEATURES), name="frames"), keras.Input((steps,), name="ids")
    vector = keras.Input((3,), name="vector")
    summed = [layers.LSTM(5)(frames), layers.GRU(4)(layers.Embedding(IDS, 6, mask_zero=True)(ids)), vector]
    return keras.Model([frames, ids, vector], layers.Dense(2)(layers.Concatenate()(summed)))


def several_outputs(steps: int) -> Any:
    frames = keras.Input((steps, FEATURES), name="frames")
    shared = layers.Dense(5, activation="tanh")
    sequence = layers.LSTM(5, return_sequences=True)(shared(frames))
    summed = layers.GlobalMaxPooling1D()(layers.Add()([sequence, shared(frames)]))
    return keras.Model(frames, {"each": layers.Dense(2)(sequence), "all": layers.Dense(1)(summed)})


def nested(steps: int) -> Any:
    encoder = keras.Sequential([keras.Input((steps,)), layers.Embedding(IDS, 6, mask_zero=True), layers.LSTM(5)])
    one, other = keras.Input((steps,), name="one"), keras.Input((steps,), name="other")
    return keras.Model([one, other], layers.Dense(1)(layers.Subtract()([encoder(one), encoder(other)])))


def attention(kind: Any, **settings: Any) -> Build:
    def build(steps: int) -> Any:
        frames = keras.Input((steps, FEATURES), name="frames")
        states = layers.LSTM(6, return_sequences=True)(frames)
        mixed = kind(**settings)([states, states])
        return keras.Model(frames, layers.Dense(2)(layers.GlobalAveragePooling1D()(mixed)))

    return build


def weighted_sum(steps: int) -> Any:
    frames = keras.Input((steps, FEATURES), name="frames")
    states = layers.LSTM(6, return_sequences=True)(frames)
    weights = layers.Softmax(axis=1)(layers.Dense(1)(states))
    return keras.Model(frames, layers.Flatten()(layers.Dot(axes=1)([weights, states])))


def summed_steps(steps: int) -> Any:
    """Weights of a Dense layer, and `keras.ops` over the steps."""
    frames = keras.Input((steps, FEATURES), name="frames")
    states = layers.GRU(4, return_sequences=True)(layers.Masking(-1.0)(frames))
    weights = layers.Dense(1, activation="sigmoid")(states)
    summed = [ops.sum(weights * states, axis=1), ops.mean(states, axis=1), ops.max(states, axis=-2)]
    gates = ops.sum(states, axis=-1, keepdims=True)
    return keras.Model(frames, layers.Concatenate()([*summed, layers.LSTM(2)(states * gates)]))


def frames_of_video(steps: int) -> Any:
    images = keras.Input((steps, 5, FEATURES), name="images")
    states = layers.ConvLSTM1D(3, 3, padding="same", return_sequences=True)(images)
    return keras.Model(images, layers.ConvLSTM1D(2, 3)(layers.BatchNormalization()(states)))


def doubles(steps: int) -> Any:
    frames = keras.Input((steps, FEATURES), name="frames", dtype="float64")
    states = layers.LSTM(3, return_sequences=True, dtype="float64")(frames)
    return keras.Model(frames, layers.GlobalMaxPooling1D(dtype="float64")(states))


def heads(steps: int) -> Any:
    frames = keras.Input((steps, FEATURES), name="frames")
    mixed = layers.MultiHeadAttention(2, 3)(frames, frames, use_causal_mask=True)
    mixed = layers.LayerNormalization()(layers.Add()([frames, mixed]))
    mixed = layers.MultiHeadAttention(2, 3)(mixed, mixed)
    return keras.Model(frames, layers.GlobalAveragePooling1D()(mixed))


def groups(steps: int) -> Any:
    frames = keras.Input((steps, FEATURES), name="frames")
    mixed = layers.GroupQueryAttention(2, 4, 2)(frames, frames)
    return keras.Model(frames, layers.GlobalMaxPooling1D(keepdims=True)(mixed))


def last_state(steps: int) -> Any:
    frames = keras.Input((steps, FEATURES), name="frames")
    states, hidden, _ = layers.LSTM(4, return_sequences=True, return_state=True)(frames)
    mixed = layers.Attention()([layers.Reshape((1, 4))(hidden), states])
    return keras.Model(frames, layers.Flatten()(mixed))


def text_cnn(steps: int) -> Any:
    ids = keras.Input((steps,), name="ids")
    words = layers.Embedding(IDS, 6)(ids)
    parts = [layers.GlobalMaxPooling1D()(layers.Conv1D(4, width, activation="relu")(words)) for width in (1, 2, 3)]
    return keras.Model(ids, layers.Dense(2)(layers.Concatenate()(parts)))


def hierarchical(steps: int) -> Any:
    frames = keras.Input((steps, 5, FEATURES), name="frames")
    inner = layers.TimeDistributed(layers.Conv1D(4, 2, activation="relu"))(frames)
    inner = layers.TimeDistributed(layers.MaxPooling1D(2))(inner)
    inner = layers.TimeDistributed(layers.Flatten())(inner)
    return keras.Model(frames, layers.LSTM(4)(inner))


def stacked_cells(_: int) -> Any:
    return layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], return_sequences=True)


def conv(**settings: Any) -> Build:
    width = settings.pop("kernel_size", 3)
    return sequential(of(layers.Conv1D, 4, width, **settings), lstm(return_sequences=True))


def pool(kind: Any, size: int, **settings: Any) -> Build:
    return sequential(of(layers.Dense, 4), of(kind, size, **settings), lstm(return_sequences=True))


IDS_ONLY = ("ids",)
FORMS: dict[str, Form] = {
    "lstm classifier": Form(sequential(lstm(), of(layers.Dropout, 0.5), DENSE)),
    "embedding, lstm": Form(sequential(EMBED, lstm(), DENSE, ids=True), 1, IDS_ONLY),
    "embedding with mask_zero, lstm": Form(sequential(SKIPPING, lstm(), DENSE, ids=True), 1, IDS_ONLY),
    "masking, lstm": Form(sequential(of(layers.Masking, -1.0), lstm(), DENSE)),
    "masking, lstm of every step": Form(sequential(of(layers.Masking, -1.0), lstm(return_sequences=True), DENSE)),
    "stacked lstm": Form(sequential(lstm(return_sequences=True), lstm(4, return_sequences=True), lstm(3), DENSE)),
    "bidirectional lstm": Form(sequential(SKIPPING, both_ways(lstm()), DENSE, ids=True), 1, IDS_ONLY),
    "bidirectional gru, stacked": Form(
        sequential(both_ways(gru(return_sequences=True)), both_ways(gru(3), merge_mode="sum"), DENSE)
    ),
    **{
        f"bidirectional, {mode}": Form(
            sequential(of(layers.Masking, -1.0), both_ways(lstm(return_sequences=True), merge_mode=mode), DENSE)
        )
        for mode in ("mul", "ave", "concat")
    },
    "bidirectional, apart": Form(
        functional(lambda x, _: layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode=None)(x))
    ),
    "step labels": Form(
        sequential(SKIPPING, lstm(return_sequences=True), of(layers.TimeDistributed, layers.Dense(3)), ids=True),
        1,
        IDS_ONLY,
    ),
    "cnn, lstm": Form(
        sequential(of(layers.Conv1D, 4, 3, activation="relu"), of(layers.MaxPooling1D, 2), lstm(), DENSE), 4
    ),
    "cnn, global max": Form(
        sequential(EMBED, of(layers.Conv1D, 4, 3), of(layers.GlobalMaxPooling1D), DENSE, ids=True), 3, IDS_ONLY
    ),
    "text cnn": Form(text_cnn, 3, IDS_ONLY),
    "lstm autoencoder": Form(
        sequential(
            lstm(),
            lambda steps: layers.RepeatVector(steps),
            lstm(return_sequences=True),
            of(layers.TimeDistributed, layers.Dense(FEATURES)),
        )
    ),
    "forecast of four steps": Form(sequential(lstm(), of(layers.RepeatVector, 4), lstm(return_sequences=True), DENSE)),
    "encoder-decoder": Form(encoder_decoder, 1, ("ids", "frames")),
    "two inputs and a vector": Form(two_inputs, 1, ("frames", "ids", "vector")),
    "several outputs, shared layer": Form(several_outputs),
    "models within a model": Form(nested, 1, ("ids", "ids")),
    "attention": Form(attention(layers.Attention)),
    "additive attention": Form(attention(layers.AdditiveAttention)),
    "softmax over steps": Form(weighted_sum),
    "sums over steps": Form(summed_steps),
    "frames of a video": Form(frames_of_video, 1, ("images",)),
    "of 64 bits": Form(doubles),
    "several heads": Form(heads),
    "gru regression": Form(sequential(gru(), of(layers.Dense, 1))),
    "simple rnn": Form(sequential(of(layers.SimpleRNN, 5), of(layers.Dense, 1))),
    "normalizations between": Form(
        sequential(
            lstm(return_sequences=True), of(layers.BatchNormalization), of(layers.LayerNormalization), gru(3), DENSE
        )
    ),
    "average of embeddings": Form(
        sequential(SKIPPING, of(layers.GlobalAveragePooling1D), DENSE, ids=True), 1, IDS_ONLY
    ),
    "backwards": Form(
        sequential(of(layers.Masking, -1.0), lstm(return_sequences=True, go_backwards=True), gru(3), DENSE)
    ),
    "unrolled": Form(sequential(lstm(return_sequences=True, unroll=True), both_ways(gru(3, unroll=True)))),
    "stacked cells": Form(sequential(stacked_cells, DENSE)),
    "states of both ways": Form(
        functional(
            lambda x, _: layers.Bidirectional(layers.LSTM(3, return_state=True))(x),
            lambda found, _: layers.Concatenate()(list(found[1:])),
        )
    ),
    "attention of the last state": Form(last_state),
    "groups of heads": Form(groups),
    "per-step model of its own": Form(hierarchical, 1, ("images",)),
    "other features": Form(
        sequential(
            of(layers.Dense, 6),
            lambda steps: layers.Reshape((steps, 2, 3)),
            of(layers.TimeDistributed, layers.Flatten()),
            lstm(),
        )
    ),
    "single steps": Form(
        functional(lambda x, _: layers.LSTM(3, return_sequences=True)(x), lambda x, _: x[:, -1] + x[:, 0, :])
    ),
    "some features": Form(functional(lambda x, _: layers.LSTM(3)(x[:, :, 1:3]))),
    "conv, causal and dilated": Form(conv(padding="causal", dilation_rate=2)),
    "conv, causal with strides": Form(conv(padding="causal", strides=2)),
    "conv, valid with strides": Form(conv(strides=2), 3),
    "conv, same": Form(conv(padding="same", kernel_size=4)),
    "conv, same and dilated": Form(conv(padding="same", dilation_rate=3)),
    **{
        f"conv of {width}, same with strides of {stride}": Form(conv(padding="same", kernel_size=width, strides=stride))
        for width, stride in ((2, 3), (3, 2), (5, 3), (4, 2))
    },
    "separable conv": Form(sequential(of(layers.SeparableConv1D, 4, 3, padding="same"), lstm())),
    "depthwise conv": Form(sequential(of(layers.DepthwiseConv1D, 3, padding="same"), lstm())),
    **{
        f"{kind.__name__} of {size}, {padding} with strides of {stride}": Form(
            pool(kind, size, strides=stride, padding=padding), size if padding == "valid" else 1
        )
        for kind in (layers.MaxPooling1D, layers.AveragePooling1D)
        for size, stride, padding in ((2, 2, "valid"), (2, 2, "same"), (3, 2, "same"), (3, 1, "same"))
    },
    "more steps, fewer steps": Form(
        sequential(of(layers.UpSampling1D, 2), of(layers.ZeroPadding1D, (1, 2)), of(layers.Cropping1D, (2, 1)), lstm())
    ),
    "spatial dropout": Form(
        sequential(SKIPPING, of(layers.SpatialDropout1D, 0.3), lstm(), DENSE, ids=True), 1, IDS_ONLY
    ),
}


def drawn(kinds: tuple[str, ...], records: int, steps: int, seed: int) -> list[Any]:
    """Returns records with sentinels here and there: ids of 0, and frames of -1 in every feature."""
    draw = np.random.default_rng(seed)
    return [_drawn(kind, records, steps, draw) for kind in kinds]


def _drawn(kind: str, records: int, steps: int, draw: np.random.Generator) -> Any:
    if kind == "ids":
        return draw.integers(0, IDS, (records, steps)).astype("int32")
    if kind == "vector":
        return draw.normal(size=(records, 3)).astype("float32")
    shape = (records, steps, 5, FEATURES) if kind == "images" else (records, steps, FEATURES)
    frames = draw.normal(size=shape).astype("float32")
    frames[draw.random((records, steps)) < 0.2] = -1.0
    return frames
