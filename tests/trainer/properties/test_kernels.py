"""Which code reads the sequences is said, gives the same either way, and is traced no oftener than it must be.

Keras's own layers are given every mask: they give the same where none of them passes a mask on, as its recurrent
layers no longer do from 3.16 on.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.trainer.properties.cases import PLAIN, SETTINGS, Batch, model_of, predicted, small_config, widened
from tests.trainer.properties.data_sets import write_data
from trainer.models.model import SequenceModel
from trainer.training.train import train

pytestmark = pytest.mark.quick
Data = Callable[[str], Path]
MORE = {"text": 5, "shape": 5, "frames": 5, "letters": 5, "waves": 3}
MASKING = ("LSTM", "GRU", "RNN", "Bidirectional", "TimeDistributed")


@pytest.fixture
def no_mask_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes Keras's recurrent layers those of 3.16, whatever they set themselves."""
    never = property(lambda self: False, lambda self, value: None)
    for name in MASKING:
        layer = getattr(keras.layers, name)
        monkeypatch.setattr(layer, "supports_masking", never, raising=False)
        monkeypatch.setattr(layer, "compute_mask", lambda self, *args, **kwargs: None)


@pytest.mark.parametrize(
    ("task", "way"),
    [
        ("class", "lstm forward, two layers"),
        ("binary", "lstm both ways, two layers, normalised"),
        ("per_step_class", "gru both ways, two layers"),
        ("forecast", PLAIN),
    ],
)
@pytest.mark.usefixtures("no_mask_is_passed_on")
def test_keras_layers_that_pass_no_mask_on_give_the_same(
    task: str, way: str, data: Data, batch_of: Callable[[str], Batch]
) -> None:
    features = batch_of(task)[0]
    expected = predicted(model_of(data(task), way), features)
    model = model_of(data(task), way, recurrent_kernel="keras")
    assert not model.branches[0].encoder.recurrent[0].directions[0].supports_masking
    for batch in (features, widened(batch_of(task), model.task.leader, MORE)[0]):
        for answer, other in zip(predicted(model, batch), expected, strict=True):
            np.testing.assert_allclose(answer, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("way", SETTINGS)
def test_which_kernel_runs_is_said(way: str, data: Data) -> None:
    task = "class" if way == "strides and max pooling" else "per_step_class"
    layers = [layer for branch in model_of(data(task), way).branches for layer in branch.encoder.recurrent]
    assert bool(layers) == (SETTINGS[way].get("cell") != "none")
    for layer in layers:
        assert layer.kernel_choice() == ("fast", "fast: no GPU is visible")


@pytest.mark.parametrize("kernel", ["fast", "keras", "loop"])
def test_the_kernel_that_is_asked_for_runs(kernel: str, data: Data) -> None:
    layer = model_of(data("class"), PLAIN, recurrent_kernel=kernel).branches[0].encoder.recurrent[0]
    chosen, why = layer.kernel_choice()
    assert chosen == kernel
    assert why.startswith(f"{kernel}: as set")


def traces(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Returns a list that gets the shape of the text whenever a model is traced, or run, for training."""
    shapes: list[Any] = []
    called = SequenceModel.call

    @functools.wraps(called)
    def call(self: Any, features: Any, training: bool | None = None) -> Any:
        if training:
            shapes.append(tuple(features["text"].shape))
        return called(self, features, training)

    monkeypatch.setattr(SequenceModel, "call", call)
    return shapes


def test_all_shapes_of_an_epoch_take_one_trace(data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = traces(monkeypatch)
    config = small_config(PLAIN, epochs=2, batch_padded_steps=30, min_epoch_steps=1)
    result = train(data("class"), tmp_path / "model", config)
    assert result["steps_per_epoch"] > 5
    assert shapes == [(None, None)]
    assert result["kernel"] == "gru of 3 units: fast: no GPU is visible"


def test_xla_compiles_no_more_shapes_than_are_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_data(tmp_path / "data", "class", [6])
    shapes = traces(monkeypatch)
    settings = {"static_shapes": True, "jit_compile": True, "epochs": 2, "batch_padded_steps": 60, "min_epoch_steps": 1}
    result = train(tmp_path / "data", tmp_path / "model", small_config(PLAIN, **settings))
    assert result["steps_per_epoch"] > 2
    assert sorted(shape[1] for shape in set(shapes)) == [6, 12]
    assert len(shapes) == 2
