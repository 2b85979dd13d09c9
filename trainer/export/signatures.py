"""The named signatures of an export: what they take and what they say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from schemas.manifest_pb2 import Manifest
from schemas.signature_names import signature_names
from trainer.batches.parsing import input_specs
from trainer.export.dense import dense_specs, of_one_batch
from trainer.export.record_model import RecordModel

SERVING_DEFAULT, EXAMPLES, ENCODED = "serving_default", "examples", "encoded"


def write_saved_model(model: RecordModel, folder: Path) -> dict[str, Any]:
    """Writes a SavedModel with the three signatures, and returns these by name."""
    module = tf.Module()
    module.model = model
    signatures = signatures_of(model)
    tf.saved_model.save(module, folder, signatures=signatures)
    return signatures


def signatures_of(model: RecordModel) -> dict[str, Any]:
    """Returns the concrete function of each signature by its name.

    Raises:
      DataError: Two features would have one name.
    """
    specs = {
        SERVING_DEFAULT: dense_specs(model.manifest.spec),
        EXAMPLES: {EXAMPLES: tf.TensorSpec([None], tf.string, name=EXAMPLES)},
        ENCODED: encoded_specs(model.manifest),
    }
    names = {argument: name for name, argument in signature_names(input_specs(model.manifest)).items()}

    def of_dense(**arguments: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(model(arguments))

    def of_examples(**arguments: tf.Tensor) -> dict[str, tf.Tensor]:
        return model.of_examples(arguments[EXAMPLES])

    def of_encoded(**arguments: tf.Tensor) -> dict[str, tf.Tensor]:
        return model.of_encoded({names[argument]: values for argument, values in of_one_batch(arguments).items()})

    asked = {SERVING_DEFAULT: of_dense, EXAMPLES: of_examples, ENCODED: of_encoded}
    return {name: tf.function(ask, autograph=False).get_concrete_function(**specs[name]) for name, ask in asked.items()}


def encoded_specs(manifest: Manifest) -> dict[str, tf.TensorSpec]:
    """Returns the `tf.TensorSpec` of each argument of the signature `encoded`."""
    inputs = input_specs(manifest)
    names = signature_names(inputs)
    return {names[name]: tf.TensorSpec(spec.shape, spec.dtype, name=names[name]) for name, spec in inputs.items()}


def operations(signatures: Mapping[str, Any]) -> set[str]:
    """Returns the names of all operations of signatures, and of the functions that they call."""
    graphs = [function.graph.as_graph_def() for function in signatures.values()]
    found = {node.op for graph in graphs for node in graph.node}
    return found | {node.op for graph in graphs for inner in graph.library.function for node in inner.node_def}
