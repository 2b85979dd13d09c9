"""The nightly recipe over three days of small data: each night goes on from the model before, one is killed."""

import contextlib
import io
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import pipeline.cli
import trainer.cli
from examples.scheduled import nightly
from schemas.manifest import load_manifest

ROOT = Path(__file__).resolve().parents[2]
DAYS = ["2026-11-18", "2026-11-19", "2026-11-20"]
SPEC = """
name: small
id: id
sequences: {text: {type: tokens, tokenizer: whitespace}}
label: {type: class}
"""


def in_this_process(words: Sequence[str]) -> tuple[int, str]:
    """As `nightly.run_command`, without importing TensorFlow each time."""
    command = {"pipeline": pipeline.cli.main, "trainer": trainer.cli.main}[words[0]]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = command(words[1:])
    return code, out.getvalue()


class Nights:
    """Raw records of three days, and the recipe."""

    def __init__(self, folder: Path) -> None:
        self.models = folder / "models"
        self.data = folder / "data"
        self.spec = folder / "spec.yaml"
        self.raw = folder / "raw"
        self.spec.write_text(SPEC)
        self.raw.mkdir()
        for seed, day in enumerate(DAYS):
            records = _records(day, random.Random(seed))
            (self.raw / f"{day}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))

    def arguments(self, day: str, *more: str) -> list[str]:
        data = ["--spec", str(self.spec), "--input", str(self.raw / "{date}.jsonl"), "--root", str(self.data)]
        settings = ["--set", "epochs=1", "--set", "units=2", "--set", "dry_run=false", "--tolerance", "9"]
        return ["--date", day, *data, "--models", str(self.models), "--last", "2", "--keep", "1", *settings, *more]

    def do(self, capsys: pytest.CaptureFixture[str], day: str, *more: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = nightly.main(self.arguments(day, *more))
        told = json.loads(capsys.readouterr().out)
        assert (told["date"], told["exit_code"]) == (day, code if code != 99 else 0)
        return code, told["steps"]


def _records(day: str, drawn: random.Random) -> list[dict[str, Any]]:
    words = {"x": "abc", "y": "cde" if day != DAYS[-1] else "cdefgh"}
    labels = [drawn.choice("xy") for _ in range(60)]
    return [
        {"id": f"{day}-{i}", "text": " ".join(drawn.choices(words[label], k=drawn.randint(1, 9))), "label": label}
        for i, label in enumerate(labels)
    ]


def all_but(*names: str) -> list[str]:
    return [word for name in nightly.STEPS if name not in names for word in ("--step", name)]


def killed_while_training(nights: Nights, day: str) -> None:
    command = [sys.executable, "examples/scheduled/nightly.py", *nights.arguments(day, *all_but("export"))]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line == f"{day}: train\n":
            break
    process.send_signal(signal.SIGKILL)
    process.stderr.close()  # what it ran dies of this at the latest when it says something
    process.wait()


def test_three_nights(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    nights = Nights(tmp_path)
    monkeypatch.setattr(nightly, "run_command", in_this_process)
    monkeypatch.setattr(nightly, "WAIT_SECONDS", 0.2)
    first, second, third = DAYS

    code, steps = nights.do(capsys, first, *all_but("export"))
    assert code == 0
    assert [steps[name]["status"] for name in steps] == ["done"] * 5
    assert (steps["train"]["continued_from"], steps["judge"]["loss"]["current"]) == (None, None)
    assert (nights.models / "current").readlink() == Path(first)

    killed_while_training(nights, second)
    assert (nights.models / "current").readlink() == Path(first)
    code, steps = nights.do(capsys, second)
    assert code == 0
    assert steps["span"]["span"]["status"] == "unchanged"
    assert steps["judge"]["loss"]["current"] > 0
    assert (nights.models / "current").resolve() == nights.models / second
    assert (nights.models / "exports" / "current" / "saved_model.pb").is_file()
    assert steps["prune"]["removed"] == []  # the next night trains on two

    # The same night again: everything is there.
    code, steps = nights.do(capsys, second)
    assert code == 0
    assert [steps[name]["status"] for name in ("train", "judge")] == ["there already"] * 2

    # A new model that is worse is not promoted, and what follows from it is left out.
    grow = ("--extend_vocabulary", "9")
    assert nights.do(capsys, third, *grow, "--step", "span", "--step", "train")[0] == 0
    new, current = (load_manifest(nights.models / day).vocabularies["text"].size for day in (third, second))
    assert new == current + 3  # and yet the current model can be judged
    code, steps = nights.do(capsys, third, "--step", "judge", "--tolerance", "-9")
    assert (code, steps["judge"]["promote"]) == (0, False)
    code, steps = nights.do(capsys, third, "--step", "promote", "--step", "export", "--skip_code", "99")
    assert (code, [step["status"] for step in steps.values()]) == (99, ["left out"] * 2)
    assert (nights.models / "current").readlink() == Path(second)
    trained = json.loads((nights.models / third / "training.json").read_text())
    assert str(nights.models / second) in json.dumps(trained)
    assert load_manifest(nights.models / third).counts.kept == 120


@pytest.fixture
def nights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nights:
    monkeypatch.setattr(nightly, "WAIT_SECONDS", 0.01)
    return Nights(tmp_path)


@pytest.mark.parametrize(("code", "tries"), [(1, 1), (2, 1), (75, 3)])
def test_exit_codes_are_passed_on_and_a_held_lock_is_tried_again(
    nights: Nights, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, code: int, tries: int
) -> None:
    seen: list[list[str]] = []
    clock = iter([0.0, 0.0, 1.0, 2.0])

    def run(words: Sequence[str]) -> tuple[int, str]:
        seen.append([*words])
        return code, ""

    monkeypatch.setattr(nightly, "run_command", run)
    monkeypatch.setattr(nightly.time, "monotonic", lambda: next(clock))
    assert nights.do(capsys, DAYS[0], "--patience", "2") == (code, {"span": {"status": "failed"}})
    assert len(seen) == tries
    assert seen[0][:4] == ["pipeline", "run", "--span", DAYS[0]]


def test_two_nights_do_not_work_on_the_same_models(nights: Nights, capsys: pytest.CaptureFixture[str]) -> None:
    with nightly._alone(nights.models):
        assert nights.do(capsys, DAYS[0]) == (75, {})


def test_a_signal_ends_the_command_that_runs(nights: Nights, tmp_path: Path) -> None:
    command = [sys.executable, "examples/scheduled/nightly.py", *nights.arguments(DAYS[0], "--step", "span")]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline() == f"{DAYS[0]}: span\n"
    time.sleep(0.2)
    process.terminate()
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out) == {"date": DAYS[0], "exit_code": 130, "steps": {"span": {"status": "failed"}}}
    assert not (nights.data / "spans" / DAYS[0] / "manifest.json").exists()
