"""Epochs as training goes through them: known to Keras, no curriculum of lengths, gone on with at any step."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.batches.layouts import drawn_lengths, ids, write_lengths
from trainer import Batching, BatchLimits, Order, Position, open_dataset, open_epochs
from trainer.batches.batching import METHODS

LIMITS = BatchLimits(padded_steps=60, max_examples=9)
ORDER = Order(seed=3, window=60, block_bytes=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lengths(tmp_path_factory.mktemp("lengths") / "data", drawn_lengths(120, 30), [5, 12])


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough for some hundred batches."""
    return write_lengths(tmp_path_factory.mktemp("many") / "data", drawn_lengths(2_500, 40), [3, 8, 15], 3)


@pytest.mark.parametrize("method", METHODS)
def test_fit_knows_the_steps_of_each_epoch(
    folder: Path, method: str, recwarn: pytest.WarningsRecorder, capfd: pytest.CaptureFixture[str]
) -> None:
    steps: list[int] = []
    text = keras.Input([None], dtype="int32", name="text")
    hidden = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(20, 4)(text))
    model = keras.Model({"text": text}, keras.layers.Dense(2, activation="softmax")(hidden))
    model.compile("sgd", "sparse_categorical_crossentropy")
    count = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: steps.append(int(model.optimizer.iterations.numpy()))
    )
    batching = Batching(method, LIMITS)
    for epoch in range(2):
        dataset = open_dataset(folder, batching=batching, order=Order(seed=3, epoch=epoch))
        dataset = dataset.map(lambda features, label, weight: ({"text": features["text"]}, label, weight))
        model.fit(dataset, initial_epoch=epoch, epochs=epoch + 1, verbose=2, callbacks=[count])
    expected = open_epochs(folder, batching=batching).steps
    assert steps == [expected, 2 * expected]
    shown = "".join(capfd.readouterr())
    assert f"{expected}/{expected}" in shown
    assert "ran out of data" not in shown + "".join(str(warning.message) for warning in recwarn)


def centred(values: list[float]) -> np.ndarray:
    return np.array(values) - np.mean(values)


@pytest.mark.parametrize(
    "order", [Order(seed=7), Order(seed=7, window=300, block_bytes=2_000)], ids=["shuffled whole", "small windows"]
)
def test_lengths_of_batches_are_no_curriculum(many: Path, order: Order) -> None:
    """What one is like says nothing of the next ones, and the last tenth of an epoch is like all of it."""
    epochs = open_epochs(many, batching=Batching(limits=BatchLimits(160, 12), pool=8))
    means = [float(features["text/length"].numpy().mean()) for features, _, _ in epochs.open(order)]
    assert len(means) == epochs.steps > 200
    values, noise = centred(means), 4 / np.sqrt(len(means))
    for lag in range(1, 11):
        assert abs((values[lag:] * values[:-lag]).sum() / (values**2).sum()) < noise
    last = values[-(len(values) // 10) :]
    assert abs(last.mean()) < 4 * values.std() / np.sqrt(len(last))


def test_batches_of_the_order_on_disk_are_a_curriculum(many: Path) -> None:
    """So that the test above would notice one."""
    epochs = open_epochs(many, training=False, batching=Batching(limits=BatchLimits(160, 12), pool=8))
    values = centred([float(features["text/length"].numpy().mean()) for features, _, _ in epochs.open(None)])
    assert (values[1:] * values[:-1]).sum() / (values**2).sum() > 0.5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("epoch", [0, 2])
def test_resuming_gives_the_rest_of_the_epoch(folder: Path, method: str, epoch: int) -> None:
    batching = Batching(method, LIMITS, pool=3)
    order = Order(seed=3, epoch=epoch, window=60)
    epochs = open_epochs(folder, batching=batching, with_ids=True)
    text = epochs.position(order, 5).to_json()
    again = open_epochs(folder, batching=batching, with_ids=True)
    # The epoch is that of the position, whichever the order names.
    rest = again.resume(Order(seed=3, epoch=9, window=60), Position.from_json(text))
    assert ids(rest) == ids(epochs.open(order))[5:]


def test_a_run_goes_on_with_other_replicas_and_shapes(folder: Path) -> None:
    position = open_epochs(folder, batching=Batching(limits=LIMITS)).position(ORDER, 5)
    whole = ids(open_epochs(folder, batching=Batching(limits=LIMITS), with_ids=True).open(ORDER))
    for settings in ({"replicas": 3}, {"static_shapes": True}):
        epochs = open_epochs(folder, batching=Batching(limits=LIMITS, **settings), with_ids=True)
        assert [[item for item in batch if item] for batch in ids(epochs.resume(ORDER, position))] == whole[5:]


def test_the_last_position_of_an_epoch_leaves_nothing(folder: Path) -> None:
    epochs = open_epochs(folder, batching=Batching(limits=LIMITS), with_ids=True)
    rest = epochs.resume(ORDER, epochs.position(ORDER, epochs.steps))
    assert (int(rest.cardinality()), ids(rest)) == (0, [])


def test_one_function_takes_every_epoch_and_what_remains_of_it(folder: Path) -> None:
    epochs = open_epochs(folder, batching=Batching(limits=LIMITS))
    specs = [epochs.open(Order(epoch=epoch), step).element_spec for epoch in (0, 1) for step in (0, 3, epochs.steps)]
    assert specs == [specs[0]] * len(specs)
    step = tf.function(lambda features, label, weight: tf.reduce_sum(weight), input_signature=specs[0])
    total = sum(float(step(*batch)) for batch in epochs.open(Order(epoch=1)))
    assert total == pytest.approx(sum(len(batch[2]) ** 2 for batch in epochs.open(Order(epoch=1))) * epochs.steps / 120)


@pytest.mark.parametrize("method", METHODS)
def test_shapes_and_types_are_known_before_an_epoch_is_opened(folder: Path, method: str) -> None:
    epochs = open_epochs(folder, batching=Batching(method=method))
    assert epochs.element_spec == epochs.open(Order(0, 0)).element_spec
