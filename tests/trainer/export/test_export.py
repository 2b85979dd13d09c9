"""The folder of an export: what is in it, that it is checked before it is there, and what is refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import trainer.export.export as export_module
from schemas.errors import DataError, UsageError
from schemas.manifest import load_manifest
from tests.trainer.dataset_builder import build_dataset
from tests.trainer.properties.cases import QUICK_TO_TRACE, write_untrained
from tests.trainer.properties.data_sets import BOUNDS, TRAIN_LENGTHS, records_of
from trainer.cli import main
from trainer.export.export import export_model, read_export
from trainer.export.parity import Figures, Question, compare
from trainer.export.record_model import RecordModel, record_model_of
from trainer.saved import SavedModel, load_saved

ROOT = Path(__file__).parents[3]
SPEC = """
name: small
id: id
sequences:
  text: {type: tokens, tokenizer: none, max_length: 6, empty: keep}
  waves:
    {type: series, dims: 2, normalize: zscore, missing: mean, empty: keep, time: {from: at, format: unix_seconds}}
context: {place: {type: category}}
label: {from: mood, type: class}
"""
METRICS = {"loss": 1.25, "accuracy": 0.5}
ASK_KERAS = """
import keras, numpy as np, sys
from trainer import RecordModel
model = keras.models.load_model(sys.argv[1])
empty = {"text": np.array([["old", "cat"]]), "text_length": np.array([2]), "waves": np.zeros((1, 0, 2), "float32"),
         "waves_length": np.array([0]), "waves_time": np.zeros((1, 0)), "place": np.array(["north"])}
said = model(empty)
print(said["status"].numpy()[0].decode(), said["prediction"].numpy()[0].decode())
"""


class Made:
    """A model folder, another one that is quicker to export, raw records, and what exporting the first said."""

    def __init__(self, folder: Path) -> None:
        records = records_of("train", TRAIN_LENGTHS)
        build_dataset(folder / "data", SPEC, {"train": records, "test": records[:8]}, BOUNDS)
        self.model = write_untrained(folder / "data", folder / "model")
        training = self.model / "training.json"
        training.write_text(json.dumps(json.loads(training.read_text()) | {"metrics": METRICS}))
        self.quick = write_untrained(folder / "data", folder / "quick", QUICK_TO_TRACE)
        self.raw = folder / "raw.jsonl"
        others = [*records_of("new", [1, 2, 9, 0, 4]), {"id": "bad"}]
        self.raw.write_text("".join(json.dumps(record) + "\n" for record in others))
        self.export = folder / "export"
        self.said = export_model(self.model, self.export, [str(self.raw)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("exports"))


def test_what_is_said_of_an_export(made: Made) -> None:
    said = made.said
    assert said["export"] == str(made.export)
    assert said["fingerprint"] == load_manifest(made.model).fingerprint
    inputs = ["place", "text", "text_length", "waves", "waves_length", "waves_time"]
    outputs = ["classes", "cut_steps", "prediction", "probabilities", "status"]
    assert said["signatures"]["serving_default"] == {"inputs": inputs, "outputs": outputs}
    assert said["signatures"]["examples"] == {"inputs": ["examples"], "outputs": outputs}
    assert said["signatures"]["encoded"] == {
        "inputs": ["place", "text", "text_length", "waves", "waves_length", "waves_missing", "waves_since"],
        "outputs": ["prediction", "probabilities"],
    }
    assert said["outside_the_graph"] == []
    parity = said["parity"]
    # Five records and six extremes; the bad one can be said as an Example only.
    assert parity["records"] == {"serving_default": 11, "encoded": 11, "examples": 12}
    assert parity["refused"] == {}
    assert max(parity["largest_difference"].values()) <= parity["tolerance"] == 1e-5
    assert parity["fresh_process"]["gpus"] == 0


def test_what_stands_in_the_folder(made: Made) -> None:
    files = {path.relative_to(made.export).as_posix() for path in made.export.rglob("*") if path.is_file()}
    manifest = load_manifest(made.model)
    named = {file.path for file in [*manifest.vocabularies.values(), manifest.classes]}
    extra = {"manifest.json", "training.json", "trainer.yaml", "export.json", *named}
    assert {f"assets.extra/{name}" for name in extra} | {"saved_model.pb", "model.keras"} <= files
    said = read_export(made.export)
    assert (said["format_version"], said["fingerprint"]) == (1, manifest.fingerprint)
    assert said["metrics"] == METRICS
    assert said["spec"]["sequences"]["text"]["max_length"] == 6
    waves = next(one for one in said["signatures"]["serving_default"]["inputs"] if one["name"] == "waves")
    note = "frames of 2 numbers; NaN: a missing number; padded at the end; waves_length says how many are real"
    assert waves == {"name": "waves", "kind": "series", "dtype": "float32", "shape": [None, None, 2], "note": note}
    assert set(said["versions"]) == {"keras", "numpy", "python", "tensorflow"}
    assert said["parity"] == made.said["parity"]


def test_keras_loads_its_file_once_it_has_heard_of_the_class(made: Made) -> None:
    command = [sys.executable, "-c", ASK_KERAS, str(made.export / "model.keras")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    status, prediction = result.stdout.split()
    assert status == "ok"
    assert prediction in {"bright", "dark", "odd"}


def test_a_whole_batch_of_nothing(made: Made) -> None:
    loaded = tf.saved_model.load(made.export)
    for ask in loaded.signatures.values():
        specs = ask.structured_input_signature[1]
        for width in (0, 1):
            shapes = {name: [0, *(size or width for size in spec.shape[1:])] for name, spec in specs.items()}
            said = ask(**{name: tf.zeros(shapes[name], spec.dtype) for name, spec in specs.items()})
            assert {values.shape[0] for values in said.values()} == {0}


@pytest.mark.parametrize("signature", ["serving_default", "encoded"])
def test_arguments_of_other_numbers_of_records_are_refused(made: Made, signature: str) -> None:
    ask = tf.saved_model.load(made.export).signatures[signature]
    specs = ask.structured_input_signature[1]
    given = {name: tf.zeros([2, *(size or 1 for size in spec.shape[1:])], spec.dtype) for name, spec in specs.items()}
    assert ask(**given)["prediction"].shape == [2]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"a row for each record, all of them as many; received"):
        ask(**given | {"waves_length": given["waves_length"][:1]})


def test_an_export_that_says_otherwise_is_not_written(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(saved: SavedModel) -> RecordModel:
        model = record_model_of(saved)
        bias = model.model.head.bias
        bias.assign(bias + np.array([0.0, 0.0, 0.01], np.float32))
        return model

    monkeypatch.setattr(export_module, "record_model_of", other)
    with pytest.raises(DataError) as error:
        export_model(made.quick, tmp_path / "export", [str(made.raw)])
    text = str(error.value)
    assert text.startswith("the export says otherwise than the model and is not written: signature serving_default, ")
    assert "'probabilities': [" in text
    assert list(tmp_path.iterdir()) == []


def question(**wanted: Any) -> Question:
    return Question("examples", {}, [wanted], ["record 1"])


@pytest.mark.parametrize(
    ("wanted", "found", "shown"),
    [
        ({"status": "ok"}, {"status": [b"too_long"]}, "'status': too_long and ok"),
        ({"cut_steps": 3}, {"cut_steps": [4]}, "'cut_steps': 4 and 3"),
        ({"prediction": b"a"}, {"prediction": [b"b"]}, "'prediction': b and a"),
        ({"prediction": np.float32(1)}, {"prediction": np.float32([1.0001])}, "'prediction': 1.0001 and 1.0"),
        ({"prediction": np.float32(1)}, {"prediction": np.float32([np.nan])}, "'prediction': nan and 1.0"),
        (
            {"status": "too_long"},
            {"status": [b"too_long"], "prediction": np.float32([0.5])},
            "'prediction': 0.5 and nothing",
        ),
    ],
)
def test_any_difference_is_found(wanted: dict[str, Any], found: dict[str, Any], shown: str) -> None:
    outputs = {name: np.array(values) for name, values in found.items()}
    with pytest.raises(DataError) as error:
        compare(question(**wanted), outputs, Figures())
    rule = "the export says otherwise than the model and is not written: signature examples, record 1, "
    assert str(error.value) == f"{rule}{shown}"


def test_figures_of_what_is_near() -> None:
    figures = Figures()
    one = question(prediction=np.float32(2), status="ok")
    compare(one, {"prediction": np.float32([2.000002]), "status": np.array([b"ok"], object)}, figures)
    assert figures.records == {"examples": 1}
    assert figures.difference["examples"] == pytest.approx(1e-6, rel=0.1)


def test_where_an_export_must_not_be_written(made: Made, tmp_path: Path) -> None:
    def refusal(output: Path, replace: bool) -> str:
        with pytest.raises(UsageError) as error:
            export_model(made.model, output, replace=replace)
        return str(error.value)

    place = made.export
    assert (
        refusal(place, False) == f"{place}: exists already; choose another --output, or say --replace to write it again"
    )
    rule = "is no export, so --replace does not remove it; choose another --output"
    assert refusal(made.model, True) == f"{made.model}: {rule}"


def test_without_records_to_check_by(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "say --records with a file of raw records by which the export can be checked"
    assert main(["export", "--model", str(made.model), "--output", str(tmp_path / "x")]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"error: {made.model}: the manifest names no input; {said}"
    missing = tmp_path / "none.jsonl"
    arguments = ["export", "--model", str(made.model), "--output", str(tmp_path / "x"), "--records", str(missing)]
    assert main(arguments) == 2
    rule = "matches no file; check the path, and quote a pattern for the shell"
    assert capsys.readouterr().err.splitlines()[-1] == f"error: --records {missing}: {rule}"
    assert list(tmp_path.iterdir()) == []


def test_another_format_version(made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(made.model, folder)
    training = folder / "training.json"
    known = json.loads(training.read_text())
    assert known["format_version"] == 1
    remedy = "train again, or use the version of lengthwise that wrote it"
    training.write_text(json.dumps(known | {"format_version": 2}))
    with pytest.raises(DataError) as error:
        load_saved(folder)
    assert str(error.value) == f"{training}: format_version is 2, and this version reads 1; {remedy}"
    del known["format_version"]
    training.write_text(json.dumps(known))
    assert load_saved(folder).classes == ["bright", "dark", "odd"]


def test_an_export_of_another_format_version(made: Made, tmp_path: Path) -> None:
    (tmp_path / "assets.extra").mkdir()
    path = tmp_path / "assets.extra" / "export.json"
    with pytest.raises(DataError) as error:
        read_export(tmp_path)
    assert str(error.value) == f"{path}: is missing, so this is no whole export; `python -m trainer export` writes one"
    path.write_text('{"format_version": 7}')
    with pytest.raises(DataError) as error:
        read_export(tmp_path)
    assert str(error.value) == f"{path}: format_version is 7, and this version reads 1; export the model again"


def test_a_model_file_with_code_in_it_is_not_executed(made: Made, tmp_path: Path) -> None:
    folder, trace = tmp_path / "model", tmp_path / "trace"
    shutil.copytree(made.model, folder)
    code = keras.layers.Lambda(lambda x, path=str(trace): (open(path, "w").close(), x)[1], name="code")  # noqa: PTH123
    inputs = keras.Input((2,))
    keras.Model(inputs, code(inputs)).save(folder / "model.keras")
    trace.unlink(missing_ok=True)
    with pytest.raises(DataError) as error:
        load_saved(folder)
    rule = "layer 'code' holds code (Lambda), which is never executed"
    assert str(error.value).startswith(f"{folder}/model.keras: {rule}; ")
    assert not trace.exists()
