"""What is exported runs anywhere: no operation of cuDNN is in it, and it gives what the model gives."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.properties.cases import Batch, model_of, predicted, relaxed, widened

Data = Callable[[str], Path]


def operations(graph: Any) -> set[str]:
    """Returns the names of all operations of a graph and of the functions that it calls."""
    of_functions = [node.op for function in graph.library.function for node in function.node_def]
    return {node.op for node in graph.node} | set(of_functions)


@pytest.mark.parametrize(
    ("task", "way", "kernel"),
    [
        ("class", "lstm both ways", "fast"),
        ("class", "lstm both ways", "keras"),
        ("forecast", "gru forward", "fast"),
        ("per_step_class", "gru forward", "keras"),
    ],
)
def test_without_cudnn(
    task: str,
    way: str,
    kernel: str,
    data: Data,
    batch_of: Callable[[str], Batch],
    tmp_path: Path,
) -> None:
    model, batch = model_of(data(task), way, recurrent_kernel=kernel), batch_of(task)
    module = tf.Module()
    module.model = model
    module.predict = tf.function(lambda features: model(features, training=False), input_signature=[relaxed(batch[0])])
    tf.saved_model.save(module, tmp_path / "exported")
    again = tf.saved_model.load(tmp_path / "exported")
    found = operations(again.predict.concrete_functions[0].graph.as_graph_def())
    assert "MatMul" in found
    assert not [name for name in found if "cudnn" in name.lower()]
    wide = widened(batch, model.task.leader, {"text": 3, "shape": 3, "frames": 3, "letters": 3})[0]
    for features in (batch[0], wide):
        outputs = again.predict({name: tf.constant(values) for name, values in features.items()}).numpy()
        expected = predicted(model, batch[0])
        for row, answer in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(row[: len(answer)] if answer.ndim == 2 else row, answer, rtol=1e-5, atol=1e-5)
