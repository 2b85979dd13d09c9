"""Batches of a wanted shape for a data set's model, with nothing read from disk.

What a step costs follows from shapes and lengths, not from values, but for ids: these are drawn
from the whole vocabulary, because the rows of an embedding that a batch touches cost time.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from schemas.manifest import id_count, length_feature, sizes_feature
from schemas.manifest_pb2 import Manifest
from trainer.batches.labels import label_spec
from trainer.batches.parsing import input_specs
from trainer.profiling.shapes import Shape, longest_by_leader

# Of each token. The manifest does not know the longest token, to which a batch is padded; few words are longer.
_CHARACTERS = 16


def batch_spec(manifest: Manifest) -> tuple[Any, ...]:
    """Returns the form of a training batch: (features, label, weight)."""
    label = label_spec(manifest.spec)
    return input_specs(manifest), label, tf.TensorSpec(label.shape, tf.float32)


def synthetic_batch(manifest: Manifest, shape: Shape) -> tuple[Any, ...]:
    """Returns (features, label, weight) without any padding: each sequence has `shape.steps` steps.

    A sequence that is never that long in the training split is as long as its longest example.
    """
    random = np.random.default_rng(0)
    longest = longest_by_leader(manifest)
    features, label, weight = batch_spec(manifest)
    inputs = {name: _values(name, spec, manifest, shape, longest, random) for name, spec in features.items()}
    steps = [inputs[manifest.spec.label.of].shape[1]] if label.shape.rank > 1 else []
    size = [shape.examples, *steps, *label.shape[2:]]
    return inputs, tf.zeros(size, label.dtype), tf.ones(size, weight.dtype)


def _values(
    name: str, spec: tf.TensorSpec, manifest: Manifest, shape: Shape, longest: dict[str, int], random: Any
) -> tf.Tensor:
    sequence = name.split("/")[0]
    if sequence not in manifest.spec.sequences:
        return _drawn(name, spec, manifest, (shape.examples,), random)
    steps = min(shape.steps, longest[manifest.spec.sequences[sequence].aligned_with or sequence])
    if name == length_feature(sequence):
        return tf.fill([shape.examples], tf.constant(steps, spec.dtype))
    if name == sizes_feature(sequence):
        return tf.fill([shape.examples, steps], tf.constant(_CHARACTERS, spec.dtype))
    dims = [_CHARACTERS if size is None else size for size in spec.shape.as_list()[2:]]
    return _drawn(name, spec, manifest, (shape.examples, steps, *dims), random)


def _drawn(name: str, spec: tf.TensorSpec, manifest: Manifest, shape: tuple[int, ...], random: Any) -> tf.Tensor:
    if spec.dtype == tf.float32:
        return tf.constant(random.random(shape, np.float32))
    return tf.constant(random.integers(id_count(manifest, name), size=shape), spec.dtype)
