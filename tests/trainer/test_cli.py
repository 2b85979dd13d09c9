"""The command line: results on standard output, one line for each failure, exit codes."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trainer.cli import main

ROOT = Path(__file__).parents[2]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trainer", *arguments],
        cwd=ROOT,
        env={**{k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def failure(capsys: Any, *arguments: object) -> tuple[int, str]:
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return code, line


def test_from_training_to_predictions(token_data: Path, tmp_path: Path) -> None:
    config, model = tmp_path / "trainer.yaml", tmp_path / "model"
    config.write_text("units: 4\nembedding_size: 4\n")
    done = run("train", "--data", str(token_data), "--output", str(model), "--config", str(config), "--set", "epochs=1")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["model"], summary["epochs"], summary["config"]["units"]) == (str(model), 1, 4)
    lines = done.stderr.splitlines()
    # The settings, the plan, the dry run, one epoch, the figures: no word of TensorFlow's.
    plan = next(i for i, line in enumerate(lines) if line.startswith("training on 136 examples in "))
    assert lines[0] == "padding: post"
    assert all(re.match(r"[a-z_]+: ", line) for line in lines[:plan])
    said = (
        "training on ",
        "dry run: the heaviest ",
        "dry run: done in ",
        "epoch 1 of at most 1: ",
        "model  ",
        "epochs  ",
    )
    for line, beginning in zip(lines[plan:], said, strict=False):
        assert line.startswith(beginning)
    raw, predictions = tmp_path / "raw.jsonl", tmp_path / "predictions.jsonl"
    raw.write_text('{"id": "a", "text": "good"}\n')
    done = run("predict", "--model", str(model), "--input", str(raw), "--output", str(predictions))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["predicted"] == 1
    assert json.loads(predictions.read_text())["id"] == "a"


def test_evaluate(token_data: Path, token_model: Path, capsys: Any) -> None:
    assert main(["evaluate", "--model", str(token_model), "--data", str(token_data)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert sorted(result["metrics"]) == ["accuracy", "auc", "f1", "loss", "macro_f1", "precision", "recall"]
    assert [bucket["examples"] for bucket in result["buckets"]] == [12, 9, 9]


def test_batches(token_data: Path, capsys: Any) -> None:
    assert main(["batches", "--data", str(token_data), "--set", "max_batch_size=20"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["batch_sizes"] == [8, 8, 8]
    assert (result["split"], result["examples"], result["steps"]) == ("train", 136, 136 // 8)
    assert 0.5 < result["padding_efficiency"] <= 1
    assert result["examples_per_second"] > 0


def test_rows_of_filler_are_no_examples(token_data: Path, capsys: Any) -> None:
    assert main(["batches", "--data", str(token_data), "--set", "static_shapes=true", "--set", "batch_sizes=50"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["steps"], result["examples"]) == (3, 136)  # 150 rows


def test_batches_of_given_sizes(token_data: Path, capsys: Any) -> None:
    command = ["batches", "--data", str(token_data), "--set"]
    assert main([*command, "batch_sizes=20,10,5"]) == 0
    assert json.loads(capsys.readouterr().out)["batch_sizes"] == [20, 10, 5]
    assert main([*command, "batch_sizes=7"]) == 0
    assert json.loads(capsys.readouterr().out)["batch_sizes"] == [7, 7, 7]
    assert failure(capsys, *command, "batch_sizes=20,10") == (
        2,
        "error: batch_sizes: 2 sizes for a data set of 3 buckets; give one size for all buckets, or one for each in "
        "rising order of length",
    )


def test_a_budget_smaller_than_one_example_is_said_once(token_data: Path, capsys: Any) -> None:
    assert main(["batches", "--data", str(token_data), "--set", "batch_padded_steps=8"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["batch_sizes"] == [2, 1, 1]
    assert captured.err == (
        "warning: batch_padded_steps: 8 is less than the longest example (11 steps), which makes a batch by itself; "
        "raise it to 11 or more, or cut long records in the spec (max_length)\n"
    )


FOREIGN = "features: {text: {type: tokens, length: text/length}}\nlabel: {type: class}\n"


def test_batches_of_tfrecords_of_others(token_data: Path, tmp_path: Path, capsys: Any) -> None:
    spec = tmp_path / "features.yaml"
    spec.write_text(FOREIGN + "boundaries: [3, 7]\n")
    arguments = ["--tfrecords", str(token_data / "train" / "*.tfrecord"), "--features", str(spec)]
    assert main(["batches", *arguments, "--set", "max_batch_size=20"]) == 0
    foreign = json.loads(capsys.readouterr().out)
    bucketed = "batching=bucket_by_sequence_length"
    assert main(["batches", "--data", str(token_data), "--set", "max_batch_size=20", "--set", bucketed]) == 0
    own = json.loads(capsys.readouterr().out)
    assert foreign.pop("split") is None
    assert foreign.keys() == own.keys() - {"split", "random_padding_efficiency"}
    assert {foreign[key] == own[key] for key in ("steps", "examples", "batch_sizes")} == {True}
    spec.write_text(FOREIGN + "boundaries: [3, 7]\nlongest: 11\n")  # nothing is measured, the number of steps unknown
    assert main(["batches", *arguments, "--set", "max_batch_size=20"]) == 0
    assert json.loads(capsys.readouterr().out)["examples"] == own["examples"]


def test_batches_of_one_thing_or_the_other(token_data: Path, tmp_path: Path, capsys: Any) -> None:
    spec, data = tmp_path / "features.yaml", ("--data", token_data)
    spec.write_text(FOREIGN)
    records = ("--tfrecords", token_data / "train" / "*.tfrecord")
    code, line = failure(capsys, "batches", *data, *records, "--features", spec)
    assert (code, "not allowed with argument" in line) == (2, True)
    code, line = failure(capsys, "batches", "--features", spec)
    assert (code, "one of the arguments --data --tfrecords is required" in line) == (2, True)
    assert failure(capsys, "batches", *data, "--features", spec) == (
        2,
        "error: --features: means nothing with --data, whose manifest says what its records hold; remove it",
    )
    assert failure(capsys, "batches", *records) == (
        2,
        "error: --features: is missing; --tfrecords needs the YAML file that says what the records hold",
    )
    assert failure(capsys, "batches", *records, "--features", spec, "--no_read") == (
        2,
        "error: --no_read: means nothing with --tfrecords, whose batches are not planned; leave it out",
    )
    assert failure(capsys, "batches", *records, "--features", spec, "--split", "test") == (
        2,
        "error: --split: means nothing with --tfrecords; give the files of one split",
    )
    assert failure(capsys, "batches", *records, "--features", spec, "--set", "static_shapes=true") == (
        2,
        "error: static_shapes: true means nothing with --tfrecords, whose batches are padded to their longest record; "
        "leave it off, or read the records with the pipeline",
    )


def test_tfrecords_that_do_not_fit_are_one_line(tmp_path: Path, capsys: Any) -> None:
    spec = tmp_path / "features.yaml"
    spec.write_text("features: {text: {type: token}}")
    assert failure(capsys, "batches", "--tfrecords", tmp_path / "*.tfrecord", "--features", spec) == (
        2,
        f"error: features {spec}: features.text.type: 'token' (str) is no valid value; did you mean 'tokens'?",
    )
    spec.write_text(FOREIGN)
    assert failure(capsys, "batches", "--tfrecords", tmp_path / "*.tfrecord", "--features", spec) == (
        1,
        f"error: {tmp_path}/*.tfrecord: matches no file; give the path or a pattern of TFRecord files",
    )


def test_help_and_wrong_usage_do_without_tensorflow(tmp_path: Path) -> None:
    code = (
        "import sys, trainer\nfrom trainer.cli import main\n"
        "for arguments in (['train', '--data', 'nowhere', '--output', 'm'], ['train', '--dat'], ['predict'],\n"
        "    ['batches', '--tfrecords', 'x', '--features', 'nowhere']):\n"
        "    assert main(arguments) in (1, 2)\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Train a masked LSTM" in done.stdout


def test_without_the_extra_there_is_one_line(token_data: Path, tmp_path: Path) -> None:
    (tmp_path / "keras.py").write_text("raise ModuleNotFoundError(\"No module named 'keras'\", name='keras')\n")
    done = run("batches", "--data", str(token_data), PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: keras is not installed; training and prediction need it: pip install 'lengthwise[trainer]'\n"
    )


def test_failures(token_data: Path, token_model: Path, tmp_path: Path, capsys: Any) -> None:
    new = tmp_path / "new"
    train = ("train", "--data", token_data, "--output", new)
    assert failure(capsys, *train, "--set", "epoch=3") == (
        2,
        "error: epoch: no such setting; did you mean 'epochs'?",
    )
    code, line = failure(capsys, "train", "--data", tmp_path / "no", "--output", new)
    assert (code, line.startswith(f"error: {tmp_path}/no: holds no data set (no manifest.json); ")) == (1, True)
    assert failure(capsys, "batches", "--data", token_data, "--split", "dev") == (
        1,
        "error: split 'dev': is not in this data set; valid: test, train, validation",
    )
    assert failure(capsys, "evaluate", "--model", new, "--data", token_data) == (
        1,
        f"error: {new}: no such model folder; `python -m trainer train` writes one",
    )
    assert failure(capsys, "predict", "--model", token_model, "--input", new, "--output", tmp_path / "out") == (
        2,
        f"error: --input {new}: matches no file; check the path, and quote a pattern for the shell",
    )
    assert failure(capsys, "train", "--data", token_data, "--output", token_model)[0] == 2
    assert not new.exists()


def test_wrong_usage_is_one_line(capsys: Any) -> None:
    assert failure(capsys, "train", "--data", "d") == (
        2,
        "error: the following arguments are required: --output; see python -m trainer train --help",
    )
    code, line = failure(capsys)
    assert (code, line) == (
        2,
        "error: the following arguments are required: COMMAND; see python -m trainer --help",
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_one_line(token_data: Path, capsys: Any, monkeypatch: Any, number: int) -> None:
    # A shell that starts the tests in the background has them ignore SIGINT.
    usual = {signal.SIGINT: signal.default_int_handler}.get(number, signal.SIG_DFL)
    before = signal.signal(number, usual)
    monkeypatch.setattr("trainer.cli.import_tensorflow", lambda: signal.raise_signal(number))
    try:
        assert failure(capsys, "batches", "--data", token_data) == (130, "error: interrupted; nothing was written")
        assert signal.getsignal(number) == usual
    finally:
        signal.signal(number, before)


def test_the_public_names() -> None:
    import trainer

    for name in trainer.__all__:
        assert getattr(trainer, name).__name__ == name
    with pytest.raises(AttributeError, match="module 'trainer' has no attribute 'tarin'"):
        _ = trainer.tarin


def test_outputs_that_must_not_be_written(token_data: Path, token_model: Path, tmp_path: Path, capsys: Any) -> None:
    raw = tmp_path / "raw.jsonl"
    raw.write_text('{"id": "a", "text": "good"}\n')
    predict = ("predict", "--model", token_model, "--input", raw, "--output")
    lost = "is the input; name another file, or the raw records would be lost"
    assert failure(capsys, *predict, raw) == (2, f"error: --output {raw}: {lost}")
    assert failure(capsys, *predict, tmp_path) == (2, f"error: --output '{tmp_path}': is a folder; name a file")
    assert failure(capsys, *predict, "") == (2, "error: --output '.': is a folder; name a file")
    missing = f"there is no folder {tmp_path}/no; make it, or name another file"
    assert failure(capsys, *predict, tmp_path / "no" / "out") == (2, f"error: --output {tmp_path}/no/out: {missing}")
    assert failure(capsys, *predict, "/dev/null") == (
        2,
        "error: --output /dev/null: is no regular file; name another one",
    )
    assert raw.read_text() == '{"id": "a", "text": "good"}\n'
    train = ("train", "--data", token_data, "--output", raw / "model")
    assert failure(capsys, *train) == (
        2,
        f"error: '{raw}/model': cannot be written: File exists; choose another --output",
    )


def test_another_backend_is_refused(token_data: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert failure(capsys, "batches", "--data", token_data) == (
        2,
        "error: KERAS_BACKEND=jax: the trainer works with tensorflow; unset the variable",
    )
