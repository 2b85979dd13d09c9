"""A training run from data set to model folder, and what can stop it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from schemas.errors import DataError, UsageError
from schemas.manifest import MANIFEST_NAME, dump_manifest, load_manifest, seal
from tests.trainer.conftest import SMALL, TOKEN_SPEC, token_records
from tests.trainer.dataset_builder import build_dataset
from trainer import Order, load, open_dataset, open_epochs
from trainer.batches.batching import Batching
from trainer.batches.sizes import BatchLimits
from trainer.config import TrainerConfig, limits_of, load_config
from trainer.evaluate import EVALUATION_BATCHES, evaluate
from trainer.models.build import build_model
from trainer.saved import load_saved
from trainer.training.step import StepByShape, make_train_step
from trainer.training.train import train, validation_limits

QUICK = TrainerConfig(**SMALL, epochs=2)


def test_it_learns(token_data: Path, token_model: Path) -> None:
    metrics = evaluate(token_model, token_data, "validation")["metrics"]
    assert metrics["accuracy"] == 1.0


def test_the_folder_says_what_was_done(token_data: Path, token_model: Path) -> None:
    training = json.loads((token_model / "training.json").read_text())
    manifest = load_manifest(token_data)
    assert training["data_fingerprint"] == manifest.data_fingerprint
    assert training["epochs"] == len(training["history"]) == 12
    best = training["history"][training["best_epoch"] - 1]
    assert best["validation"] == training["metrics"]
    assert min(entry["validation"]["loss"] for entry in training["history"]) == training["metrics"]["loss"]
    assert load_config(token_model / "trainer.yaml").epochs == 12
    assert (token_model / "manifest.json").read_bytes() == (token_data / "manifest.json").read_bytes()
    vocabulary = manifest.vocabularies["text"].path
    assert (token_model / vocabulary).read_bytes() == (token_data / vocabulary).read_bytes()


def test_the_best_weights_are_kept(token_data: Path, token_model: Path) -> None:
    training = json.loads((token_model / "training.json").read_text())
    metrics = evaluate(token_model, token_data, "validation")["metrics"]
    assert metrics == pytest.approx(training["metrics"], rel=1e-6)


def test_the_same_seed_gives_the_same_history(token_data: Path, tmp_path: Path) -> None:
    first, again = (train(token_data, tmp_path / name, QUICK) for name in "ab")
    losses = [[entry["loss"] for entry in summary["history"]] for summary in (first, again)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_it_stops_when_validation_no_longer_improves(tmp_path: Path) -> None:
    records = token_records("train", [2, 3] * 8)
    # Labels the wrong way round: what helps on the training split harms here.
    wrong = [{**r, "mood": {"bright": "dark", "dark": "bright"}[r["mood"]]} for r in records]
    build_dataset(tmp_path / "data", TOKEN_SPEC, {"train": records, "validation": wrong})
    config = TrainerConfig(**SMALL, epochs=50, patience=3, patience_steps=0, learning_rate=0.05)
    summary = train(tmp_path / "data", tmp_path / "model", config)
    assert summary["epochs"] == summary["best_epoch"] + 3 < 50
    patient = train(
        tmp_path / "data", tmp_path / "patient", TrainerConfig(**SMALL, epochs=9, patience=1, patience_steps=1_000)
    )
    assert patient["epochs"] == 9


def test_the_metric_that_is_monitored_decides_which_weights_are_the_best(token_data: Path, tmp_path: Path) -> None:
    summary = train(token_data, tmp_path / "model", replace(QUICK, epochs=4, monitor="accuracy"))
    accuracies = [entry["validation"]["accuracy"] for entry in summary["history"]]
    assert summary["best_epoch"] == 1 + accuracies.index(max(accuracies))  # the first of those that are alike
    assert summary["metrics"]["accuracy"] == max(accuracies)


def test_memory_that_runs_out_behind_the_dry_run(
    token_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(*batch: Any) -> tf.Tensor:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[4,11]")

    monkeypatch.setattr("trainer.training.train.make_train_step", lambda *_: step)
    with pytest.raises(DataError) as error:
        train(token_data, tmp_path / "model", replace(QUICK, dry_run=False))
    steps = open_epochs(token_data, batching=Batching(limits=limits_of(QUICK))).steps
    assert str(error.value) == (
        f"epoch 1, step 1 of {steps}: fails: OOM when allocating tensor with shape[4,11]; where memory is too small "
        "lower batch_padded_steps (now 16384) or max_batch_size (now 512) and say --fresh"
    )


def test_validation_takes_no_more_memory_than_training() -> None:
    assert validation_limits(TrainerConfig()) == EVALUATION_BATCHES.limits
    limits = validation_limits(TrainerConfig(batch_padded_steps=1_000, max_batch_size=16))
    assert (limits.padded_steps, limits.max_examples) == (2_000, 32)
    limits = validation_limits(TrainerConfig(batch_padded_steps=10**6, max_batch_size=10**5))
    assert limits == EVALUATION_BATCHES.limits


def test_a_metric_that_is_not_measured_cannot_be_monitored(token_data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        train(token_data, tmp_path / "model", replace(QUICK, monitor="rmse"))
    assert str(error.value) == (
        "monitor: 'rmse' is not measured here; valid: accuracy, auc, f1, loss, macro_f1, precision, recall"
    )
    assert not (tmp_path / "model.training").exists()


def test_without_a_validation_split_the_last_weights_are_kept(tmp_path: Path, capsys: Any) -> None:
    build_dataset(tmp_path / "data", TOKEN_SPEC, {"train": token_records("train", [2, 3, 4])})
    summary = train(tmp_path / "data", tmp_path / "model", replace(QUICK, warmup_steps=99))
    assert (summary["epochs"], summary["best_epoch"], summary["metrics"]) == (2, 2, {})
    said = capsys.readouterr().err
    assert "nothing to measure in a split 'validation': training for all 2 epochs, the last weights are kept" in said
    assert (
        "warning: warmup_steps: 99 are all of the 2 steps of the training at most; the learning rate only rises" in said
    )


def test_a_padded_batch_trains_as_its_examples_one_by_one(token_data: Path) -> None:
    """The gradient of a batch is the mean of those of its examples, each without any padding."""
    manifest = load_manifest(token_data)
    model = build_model(manifest, QUICK)
    model.compile(optimizer="sgd", loss=model.loss)
    limits = BatchLimits(padded_steps=1_000, max_examples=8)
    features, label, _ = next(iter(open_dataset(token_data, batching=Batching(limits=limits))))
    ones = tf.ones(label.shape)

    def change(batch: Any, labels: Any, weight: Any) -> list[np.ndarray]:
        before = model.get_weights()
        specs = tf.nest.map_structure(lambda t: tf.TensorSpec([None] * t.shape.rank, t.dtype), (batch, labels, weight))
        make_train_step(model, specs)(batch, labels, weight)
        changed = [new - old for new, old in zip(model.get_weights(), before, strict=True)]
        model.set_weights(before)
        return changed

    together = change(features, label, ones)
    single = []
    for i in range(len(label)):
        steps = max(int(features["text/length"][i]), 1)
        alone = {"text": features["text"][i : i + 1, :steps], "text/length": features["text/length"][i : i + 1]}
        single.append(change(alone, label[i : i + 1], ones[i : i + 1]))
    for i, whole in enumerate(together):
        np.testing.assert_allclose(whole, np.mean([changes[i] for changes in single], axis=0), atol=1e-6)


def test_a_compiled_step_for_each_shape_trains_as_the_plain_one(token_data: Path) -> None:
    manifest = load_manifest(token_data)
    config = TrainerConfig(embedding_size=2, units=2, bidirectional=False, input_dropout=0, step_dropout=0, dropout=0)
    batching = Batching(limits=BatchLimits(padded_steps=30, max_examples=8), static_shapes=True)
    epochs = open_epochs(token_data, batching=batching)
    losses, weights = [], []
    for jit_compile in (False, True):
        model = build_model(manifest, config)
        step = make_train_step(model, epochs.open(Order()).element_spec, jit_compile)
        losses.append([float(step(*batch)) for epoch in range(2) for batch in epochs.open(Order(epoch=epoch))])
        weights.append(model.get_weights())
    assert len(losses[0]) == 2 * epochs.steps > 10
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    for compiled, plain in zip(weights[1], weights[0], strict=True):
        np.testing.assert_allclose(compiled, plain, atol=1e-4)
    assert isinstance(step, StepByShape)
    assert len(step.compiled) == len(manifest.buckets) == 3


def test_bucket_by_sequence_length_learns_without_any_index(token_data: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(token_data, tmp_path / "data"))
    for path in folder.rglob("*.index"):
        path.unlink()
    config = replace(QUICK, batching="bucket_by_sequence_length")
    result = train(folder, tmp_path / "model", config)
    rates = {"learning_rate", "padding_efficiency", "real_steps_per_second"}
    assert [set(entry) for entry in result["history"]] == [
        {"epoch", "loss", "seconds", "validation", "buckets"} | rates
    ] * 2
    with pytest.raises(DataError, match=r"\.index: is missing though the manifest names it; write the data set again$"):
        train(folder, tmp_path / "planned", QUICK)
    assert not (tmp_path / "planned").exists()


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    spec = "id: id\nsequences: {waves: {type: series, dims: 8}}\nlabel: {type: number}\n"
    records = [{"id": str(i), "waves": [[3e38] * 8], "label": float(i % 2)} for i in range(64)]
    build_dataset(tmp_path / "data", spec, {"train": records})
    with pytest.raises(DataError) as error:
        train(tmp_path / "data", tmp_path / "model", TrainerConfig(units=8, epochs=3))
    assert str(error.value) == (
        "epoch 1, step 1 of 8: the loss is nan, of each of its 8 examples by itself, so that no single one is to "
        "blame; the weights are those from before it and nothing was written: lower learning_rate (now 0.002), or set "
        "normalize: zscore for series with large values; then say --fresh"
    )
    assert not (tmp_path / "model").exists()


def test_an_output_that_exists(token_data: Path, token_model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        train(token_data, token_model, QUICK)
    assert str(error.value) == (
        f"{token_model}: exists already; choose another --output, or say --replace to write it again"
    )
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(UsageError) as error:
        train(token_data, tmp_path, QUICK, replace=True)
    assert (
        str(error.value) == f"{tmp_path}: is no model folder, so --replace does not remove it; choose another --output"
    )


def test_replace(token_data: Path, token_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(token_model, folder)
    (folder / "left-over").write_bytes(b"")
    train(token_data, folder, QUICK, replace=True)
    assert json.loads((folder / "training.json").read_text())["epochs"] == 2
    assert not (folder / "left-over").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    manifest = build_dataset(data, TOKEN_SPEC, {"train": token_records("train", [2, 3])})
    vocabulary = data / manifest.vocabularies["text"].path
    vocabulary.unlink()
    with pytest.raises(DataError) as error:
        train(data, tmp_path / "model", QUICK)
    assert str(error.value) == f"{vocabulary}: is missing though the manifest names it; write the folder again"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_model_folders_that_are_not_whole(token_model: Path, tmp_path: Path) -> None:
    def refusal(folder: Path) -> str:
        with pytest.raises(DataError) as error:
            load(folder)
        return str(error.value)

    missing = tmp_path / "missing"
    assert refusal(missing) == f"{missing}: no such model folder; `python -m trainer train` writes one"
    for name in ("model.keras", "manifest.json", "training.json"):
        folder = tmp_path / name
        shutil.copytree(token_model, folder)
        (folder / name).unlink()
        assert refusal(folder) == f"{folder}: is no whole model folder ({name} is missing); train again"
    folder = tmp_path / "damaged"
    shutil.copytree(token_model, folder)
    (folder / "model.keras").write_bytes((folder / "model.keras").read_bytes()[:1_000])
    remedy = 'write it again: model.save("x.keras") of Keras, or train again'
    assert refusal(folder) == f"{folder}/model.keras: is no .keras file; {remedy}"
    folder = tmp_path / "changed"
    shutil.copytree(token_model, folder)
    vocabulary = folder / load_manifest(folder).vocabularies["text"].path
    vocabulary.write_text("other\n")
    assert refusal(folder) == f"{vocabulary}: does not fit its digest in the manifest; write the folder again"


def test_what_is_loaded(token_model: Path) -> None:
    saved = load_saved(token_model)
    assert saved.classes == ["bright", "dark"]
    assert saved.vocabularies["text"].first_id == 2
    predictor = load(token_model)
    assert predictor.classes == saved.classes
    assert predictor.manifest == saved.manifest


def test_a_training_split_without_examples(token_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(token_data, folder)
    manifest = load_manifest(folder)
    kept = [shard for shard in manifest.shards if shard.split != "train"]
    del manifest.shards[:]
    manifest.shards.extend(kept)
    (folder / MANIFEST_NAME).write_bytes(dump_manifest(seal(manifest)))
    with pytest.raises(DataError) as error:
        train(folder, tmp_path / "model", TrainerConfig(**SMALL))
    assert str(error.value) == f"{folder}: split 'train' has no examples; nothing can be learnt from it"
    assert not (tmp_path / "model").exists()
