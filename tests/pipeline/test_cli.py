import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.commands.common import parse_limit
from pipeline.vocabulary.summary import describe_vocabularies
from schemas.errors import UsageError
from schemas.manifest import load_manifest, named_files
from tests.pipeline.helpers import REVIEW_SPEC, review_records, write_jsonl

ROOT = Path(__file__).resolve().parents[2]


class Files:
    """A spec and an input to run on."""

    def __init__(self, folder: Path, *bad: bytes) -> None:
        self.folder = folder
        self.output = folder / "data"
        self.spec = folder / "spec.yaml"
        self.spec.write_text(REVIEW_SPEC)
        self.source = write_jsonl(folder / "in.jsonl", [*review_records(40), *bad])

    def run(self, *more: str, spec: str = "", source: str = "") -> list[str]:
        return [
            "run",
            "--spec",
            spec or str(self.spec),
            "--input",
            source or self.source,
            "--output",
            str(self.output),
            *more,
        ]


@pytest.fixture
def given(tmp_path: Path) -> Files:
    return Files(tmp_path)


def say(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[int, str, list[str]]:
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err.splitlines()


def test_a_run_ends_with_one_json_document(given: Files, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = say(capsys, given.run())
    manifest = load_manifest(given.output)
    result = json.loads(out)
    assert code == 0
    assert result["padding_efficiency"].keys() == {"bucketed", "random_batches", "longest"}
    del result["padding_efficiency"]
    assert result.pop("vocabularies") == describe_vocabularies(manifest)
    assert result.pop("seconds") > 0
    written = sum((given.output / path).stat().st_size for path in ["manifest.json", *named_files(manifest)])
    assert result == {
        "status": "published",
        "run": json.loads((given.output / "run.json").read_text())["run"],
        "bytes": {"input": Path(given.source).stat().st_size, "written": written},
        "output": str(given.output),
        "fingerprint": manifest.fingerprint,
        "data_fingerprint": manifest.data_fingerprint,
        "counts": {"read": 40, "kept": 40, "examples": 40, "rejected": {}, "dropped": {}},
        "splits": {name: entry.records for name, entry in manifest.statistics.items()},
        "buckets": 3,
        "shards": len(manifest.shards),
        "report": str(given.output / "report.html"),
    }
    assert err[0].startswith("1 file(s), 0.0 MB → ")
    [shards] = [line for line in err if line.startswith(f"{len(manifest.shards)} shards, 0.0 MB → ")]
    assert f" → {given.output}/manifest.json (" in shards
    assert err[-1] == f"report: {given.output}/report.html"
    assert len(err) <= 15
    assert (given.output / "spec.yaml").read_text() == REVIEW_SPEC


def test_several_inputs(given: Files, capsys: pytest.CaptureFixture[str]) -> None:
    other = write_jsonl(given.folder / "other.jsonl", [{"id": "x", "text": "a", "stars": 1}])
    code, out, _ = say(capsys, given.run("--input", f"extra={other}"))
    assert code == 0
    assert json.loads(out)["splits"]["extra"] == 1


def test_rejected_records_are_told_and_exit_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = Files(tmp_path, b"oops", b"[]")
    code, out, err = say(capsys, given.run("--max_rejected", "1"))
    assert (code, out) == (1, "")
    first = f"{given.source}, line 41 (byte "
    assert [line for line in err if line.startswith("error: ")] == err[-1:]
    assert err[-1].startswith("error: 2 of 42 records rejected (")
    assert f"; first: {first}" in err[-1]
    assert err[1].startswith(f"{given.source}, line 42 (byte ")
    assert len(err) == 3  # what it does, the second offender, the error with the first
    assert say(capsys, given.run("--max_rejected", "2"))[0] == 0


def test_a_crash_of_a_worker_is_one_line(
    given: Files, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.stage.validate", lambda *_: 1 / 0)
    code, out, err = say(capsys, given.run())
    assert (code, out) == (1, "")
    assert len(err) == 2
    assert err[1].startswith("error: the run failed: ")
    assert "division by zero" in err[1]


def test_an_interrupt(given: Files, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.run.execute", interrupt)
    code, out, err = say(capsys, given.run())
    assert (code, out) == (130, "")
    assert err[-1] == "error: interrupted"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["run"], "python -m pipeline run: the following arguments are required: --spec, --input, --output; "),
        ([], "python -m pipeline: the following arguments are required: COMMAND; see python -m pipeline --help"),
        (["rn"], "python -m pipeline: argument COMMAND: invalid choice: 'rn'"),
        (["verify", "a", "b"], "b: is no option of `verify`; see --help"),
        (["verify", "a", "--deep"], "--deep: is no option of `verify`; see --help"),
        (["infer"], "python -m pipeline infer: the following arguments are required: INPUT; "),
        (["infer", "none.jsonl"], "--input none.jsonl: matches no file; "),
    ],
)
def test_wrong_usage_is_one_line_and_exits_with_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], error: str
) -> None:
    code, out, err = say(capsys, arguments)
    assert (code, out) == (2, "")
    assert len(err) == 1
    assert err[0].startswith(f"error: {error}")


def test_refusals_of_run(given: Files, capsys: pytest.CaptureFixture[str]) -> None:
    bad = given.folder / "bad.yaml"
    bad.write_text("sequences: {text: {typ: tokens}}")
    missing = given.folder / "none.yaml"
    taken = given.folder / "taken"
    write_jsonl(taken / "manifest.json", [])
    cases = {
        f"error: spec {missing}: no such file; `python -m pipeline infer INPUT` proposes one": given.run(
            spec=str(missing)
        ),
        f"error: spec {bad}: sequences.text.typ: no such field; did you mean 'type'?": given.run(spec=str(bad)),
        "error: --replase: is no option of this command or of Beam; did you mean '--replace'?": given.run("--replase"),
        "error: --max_rejected 2x: is no limit; say a count such as 10, or a share such as 0.5%": given.run(
            "--max_rejected", "2x"
        ),
        f"error: {taken}: holds a data set already; say --replace to replace it, or name another folder": given.run(
            "--output", str(taken)
        ),
        "error: argument --runner: expected one argument; correct the option, which Beam documents": given.run(
            "--runner"
        ),
    }
    for error, arguments in cases.items():
        assert say(capsys, arguments) == (2, "", [error])
    assert not given.output.exists()


def test_empty_input_is_an_error_of_the_data(given: Files, capsys: pytest.CaptureFixture[str]) -> None:
    empty = write_jsonl(given.folder / "empty.jsonl", [])
    code, out, err = say(capsys, given.run(source=empty))
    assert (code, out) == (1, "")
    assert err == [f"error: {empty}: is empty (0 bytes), as is all input; check what should write it"]


def test_infer_proposes_a_spec_that_runs(given: Files, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = say(capsys, ["infer", given.source])
    assert code == 0
    assert err[0] == "looked at 40 records of 1 file(s)"
    spec = given.folder / "proposed.yaml"
    spec.write_text(out)
    assert say(capsys, given.run(spec=str(spec)))[0] == 0


@pytest.mark.parametrize(
    ("text", "limit"),
    [("0", 0), ("10", 10), ("0%", 0.0), ("0.5%", 0.005), ("0.7%", 0.007), ("100%", 1.0), ("29%", 0.29)],
)
def test_a_limit(text: str, limit: int | float) -> None:
    assert parse_limit(text) == limit
    assert type(parse_limit(text)) is type(limit)


@pytest.mark.parametrize("text", ["", "%", "-1", "-1%", "100.1%", "0.5", "x", "nan%", "inf%", "1e3", "5 percent"])
def test_no_limit(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_limit(text)
    assert str(caught.value) == (f"--max_rejected {text}: is no limit; say a count such as 10, or a share such as 0.5%")


def as_command(*arguments: str) -> Any:
    command = [sys.executable, "-m", "pipeline", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_as_a_command(given: Files) -> None:
    result = as_command(*given.run())
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["counts"]["kept"] == 40
    assert result.stderr.splitlines()[0].startswith("1 file(s), ")


def test_as_a_command_on_bad_data(tmp_path: Path) -> None:
    given = Files(tmp_path, b"oops")
    result = as_command(*given.run())
    assert (result.returncode, result.stdout) == (1, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("error: 1 of 41 records rejected (invalid_json 1)")
    assert f"; first: {given.source}, line 41 (byte " in lines[1]


def test_as_a_command_with_wrong_usage() -> None:
    result = as_command("run", "--spek", "a")
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1


def test_help_does_not_wait_for_beam() -> None:
    code = "import sys; from pipeline.cli import main; main(['verify', 'a', 'b']); print('apache_beam' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert result.stdout == "False\n"
    assert as_command("run", "--help").stdout.startswith("usage: python -m pipeline run ")
