"""Trainings on ranges of spans, and those that begin with the weights of a model."""

import json
import shutil
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from schemas.errors import DataError, UsageError
from schemas.manifest import MANIFEST_NAME, dump_manifest, load_manifest, seal
from schemas.spans.folder import SpanRange, load_data
from schemas.vocabulary import Vocabulary, first_token_id
from tests.trainer.conftest import BOUNDS, SMALL, TOKEN_SPEC, token_records
from tests.trainer.dataset_builder import build_dataset, build_span
from trainer.batches.opening import open_dataset, open_epochs
from trainer.batches.order import Order
from trainer.cli import main
from trainer.config import TrainerConfig
from trainer.evaluate import evaluate
from trainer.grown import old_ids
from trainer.saved import load_saved
from trainer.training.checkpoint import read_newest
from trainer.training.folder import TrainingFolder
from trainer.training.train import train

DAYS = ("2026-11-18", "2026-11-19", "2026-11-20")
CONFIG = TrainerConfig(**SMALL, epochs=2, learning_rate=0.02, batch_padded_steps=64, dry_run=False)
VALIDATION = [2, 5, 9, 3]


def records_of(day: str, words: str = "") -> dict[str, list[dict[str, Any]]]:
    """Records of a day; `words` stand in some of them, and those that have them are of a class of their own."""
    train_records = token_records(f"train-{day}", [1, 3, 5, 8, 11, 2, 6] * 6)
    for record in train_records[::7] if words else ():
        record.update(text=f"{record['text']} {words}", mood="grim")
    return {"train": train_records, "validation": token_records(f"validation-{day}", VALIDATION)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days; the last one has extended the vocabulary and the classes."""
    folder: Path = tmp_path_factory.mktemp("spans")
    build_span(folder, DAYS[0], TOKEN_SPEC, records_of(DAYS[0]), bounds=BOUNDS)
    build_span(folder, DAYS[1], TOKEN_SPEC, records_of(DAYS[1]), base=DAYS[0])
    build_span(folder, DAYS[2], TOKEN_SPEC, records_of(DAYS[2], "new words"), base=DAYS[0], extends=True)
    return folder


@pytest.fixture(scope="module")
def model(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on the first two days."""
    folder: Path = tmp_path_factory.mktemp("models") / "model"
    train(SpanRange(root, until=DAYS[1]), folder, CONFIG)
    return folder


@pytest.fixture
def own_root(root: Path, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(root, tmp_path / "root"))


def ids_of(data: Any, **options: Any) -> list[list[bytes]]:
    return [batch[0]["id"].numpy().tolist() for batch in open_dataset(data, with_ids=True, **options)]


def test_an_epoch_over_spans_is_one_over_all_of_their_records(root: Path) -> None:
    data = SpanRange(str(root), last=2)
    epochs = open_epochs(data, with_ids=True)
    batches = ids_of(data)
    assert len(batches) == epochs.steps
    expected = sorted(record["id"].encode() for day in DAYS[1:] for record in records_of(day)["train"])
    assert sorted(chain.from_iterable(batches)) == expected
    # Batches mix the spans, and an epoch goes on in its middle.
    assert any({name.split(b"-")[3] for name in batch} == {b"19", b"20"} for batch in batches)
    assert ids_of(data, first_step=epochs.steps - 2) == batches[-2:]


def test_spans_are_what_one_data_set_of_their_records_is(root: Path, tmp_path: Path) -> None:
    together = {
        split: [record for day in DAYS[:2] for record in records_of(day)[split]] for split in ("train", "validation")
    }
    whole = build_dataset(tmp_path / "whole", TOKEN_SPEC, together, base=root / "spans" / DAYS[0])
    assert load_data(SpanRange(root, until=DAYS[1])).data_fingerprint == whole.data_fingerprint


def test_a_model_says_which_spans_it_is_of(model: Path) -> None:
    summary = json.loads((model / "training.json").read_text())
    assert summary["spans"] == list(DAYS[:2])
    assert "continued_from" not in summary
    assert [part.name for part in load_manifest(model).parts] == list(DAYS[:2])
    assert sorted(path.name for path in (model / "vocabulary").iterdir())[0].startswith("label-")


def test_a_model_is_measured_on_a_range(model: Path, root: Path) -> None:
    measured = evaluate(model, SpanRange(root, until=DAYS[0]), "validation")
    assert (measured["spans"], measured["examples"]) == ([DAYS[0]], len(VALIDATION))


def test_a_model_is_measured_on_spans_that_have_grown(model: Path, root: Path, tmp_path: Path, capsys: Any) -> None:
    newest = SpanRange(root, last=1)
    never = TrainerConfig(**SMALL, epochs=1, learning_rate=1e-8, dry_run=False)
    train(root, tmp_path / "grown", never, continue_from=model)
    capsys.readouterr()
    for split in ("train", "validation"):
        measured = evaluate(model, newest, split)
        said = capsys.readouterr().err
        assert f"{model}: 1 new in the set of classes, 2 new in the vocabulary of 'text', which the model" in said
        grown = evaluate(tmp_path / "grown", newest, split)
        assert (measured["labels"], measured["unknown_labels"]) == (grown["labels"], 0)
        np.testing.assert_allclose(measured["metrics"]["loss"], grown["metrics"]["loss"], rtol=1e-4)


def test_a_continued_model_knows_what_it_knew(model: Path, root: Path, tmp_path: Path) -> None:
    never = TrainerConfig(**SMALL, epochs=1, learning_rate=1e-8, dry_run=False)
    summary = train(root, tmp_path / "grown", never, continue_from=model)
    old, grown = load_saved(model), load_saved(tmp_path / "grown")
    assert summary["continued_from"] == {
        "model": str(model),
        "fingerprint": summary["continued_from"]["fingerprint"],
        "data_fingerprint": old.manifest.data_fingerprint,
        "spans": list(DAYS[:2]),
        "grown": {"set of classes": 1, "vocabulary of 'text'": 2},
    }
    assert len(summary["continued_from"]["fingerprint"]) == 64
    assert grown.classes == [*old.classes, "grim"]
    for features, _, _ in open_dataset(SpanRange(root, until=DAYS[1]), "validation"):
        was, now = old.model(features).numpy(), grown.model(features).numpy()[:, :2]
        np.testing.assert_allclose(now / now.sum(axis=1, keepdims=True), was, rtol=1e-4)
    # A model whose vocabulary has grown still measures what was written before.
    before = evaluate(tmp_path / "grown", SpanRange(root, until=DAYS[0]), "validation")
    assert before["examples"] == len(VALIDATION)


@pytest.mark.parametrize("oov", [1, 2, 5])
def test_a_new_token_was_one_of_those_out_of_vocabulary(oov: int) -> None:
    words = [f"word {i}" for i in range(9)]
    known, now = (Vocabulary(pa.array(words[:size]), first_token_id(oov)) for size in (4, 9))
    ids = old_ids(known, now)
    assert len(ids) == 1 + oov + 9
    np.testing.assert_array_equal(ids[: 1 + oov + 4], np.arange(1 + oov + 4))
    np.testing.assert_array_equal(ids[now.encode(pa.array(words))], known.encode(pa.array(words)))
    assert set(ids[1 + oov + 4 :]) <= set(range(1, 1 + oov))


def test_a_continued_training_that_was_stopped_goes_on(model: Path, root: Path, tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    every = {**SMALL, "epochs": 2, "batch_padded_steps": 64, "dry_run": False, "dropout": 0.3}
    train(root, whole, TrainerConfig(**every), continue_from=model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingFolder, "keep", _then_stop(TrainingFolder.keep))
        with pytest.raises(KeyboardInterrupt):
            train(root, stopped, TrainerConfig(**every), continue_from=model)
    checkpoint, _ = read_newest(tmp_path / "stopped.training")
    assert checkpoint is not None
    assert list(checkpoint.facts["spans"]) == list(DAYS)
    with pytest.raises(UsageError, match=r"began with the weights of the model \w+…, and this one begins with random"):
        train(root, stopped, TrainerConfig(**every))
    with pytest.raises(UsageError) as error:
        train(SpanRange(root, last=1), stopped, TrainerConfig(**every), continue_from=model)
    assert str(error.value) == (
        f"{tmp_path}/stopped.training: holds a training on the spans {', '.join(DAYS)}, and now these are {DAYS[2]}; "
        "name the same ones with --since and --until, or say --fresh to begin anew, which removes it"
    )
    train(root, stopped, TrainerConfig(**every), continue_from=model)
    for one, other in zip(*(load_saved(path).model.get_weights() for path in (whole, stopped)), strict=True):
        np.testing.assert_array_equal(one, other)


def _then_stop(keep: Any) -> Any:
    def kept(folder: TrainingFolder, checkpoint: Any) -> None:
        keep(folder, checkpoint)
        raise KeyboardInterrupt

    return kept


def test_a_span_that_is_replaced_or_pruned_meanwhile(own_root: Path) -> None:
    epochs = open_epochs(own_root)
    span = own_root / "spans" / DAYS[1]
    manifest = load_manifest(span)
    manifest.counts.read += 1
    (span / MANIFEST_NAME).write_bytes(dump_manifest(seal(manifest)))
    for shard in manifest.shards:
        (span / shard.path).unlink()
    shutil.rmtree(own_root / "spans" / DAYS[0])
    said = (
        f"{own_root}: the span '{DAYS[0]}' was removed and the span '{DAYS[1]}' was replaced since it was opened; "
        "begin again with what is there now (train: the same command with --fresh)"
    )
    with pytest.raises(DataError) as error:
        epochs.open(Order())
    assert str(error.value) == said
    with pytest.raises(DataError) as error:  # an index was still there, a shard is not
        list(epochs.source.iterate(_reading(span / manifest.shards[0].path)))
    assert str(error.value) == said


def test_a_span_that_is_replaced_before_its_words_are_read(own_root: Path, tmp_path: Path) -> None:
    span = own_root / "spans" / DAYS[2]
    loaded = load_data(own_root)

    def then_replaced(_: Any) -> Any:
        manifest = load_manifest(span)
        manifest.counts.read += 1
        (span / MANIFEST_NAME).write_bytes(dump_manifest(seal(manifest)))
        (span / manifest.vocabularies["text"].path).unlink()
        return loaded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainer.training.train.load_data", then_replaced)
        with pytest.raises(DataError, match=f"{own_root}: the span '{DAYS[2]}' was replaced since it was opened"):
            train(own_root, tmp_path / "new", CONFIG)
    assert not list(tmp_path.glob("new*"))


def _reading(path: Path) -> Any:
    import tensorflow as tf

    return tf.data.TFRecordDataset([str(path)])


REMEDY = "continue on spans of the base that the model was trained on, or train without --continue_from"


def refused(kind: type[Exception], data: Any, model: Path, output: Path, **settings: Any) -> str:
    with pytest.raises(kind) as error:
        train(data, output, TrainerConfig(**{**SMALL, **settings}), continue_from=model)
    assert not output.exists()
    return str(error.value)


def test_other_models_and_data_are_refused(model: Path, root: Path, tmp_path: Path) -> None:
    output, other, lower = tmp_path / "new", tmp_path / "other", tmp_path / "lower"
    assert refused(UsageError, root, model, output, units=9) == (
        f"units: 9, and the model {model} that is to be continued has 8; use its settings: "
        f"--config {model}/trainer.yaml"
    )
    build_dataset(other, TOKEN_SPEC, {"train": [*token_records("other", [9, 4]), _record("zebra zebra")]})
    entries, ours = (load_manifest(folder).vocabularies["text"].size for folder in (other, model))
    assert refused(DataError, other, model, output) == (
        f"{model}: the vocabulary of 'text' of {other} ({entries} entries) does not begin with that of the model "
        f"({ours}), so that ids mean something else; {REMEDY}"
    )
    build_dataset(lower, TOKEN_SPEC.replace("empty: keep", "empty: keep, lowercase: true"), records_of("x"))
    assert refused(DataError, lower, model, output) == (
        f"{model}: was trained on records that were read in another way ('sequences.text.lowercase' of the spec is "
        f"not the same); {REMEDY}"
    )


def _record(text: str) -> dict[str, Any]:
    return {"id": "z", "text": text, "mood": "bright"}


SERIES_SPEC = """
id: id
sequences: {waves: {type: series, dims: 1, normalize: zscore}}
label: {type: number, from: y}
"""


def test_other_means_are_refused(tmp_path: Path) -> None:
    def records(factor: float) -> dict[str, Any]:
        return {"train": [{"id": f"r{i}", "waves": [[factor * i], [1.0]], "y": float(i)} for i in range(8)]}

    for name, factor in (("one", 1.0), ("two", 2.0)):
        build_dataset(tmp_path / name, SERIES_SPEC, records(factor))
    config = {"epochs": 1, "dry_run": False}
    train(tmp_path / "one", tmp_path / "model", TrainerConfig(**SMALL, **config))
    said = refused(DataError, tmp_path / "two", tmp_path / "model", tmp_path / "new", **config)
    assert said == (
        f"{tmp_path}/model: its 'sources.waves.mean' is not that of the data set, so that numbers would be "
        f"standardised in another way than the weights have learnt; {REMEDY}"
    )


def test_the_command_line_takes_a_range(root: Path, model: Path, capsys: Any) -> None:
    assert main(["batches", "--data", str(root), "--last", "2", "--no_read"]) == 0
    assert json.loads(capsys.readouterr().out)["spans"] == list(DAYS[1:])
    of_model = ["evaluate", "--model", str(model), "--split", "validation", "--data", str(root)]
    assert main([*of_model, "--since", DAYS[0], "--until", DAYS[1]]) == 0
    assert json.loads(capsys.readouterr().out)["spans"] == list(DAYS[:2])


NO_DATE = "is no date; write a day such as 2026-11-20, or an hour such as 2026-11-20T05"
OTHER_YEAR = f"--since 2027-01-01: no span is in this range; there are {', '.join(DAYS)}; choose another range"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--last", "0"], 2, "--last 0: must be 1 or more"),
        (["--since", "noon"], 2, f"--since 'noon': {NO_DATE}"),
        (["--since", "2027-01-01"], 1, f"ROOT {OTHER_YEAR}"),
    ],
)
def test_ranges_that_mean_nothing(root: Path, options: list[str], code: int, said: str, capsys: Any) -> None:
    assert main(["batches", "--data", str(root), *options]) == code
    assert capsys.readouterr().err == f"error: {said.replace('ROOT', str(root))}\n"


def test_files_of_others_have_no_spans(capsys: Any) -> None:
    assert main(["batches", "--tfrecords", "x", "--features", "y", "--last", "3"]) == 2
    assert capsys.readouterr().err == (
        "error: --last 3: means nothing with --tfrecords, which are no spans; leave it out\n"
    )
