"""The command: a file from a file, compared before it is written, read by Keras alone."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import trainer
from trainer.cli import main
from trainer.conversion import check

# Keras alone, as where this package was never installed: any import of it fails.
ALONE = """
import sys

class Never:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("trainer", "schemas", "pipeline"):
            raise ImportError(name)

sys.meta_path.insert(0, Never())
import keras
import numpy as np

given = np.load(sys.argv[2])
model = keras.saving.load_model(sys.argv[1], safe_mode=True)
inputs = [given["x"], given["lengths"]]
np.savez(sys.argv[3], called=model(inputs), predicted=model.predict(inputs))
print(any(name in sys.modules for name in ("trainer", "schemas", "pipeline")))
"""


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(3)
    made = [
        keras.Input((12, 4), name="frames"),
        layers.Masking(-1.0, name="skip"),
        layers.Conv1D(4, 3, padding="same", strides=2),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
        layers.MaxPooling1D(2, padding="same"),
        layers.LSTM(3),
        layers.RepeatVector(12, name="again"),
        layers.TimeDistributed(layers.Dense(2)),
    ]
    path = tmp_path_factory.mktemp("fixed") / "fixed.keras"
    keras.Sequential(made, name="tutorial").save(path)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    code = main(["convert", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_what_the_command_says(fixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, fixed, tmp_path / "v.keras")
    said = json.loads(out)
    assert code == 0
    assert 0 <= said.pop("greatest_difference") < 1e-6
    assert said == {
        "output": f"{tmp_path}/v.keras",
        "inputs": {
            "frames": {"shape": [None, None, 4], "dtype": "float32"},
            "frames_length": {"shape": [None], "dtype": "int32"},
        },
        "layers": 5,
        "sentinels": ["skip: -1 in every feature"],
        "repeats": ["again"],
    }
    assert err.splitlines() == [
        "layer 'skip': steps with -1 in every feature go on being skipped, as in the fixed model; --sentinel_is_data "
        "makes them data",
        "layer 'again': repeats its vector as often as each record has steps",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["v.keras"]


def test_the_file_is_read_by_keras_alone(fixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, fixed, tmp_path / "v.keras")[0] == 0
    x = np.random.default_rng(1).normal(size=(3, 9, 4)).astype("float32")
    lengths = np.array([9, 1, 4], "int32")
    np.savez(tmp_path / "given.npz", x=x, lengths=lengths)
    command = [sys.executable, "-I", "-c", ALONE, "v.keras", "given.npz", "answers.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"
    here = np.asarray(trainer.convert(fixed)([x, lengths]))
    answers = np.load(tmp_path / "answers.npz")
    np.testing.assert_allclose(answers["called"], here, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(answers["predicted"], here, rtol=1e-6, atol=1e-6)


def test_an_output_that_exists(fixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "v.keras"
    output.write_text("mine")
    text = f"error: {output}: exists already; choose another name, or say --replace to write it again\n"
    assert run(capsys, fixed, output) == (2, "", text)
    assert output.read_text() == "mine"
    assert run(capsys, fixed, output, "--replace")[0] == 0
    assert keras.saving.load_model(output).name == "tutorial"


def test_wrong_names(fixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "model.h5"
    text = f"error: {other}: Keras writes models to files whose names end in .keras; choose another name\n"
    assert run(capsys, fixed, other) == (2, "", text)
    text = f"error: {fixed}: is the model that is read; choose another name\n"
    assert run(capsys, fixed, fixed, "--replace") == (2, "", text)
    text = f"error: {other}: no such file; give the .keras file of a model\n"
    assert run(capsys, other, tmp_path / "v.keras") == (1, "", text)
    other.write_bytes(b"x")
    text = f'error: {other}: is no .keras file; load it with Keras and save it again with model.save("x.keras")\n'
    assert run(capsys, other, tmp_path / "v.keras") == (1, "", text)
    nowhere = tmp_path / "none/v.keras"
    text = f"error: {nowhere}: cannot be written, for its folder is missing or read-only; choose another name\n"
    assert run(capsys, fixed, nowhere) == (2, "", text)


def test_layers_that_cannot_be_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.keras"
    keras.Sequential([keras.Input((8, 4)), layers.Flatten(name="flat"), layers.Dense(2)]).save(path)
    code, out, err = run(capsys, path, tmp_path / "v.keras")
    assert (code, out) == (1, "")
    assert err == (
        f"error: {path}: cannot be converted: Flatten 'flat' makes one vector of all steps, whose size is the fixed "
        "number of steps; put GlobalAveragePooling1D(), GlobalMaxPooling1D() or LSTM(units) in its place and train "
        "again\n"
    )
    assert not (tmp_path / "v.keras").exists()


def test_nothing_in_a_file_is_executed(fixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marker, path = tmp_path / "marker", tmp_path / "x.keras"
    shell = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}
    with zipfile.ZipFile(fixed) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][2]["config"] |= {"name": f"touch {marker}", "activation": shell}
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    code, out, err = run(capsys, path, tmp_path / "v.keras")
    assert (code, out) == (1, "")
    assert err == (
        f"error: {path}: layer 'touch {marker}' is built by os.function, which is neither Keras' nor this package's; "
        "write it with built-in layers, and save the model again\n"
    )
    assert not marker.exists()


def test_a_conversion_that_differs_is_not_written(
    fixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_padded_out", lambda *_: np.full((2, 12, 2), 7.0))
    code, out, err = run(capsys, fixed, tmp_path / "v.keras")
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {fixed}: the converted model differs by ")
    assert not (tmp_path / "v.keras").exists()


def test_a_model_that_does_not_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = keras.Input((6, 4))
    words = layers.Masking()(frames)
    path = tmp_path / "x.keras"
    keras.Model(frames, layers.Softmax(axis=1)(words)).save(path)  # Keras fails on the mask as soon as it is called
    code, out, err = run(capsys, path, tmp_path / "v.keras")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"error: {path}: cannot answer by itself (")
    assert not (tmp_path / "v.keras").exists()


def test_sentinels_as_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keras.utils.set_random_seed(4)
    model = keras.Sequential([keras.Input((6,), name="ids"), layers.Embedding(9, 4, mask_zero=True), layers.LSTM(3)])
    model.save(tmp_path / "x.keras")
    plain = keras.Sequential([keras.Input((6,)), layers.Embedding(9, 4), layers.LSTM(3)])
    plain.set_weights(model.get_weights())
    ids = np.array([[3, 0, 5, 0, 0, 1]])
    code, out, _ = run(capsys, tmp_path / "x.keras", tmp_path / "v.keras", "--sentinel_is_data")
    assert code == 0
    assert json.loads(out)["sentinels"] == []
    converted = keras.saving.load_model(tmp_path / "v.keras")
    np.testing.assert_allclose(converted([ids, np.array([6])]), plain(ids), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(converted([ids, np.array([4])]), plain(ids[:, :4]), rtol=1e-6, atol=1e-6)


def test_the_fixed_model_stays_as_it_is(fixed: Path) -> None:
    model = keras.saving.load_model(fixed)
    before = model.get_config(), [weight.copy() for weight in model.get_weights()]
    converted = trainer.convert(model)
    converted.set_weights([weight + 1 for weight in converted.get_weights()])
    assert model.get_config() == before[0]
    for weight, was in zip(model.get_weights(), before[1], strict=True):
        np.testing.assert_array_equal(weight, was)


def test_layers_with_names_of_operations(tmp_path: Path) -> None:
    frames = keras.Input((8, 4), name="sum")
    states = layers.LSTM(3, return_sequences=True, name="where")(frames)
    each = layers.Subtract(name="subtract")([states, layers.Dense(3, name="less")(frames)])
    model = keras.Model(
        frames, layers.GRU(2, name="take")(layers.Conv1D(3, 3, strides=2, padding="same", name="pad")(each))
    )
    names = {layer.name for layer in model.layers}
    trainer.convert(model).save(tmp_path / "v.keras")
    assert names <= {layer.name for layer in keras.saving.load_model(tmp_path / "v.keras").layers}
