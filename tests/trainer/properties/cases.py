"""Models by settings and task, and batches of the tasks' data sets turned into others that must mean the same."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf

from schemas.contract import read_contract
from schemas.manifest import load_manifest
from trainer import Batching, BatchLimits, TrainerConfig, build_model, open_dataset
from trainer.models.model import SequenceModel
from trainer.saved import write_model

Array = npt.NDArray[Any]
Features = dict[str, Array]
Batch = tuple[Features, Array, Array]  # features, label, weight

POISON = 1e6
SMALL: dict[str, Any] = {"embedding_size": 3, "units": 3, "input_dropout": 0.0, "step_dropout": 0.0, "dropout": 0.0}
ALL_POOLINGS = ("mean", "max", "last", "attention")
PLAIN = "gru forward"
QUICK_TO_TRACE = "convolutions alone"  # an answer follows from the order of steps, without a loop over them
SETTINGS: dict[str, dict[str, Any]] = {
    "lstm both ways": {},
    "lstm both ways, two layers, normalised": {"layers": 2, "layer_norm": True, "pooling": ("attention", "last")},
    "lstm forward, two layers": {"layers": 2, "bidirectional": False, "pooling": ALL_POOLINGS},
    PLAIN: {"cell": "gru", "bidirectional": False, "pooling": ("last", "mean")},
    "gru both ways, two layers": {"cell": "gru", "layers": 2, "pooling": ("last", "max")},
    "no cell": {"cell": "none", "pooling": ALL_POOLINGS},
    "convolution": {"conv_filters": (4,), "conv_width": 3, "bidirectional": False, "layer_norm": True},
    "strides and max pooling": {"conv_filters": (4, 3), "conv_stride": 2, "max_pooling": 2, "pooling": ALL_POOLINGS},
    "convolutions alone": {"cell": "none", "conv_filters": (4, 3), "conv_width": 4, "pooling": ("attention", "max")},
    "one-hot": {"token_input": "one_hot", "cell": "gru", "bidirectional": False},
    "pieces": {"piece_steps": 3, "bidirectional": False, "layers": 2, "pooling": ALL_POOLINGS},
    "bfloat16": {"precision": "mixed_bfloat16", "bidirectional": False},
    "float16": {"precision": "mixed_float16", "bidirectional": False},
}
# Every task and every setting at least once; what reads several sequences with most of them.
CASES = [
    ("class", "lstm both ways"),
    ("class", "strides and max pooling"),
    ("class", "pieces"),
    ("class", "bfloat16"),
    ("binary", "lstm both ways, two layers, normalised"),
    ("binary", "gru both ways, two layers"),
    ("binary", "strides and max pooling"),
    ("binary", "convolution"),
    ("binary", "pieces"),
    ("binary", "no cell"),
    ("number", "lstm forward, two layers"),
    ("number", "convolutions alone"),
    ("number", PLAIN),
    ("per_step_class", "lstm both ways"),
    ("per_step_class", "convolution"),
    ("per_step_class", "one-hot"),
    ("per_step_class", "float16"),
    ("next_token", "lstm forward, two layers"),
    ("next_token", "convolutions alone"),
    ("next_token", "pieces"),
    ("forecast", PLAIN),
    ("forecast", "convolution"),
    ("forecast", "no cell"),
]

# What runs with every version of Keras: each kind of layer, and each task.
QUICK = {
    ("class", "lstm both ways"),
    ("class", "pieces"),
    ("binary", "lstm both ways, two layers, normalised"),
    ("binary", "strides and max pooling"),
    ("number", "convolutions alone"),
    ("per_step_class", "one-hot"),
    ("per_step_class", "float16"),
    ("next_token", "lstm forward, two layers"),
    ("forecast", PLAIN),
}


def parameters(cases: Sequence[tuple[str, str]]) -> list[Any]:
    """Returns (task, settings) for parametrising, each with its name, marked where it is quick."""
    marks = {True: [pytest.mark.quick], False: []}
    return [pytest.param(*case, id=" ".join(case), marks=marks[case in QUICK]) for case in cases]


def small_config(settings: str, **changes: Any) -> TrainerConfig:
    """Returns small settings without dropout, by their name in `SETTINGS`."""
    return TrainerConfig(**{**SMALL, **SETTINGS[settings], **changes})


def model_of(folder: Path, settings: str, **changes: Any) -> SequenceModel:
    """Returns the model that fits a data set; its weights, biases among them, are none that begin as 0."""
    model = build_model(load_manifest(folder), small_config(settings, **changes))
    draw = np.random.default_rng(5)
    for weight in model.trainable_variables:
        weight.assign(weight + draw.normal(scale=0.1, size=weight.shape))
    return model


def write_untrained(data: Path, folder: Path, settings: str = PLAIN) -> Path:
    """Writes the model folder of a small model for a data set, and returns it."""
    manifest = load_manifest(data)
    write_model(folder, model_of(data, settings), read_contract(data, manifest), small_config(settings), {})
    return folder


def whole_batch(folder: Path, split: str = "test") -> Batch:
    """Returns a split as one batch, with ids, padded at the end to its longest."""
    batching = Batching(limits=BatchLimits(padded_steps=10_000, max_examples=64))
    dataset = open_dataset(folder, split, training=False, batching=batching, with_ids=True)
    batches = [tf.nest.map_structure(np.asarray, batch) for batch in dataset]
    return joined(batches)


def joined(batches: Sequence[Batch]) -> Batch:
    """Returns the rows of several batches as one."""
    parts = [{**features, "label": label, "weight": weight} for features, label, weight in batches]
    together: Features = {}
    for name in parts[0]:
        shape = np.max([part[name].shape for part in parts], axis=0)
        grown = [
            np.pad(part[name], [(0, 0), *((0, m - n) for m, n in _after_rows(part[name], shape))]) for part in parts
        ]
        together[name] = np.concatenate(grown)
    return together, together.pop("label"), together.pop("weight")


def _after_rows(values: Array, shape: Array) -> list[tuple[int, int]]:
    return [(int(most), size) for most, size in zip(shape[1:], values.shape[1:], strict=True)]


def relaxed(batch: Any) -> Any:
    """Returns the specs of batches like this one with any number of rows, steps and characters."""

    def spec(values: Any) -> tf.TensorSpec:
        tensor = tf.constant(values)
        known = tensor.shape[2:] if tensor.dtype.is_floating else [None] * (tensor.shape.rank - 2)
        return tf.TensorSpec([*[None] * min(tensor.shape.rank, 2), *known], tensor.dtype)

    return tf.nest.map_structure(spec, batch)


def lengths_of(features: Mapping[str, Array], name: str) -> Array | None:
    """Returns the lengths of what has steps, (batch,); None of what has none, such as the context."""
    root, _, kind = name.partition("/")
    return features.get(f"{root}/length") if kind != "length" else None


def taken(batch: Batch, rows: Sequence[int], leader: str | None) -> Batch:
    """Returns some rows of a batch, padded to their own longest and no more.

    Args:
      batch: Padded at the end.
      rows: Which, in their order.
      leader: The sequence whose steps have labels; none where records have.
    """
    features, label, weight = batch
    index = np.asarray(rows)
    some = {name: values[index] for name, values in features.items()}
    for name, values in some.items():
        lengths = lengths_of(some, name)
        if lengths is not None:
            some[name] = values[:, : max(1, int(lengths.max()))]
    width = None if leader is None else max(1, int(some[f"{leader}/length"].max()))
    return (
        some,
        label[index][:, :width] if leader else label[index],
        weight[index][:, :width] if leader else weight[index],
    )


def widened(batch: Batch, leader: str | None, more: Mapping[str, int], fill: str = "poison") -> Batch:
    """Returns a batch with more padding, and something in all of it that must not be seen.

    Args:
      batch: Padded at the end.
      leader: The sequence whose steps have labels; none where records have.
      more: Steps by name of the sequence; 0 where it is not named.
      fill: "zeros"; or "poison": a million, or ids that other steps have.
    """
    features, label, weight = batch
    wide = {}
    for name, values in features.items():
        lengths = lengths_of(features, name)
        wide[name] = values
        if lengths is not None:
            grown = _grown(values, more.get(name.split("/")[0], 0))
            wide[name] = _filled(grown, lengths, values) if fill == "poison" else grown
    extra = more.get(leader, 0) if leader else 0
    return wide, _grown(label, extra), _grown(weight, extra)


def _grown(values: Array, more: int) -> Array:
    return np.pad(values, [(0, 0), (0, more), *[(0, 0)] * (values.ndim - 2)]) if more else values


def _filled(values: Array, lengths: Array, known: Array) -> Array:
    poison: Array = np.full(values.shape, POISON, values.dtype)
    if np.issubdtype(values.dtype, np.integer):
        poison = np.random.default_rng(1).choice(known.ravel(), values.shape)
    padded = np.arange(values.shape[1]) >= lengths[:, None]
    return np.where(padded.reshape(*padded.shape, *[1] * (values.ndim - 2)), poison, values)


def answers(outputs: Any, features: Mapping[str, Array], leader: str | None) -> list[Array]:
    """Returns what a model says of each row: its outputs, or those of each real step; all others must be 0."""
    values = np.asarray(outputs)
    assert np.isfinite(values).all()
    if leader is None:
        return list(values)
    lengths = features[f"{leader}/length"]
    assert not values[np.arange(values.shape[1]) >= lengths[:, None]].any()
    return [row[:length] for row, length in zip(values, lengths, strict=True)]


def predicted(model: SequenceModel, features: Mapping[str, Array]) -> list[Array]:
    """Returns what a model says of each row; see `answers`."""
    return answers(model({name: tf.constant(values) for name, values in features.items()}), features, model.task.leader)


def loss_and_gradients(model: SequenceModel, batch: Batch) -> tuple[float, list[Array]]:
    """Returns the sum over labels of loss x weight, and its gradient for each trainable weight."""
    features, label, weight = tf.nest.map_structure(tf.constant, batch)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(y=label, y_pred=model(features, training=True), sample_weight=weight)
        loss *= tf.cast(tf.size(weight), tf.float32)  # Keras takes the mean over all entries, padding among them.
    gradients = tape.gradient(loss, model.trainable_variables)
    return float(loss), [np.asarray(tf.convert_to_tensor(gradient)) for gradient in gradients]


def tolerance(settings: str) -> dict[str, float]:
    """Returns how near numbers are to be: of halves, as near as halves are."""
    half = {"bfloat16": 0.03, "float16": 0.004}.get(settings)
    return {"rtol": half, "atol": half} if half else {"rtol": 1e-5, "atol": 1e-5}
