"""What cannot be converted is named: every layer at once, with its reason and its remedy."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from schemas.errors import DataError
from trainer.conversion.convert import convert
from trainer.conversion.walk import RULES

SUM_UP = "put GlobalAveragePooling1D(), GlobalMaxPooling1D() or LSTM(units) in its place and train again"
FLATTEN = f"makes one vector of all steps, whose size is the fixed number of steps; {SUM_UP}"
RESHAPE = (
    "gives the steps another shape, which holds for the fixed number of steps only; feed the model with (batch, steps, "
    "features) and leave it out, or wrap what follows in TimeDistributed"
)
CODE = "is Python code of the one who saved it, which is never executed; write it with built-in layers or keras.ops"
PERMUTE = "moves the time axis away from axis 1; leave the time axis in its place and train again"
WRAP = (
    "is not known to leave padded steps out; wrap it in TimeDistributed if it works on every step by itself, or sum "
    "the steps up to a vector first"
)


def sequential(*made: Any) -> Any:
    return keras.Sequential([keras.Input((8, 4)), *made], name="model")


def refused(model: Any) -> str:
    with pytest.raises(DataError) as error:
        convert(model)
    return str(error.value)


def test_all_layers_are_named_at_once() -> None:
    model = sequential(
        layers.Reshape((2, 4, 4), name="pieces"),
        layers.Flatten(name="flat"),
        layers.Dense(32),
        layers.Reshape((8, 4), name="steps"),
        layers.Lambda(lambda x: x, output_shape=(8, 4), name="code"),
        layers.Permute((2, 1), name="turned"),
    )
    assert refused(model) == (
        f"model: 5 layers cannot be converted: (1) Reshape 'pieces' {RESHAPE}; (2) Flatten 'flat' {FLATTEN}; "
        f"(3) Reshape 'steps' {RESHAPE}; (4) Lambda 'code' {CODE}; (5) Permute 'turned' {PERMUTE}"
    )


@keras.saving.register_keras_serializable(package="tests")
class Doubled(layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return 2 * x


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (layers.Flatten(name="x"), f"Flatten 'x' {FLATTEN}"),
        (layers.Permute((2, 1), name="x"), f"Permute 'x' {PERMUTE}"),
        (layers.TimeDistributed(layers.Lambda(lambda x: x), name="x"), f"TimeDistributed 'x' {CODE}"),
        (
            Doubled(name="x"),
            "Doubled 'x' its code is not known here, so nobody can say what it does with padded steps; write it with "
            "layers of Keras",
        ),
        (
            layers.BatchNormalization(axis=1, name="x"),
            "BatchNormalization 'x' normalizes along the time axis (axis=1); build it with axis=-1, over the features, "
            "and train again",
        ),
        (
            layers.LayerNormalization(axis=[1, 2], name="x"),
            "LayerNormalization 'x' normalizes along the time axis (axis=[1, 2]); build it with axis=-1, over the "
            "features, and train again",
        ),
        (layers.GroupNormalization(2, name="x"), f"GroupNormalization 'x' {WRAP}"),
        (layers.Conv1DTranspose(2, 3, name="x"), f"Conv1DTranspose 'x' {WRAP}"),
        (
            layers.PReLU(name="x"),
            "PReLU 'x' has a weight for each of the fixed number of steps; build it with shared_axes=[1] and train "
            "again",
        ),
        (
            layers.Conv1D(2, 3, data_format="channels_first", name="x"),
            "Conv1D 'x' has data_format='channels_first', so that its time axis is the last one; build it with "
            "channels_last and train again",
        ),
        (
            layers.LSTM(2, zero_output_for_mask=True, name="x"),
            "LSTM 'x' answers zeros where its last step is masked (zero_output_for_mask=True); build it with "
            "zero_output_for_mask=False",
        ),
        (
            layers.Bidirectional(layers.GRU(2, go_backwards=True), backward_layer=layers.GRU(2), name="x"),
            "Bidirectional 'x' goes backwards in its forward layer; exchange its layers",
        ),
        (layers.Flatten(name="a\nb\x1b[31m"), f"Flatten 'a\\nb\\x1b[31m' {FLATTEN}"),
        (
            layers.Softmax(axis=[1, 2], name="x"),
            "Softmax 'x' is computed along the time axis and others at once (axis=[1, 2]); compute it along one axis",
        ),
    ],
)
def test_a_layer_that_cannot_be_converted(made: Any, text: str) -> None:
    assert refused(sequential(made)) == f"model: cannot be converted: {text}"


def test_a_stateful_layer() -> None:
    model = keras.Sequential(
        [keras.Input(batch_shape=(2, 8, 4)), layers.LSTM(3, stateful=True, name="x")], name="model"
    )
    assert refused(model) == (
        "model: cannot be converted: LSTM 'x' is stateful: it goes on where the last batch ended, and not with the "
        "record that it is given; build the model with stateful=False, give it the weights with set_weights, and "
        "convert that"
    )


def of_two(merged: Any) -> Any:
    one, other = keras.Input((8, 4), name="one"), keras.Input((8, 4), name="other")
    return keras.Model([one, other], merged(one, other), name="model")


def test_sequences_one_behind_the_other() -> None:
    assert refused(of_two(lambda one, other: layers.Concatenate(axis=1, name="x")([one, other]))) == (
        "model: cannot be converted: Concatenate 'x' puts sequences one behind the other, along the time axis; join "
        "them along the features (axis=-1), or sum each up to a vector first"
    )


def test_a_matrix_of_steps_by_steps() -> None:
    assert refused(of_two(lambda one, other: layers.Dot(axes=2, name="x")([one, other]))) == (
        "model: cannot be converted: Dot 'x' makes a matrix of steps by steps, or sums along the time axis of one "
        "sequence only; use Attention"
    )


def test_a_repetition_that_may_be_of_two_inputs() -> None:
    def repeated(one: Any, other: Any) -> Any:
        both = layers.Concatenate()([layers.LSTM(2)(one), layers.LSTM(2)(other)])
        return layers.RepeatVector(8, name="x")(both)

    assert refused(of_two(repeated)) == (
        "model: cannot be converted: RepeatVector 'x' repeats 8 times, and 'one' and 'other' have 8 steps each, so "
        "that nobody can say which is meant; build the model with another fixed number of steps for each input"
    )


def test_a_sequence_and_one_of_a_fixed_number_of_steps() -> None:
    frames, vector = keras.Input((8, 4), name="frames"), keras.Input((32,), name="vector")
    fixed = layers.Reshape((8, 4))(vector)
    assert refused(keras.Model([frames, vector], layers.Add(name="x")([frames, fixed]), name="model")) == (
        "model: cannot be converted: Add 'x' joins a sequence with one of a fixed number of steps, which records of "
        "other lengths do not have; give both the steps of one input, or sum each up to a vector first"
    )


def test_masked_queries_of_several_heads() -> None:
    ids = keras.Input((8,))
    words = layers.Embedding(9, 4, mask_zero=True)(ids)
    mixed = layers.MultiHeadAttention(2, 2, name="x")(words, words)
    assert refused(keras.Model(ids, mixed, name="model")) == (
        "model: cannot be converted: MultiHeadAttention 'x' attends evenly to all fixed steps where its query is "
        "masked (Masking, or mask_zero=True); convert with --sentinel_is_data if the sentinel never occurs in "
        "records, or train without it"
    )
    assert convert(keras.Model(ids, mixed), sentinel_is_data=True).output_shape == (None, None, 4)


def test_an_operation_that_is_not_known() -> None:
    frames = keras.Input((8, 4))
    model = keras.Model(frames, ops.sort(layers.LSTM(3, return_sequences=True)(frames), axis=1), name="model")
    said = refused(model)
    assert said.startswith("model: cannot be converted: Sort 'sort") and said.endswith(
        "' is not known to leave padded steps out; sum the steps up to a vector first"
    )
    assert refused(keras.Model(frames, ops.mean(frames, axis=[1, 2], keepdims=True), name="m")).endswith(
        "' is computed along the time axis and others at once (axis=[1, 2]); give it axis=1 alone"
    )


def test_positions_of_a_fixed_number_of_steps() -> None:
    ids = keras.Input((8,), name="ids")
    positions = layers.Embedding(8, 4)(ops.arange(8))
    joined = layers.Embedding(9, 4)(ids) + positions
    said = refused(keras.Model(ids, layers.Dense(1)(layers.GlobalMaxPooling1D()(joined)), name="model"))
    assert said.startswith("model: cannot be converted: Add 'add") and said.endswith(
        "' joins a sequence with an array for the fixed number of steps; give both the steps of one input, or sum each "
        "up to a vector first"
    )
    shift = layers.Embedding(9, 4)(ids) + np.ones((1, 4), "float32")
    assert convert(keras.Model(ids, shift)).output_shape == (None, None, 4)


def test_models_without_a_graph_or_a_sequence() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        pass

    assert refused(Own(name="own")) == (
        "own: is a Own, whose layers are Python code of its class; build it with keras.Sequential or "
        "keras.Model(inputs, outputs)"
    )
    assert refused(keras.Sequential([layers.LSTM(2)], name="model")) == (
        "model: has no input shape, for it was never built; call it on a batch and save it again"
    )
    assert refused(keras.Sequential([keras.Input((4,)), layers.Dense(2)], name="model")) == (
        "model: takes no sequence: no input is (batch, steps, features) or goes into an Embedding; feed a sequence of "
        "one number a step as (batch, steps, 1), and convert a model that begins there"
    )


def test_a_layer_that_fails_without_a_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise NotImplementedError

    monkeypatch.setitem(RULES, "LSTM", fail)
    said = refused(sequential(layers.LSTM(2, name="lstm")))
    assert "LSTM 'lstm' cannot be built for any number of steps: NotImplementedError; build the model with" in said


def test_a_file_with_code_is_never_loaded(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    touch = eval(f"lambda x: [x, open({str(marker)!r}, 'w')][0]")
    path = tmp_path / "x.keras"
    model = sequential(layers.Lambda(touch, output_shape=(8, 4), name="code"), layers.Flatten(name="flat"))
    model.save(path)
    marker.unlink(missing_ok=True)
    assert refused(path) == (
        f"{path}: 2 layers cannot be converted: (1) Lambda 'code' {CODE}; (2) Flatten 'flat' {FLATTEN}"
    )
    assert not marker.exists()
