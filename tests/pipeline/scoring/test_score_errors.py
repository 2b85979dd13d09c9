"""What `score` says of a model, an input or an output that cannot be used: one line, and nothing is left."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import cli
from tests.pipeline.helpers import tree, write_jsonl
from tests.pipeline.scoring.conftest import Models
from tests.trainer.properties.data_sets import records_of

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Returns exit code and last line of standard error of `score` for the file in.jsonl into the folder out."""
    write_jsonl(tmp_path / "in.jsonl", records_of("new", [3, 1, 2]))

    def command(model: str | Path, *more: str) -> tuple[int, str]:
        capsys.readouterr()
        given = ["--model", str(model), "--input", str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out")]
        code = cli.main(["score", *given, *more])
        return code, capsys.readouterr().err.splitlines()[-1]

    return command


def copied(export: str, folder: Path) -> Path:
    shutil.copytree(export, folder)
    return folder


def test_the_end_of_a_run(run: Run, classes: Models, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--model", classes.export, "--input", str(tmp_path / "in.jsonl"), "--output", str(tmp_path / "out")]
    (tmp_path / "in.jsonl").open("a").write("{}\n")
    assert cli.main(["score", *arguments]) == 0
    said = capsys.readouterr()
    result = json.loads(said.out)
    out = tmp_path / "out"
    [name] = [path.name for path in out.glob("predictions-*")]
    [rejected] = [path.name for path in (out / "rejected").iterdir()]
    assert result["counts"] == {"read": 4, "predicted": 3, "predictions": 3, "rejected": {"missing_field": 1}}
    assert result["files"] == [f"{out}/{name}"]
    assert result["rejected_files"] == [f"{out}/rejected/{rejected}"]
    lines = said.err.splitlines()
    assert lines[0].endswith(f" MB → {out}; runner: FnApiRunner, in_memory, 2 threads") or "1 worker(s)" in lines[0]
    assert lines[-3] == "4 records read: 3 predicted, 1 rejected (missing_field 1)"
    assert lines[-2] == f"rejected records: {out}/rejected/{rejected}"
    assert lines[-1].startswith(f"1 file(s), 3 predictions, 0.0 MB → {out}/predictions.json (")


def test_no_model(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path / "none") == (
        1,
        f"error: --model {tmp_path}/none: holds no model (saved_model.pb or model.keras); `python -m trainer train` "
        "writes one, and `python -m trainer export` exports it",
    )


def test_a_model_without_its_manifest(run: Run, classes: Models, tmp_path: Path) -> None:
    export = copied(classes.export, tmp_path / "export")
    (export / "assets.extra" / "manifest.json").unlink()
    assert run(export) == (
        1,
        f"error: {export}/assets.extra/manifest.json: is missing, so the model is not whole; export the model again",
    )


def test_a_model_of_another_format_version(run: Run, classes: Models, tmp_path: Path) -> None:
    export = copied(classes.export, tmp_path / "export")
    (export / "assets.extra" / "export.json").write_text('{"format_version": 7}')
    assert run(export) == (
        1,
        f"error: {export}/assets.extra/export.json: format_version is 7, and this version reads 1; "
        "export the model again",
    )


def test_a_model_with_another_vocabulary(run: Run, classes: Models, tmp_path: Path) -> None:
    export = copied(classes.export, tmp_path / "export")
    vocabulary = next(export.glob("assets.extra/vocabulary/text-*"))
    vocabulary.write_text("other\n")
    assert run(export) == (
        1,
        f"error: {vocabulary}: does not fit its digest in the manifest; export or train the model again",
    )


def test_a_damaged_saved_model(run: Run, classes: Models, tmp_path: Path) -> None:
    export = copied(classes.export, tmp_path / "export")
    (export / "saved_model.pb").write_bytes(b"no model")
    code, said = run(export)
    assert code == 1
    assert said.startswith(f"error: {export}: is no export that can be loaded: ")
    assert said.endswith("; export the model again")
    assert {path.split("/")[-1] for path in tree(tmp_path / "out")} == {"error.json"}


def test_a_model_that_changes_meanwhile(
    run: Run, classes: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.scoring.handler.export_digest", lambda folder: "other")
    assert run(classes.export) == (
        1,
        f"error: {classes.export}: has changed since the run began; run again when nobody writes to it",
    )


def test_a_worker_without_tensorflow(run: Run, classes: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    assert run(classes.export) == (
        2,
        "error: tensorflow is not installed on a worker; predictions need it there: pip install 'lengthwise[trainer]'",
    )


@pytest.mark.parametrize(
    ("code", "stderr", "said"),
    [
        (1, "loading\nerror: model.keras: is damaged; train again\n", "model.keras: is damaged; train again"),
        (2, "error: --records x: is empty\n", "--records x: is empty"),
        (1, "/bin/python: No module named trainer\n", "the package `trainer` is not installed here; pip install"),
        (-9, "", "it ended with code -9 and said nothing"),
    ],
)
def test_a_model_that_cannot_be_exported(
    code: int, stderr: str, said: str, run: Run, classes: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def fail(command: list[str], **_: Any) -> "subprocess.CompletedProcess[str]":
        asked.append(command)
        return subprocess.CompletedProcess(command, code, "", stderr)

    monkeypatch.setattr("pipeline.scoring.model.subprocess.run", fail)
    found = run(classes.trained)
    assert found[0] == (2 if code == 2 else 1)
    assert found[1].startswith(f"error: {classes.trained}: cannot be exported: {said}")
    [[_, *command]] = asked
    assert command[:5] == ["-m", "trainer", "export", "--model", classes.trained]
    assert command[-2:] == ["--records", str(tmp_path / "in.jsonl")]
    assert tree(tmp_path / "out") == set()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--output_format", "xml"], "--output_format xml: is no format of predictions; say jsonl or parquet"),
        (
            ["--format", "xml"],
            "--format xml: is none; choose one of jsonl, csv, tsv, lines, text_files, parquet, avro, "
            "tfrecord, tfrecord_sequence",
        ),
        (["--max_rejected", "x"], "--max_rejected x: is no limit; say a count such as 10, or a share such as 0.5%"),
        (["--input", "none-*"], "--input none-*: matches no file; check the path, and quote a pattern for the shell"),
        (["--output", ""], "--output: is empty; name the folder to write the predictions to"),
        (["--runnr", "x"], "--runnr: is no option of this command or of Beam; did you mean '--runner'?"),
    ],
)
def test_wrong_usage(more: list[str], said: str, run: Run, classes: Models) -> None:
    assert run(classes.export, *more) == (2, f"error: {said}")


def test_a_split_is_named(run: Run, classes: Models, tmp_path: Path) -> None:
    other = write_jsonl(tmp_path / "other.jsonl", [])
    assert run(classes.export, "--input", f"test={other}") == (
        2,
        "error: --input test=…: names a split, which predictions have none of; leave out 'test=' (a path that holds "
        "'=' begins with './')",
    )


def test_folders_that_hold_something_else(run: Run, classes: Models, tmp_path: Path) -> None:
    for name, what in (("manifest.json", "a data set or a model"), ("saved_model.pb", "an exported model")):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_text("{}")
        assert run(classes.export) == (
            2,
            f"error: {tmp_path}/out: holds {what} ({name}); name another folder for the predictions",
        )
        shutil.rmtree(tmp_path / "out")
    (tmp_path / "out").write_text("")
    assert run(classes.export) == (2, f"error: {tmp_path}/out: is a file; --output must name a folder")


def test_input_without_records(run: Run, classes: Models, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("\n \n")
    assert run(classes.export) == (
        1,
        "error: the input holds no records, only blank lines or headings; give files of one or more records",
    )
    (tmp_path / "in.jsonl").write_text("")
    assert run(classes.export) == (
        1,
        f"error: {tmp_path}/in.jsonl: is empty (0 bytes), as is all input; check what should write it",
    )


def test_predictions_are_replaced_when_this_is_said_and_kept_when_it_fails(
    run: Run, classes: Models, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run(classes.export)[0] == 0
    before = {path: (out / path).read_bytes() for path in tree(out)}
    said = f"error: {out}: holds predictions already; say --replace to replace them, or name another folder"
    assert run(classes.export) == (2, said)
    records = [*records_of("other", [2, 2]), {"id": "bad"}]
    write_jsonl(tmp_path / "in.jsonl", records)
    assert run(classes.export, "--replace", "--max_rejected", "0")[0] == 1
    assert {path: (out / path).read_bytes() for path in tree(out) if not path.startswith("failed")} == before
    assert run(classes.export, "--replace")[0] == 0
    result = json.loads((out / "predictions.json").read_text())
    named = {file["path"] for file in [*result["files"], *result["rejected_files"]]}
    assert {path for path in tree(out) if not path.startswith("failed")} == {"predictions.json", *named}
    assert not named & before.keys()
