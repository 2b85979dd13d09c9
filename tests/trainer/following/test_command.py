"""The command itself: spans that come while it runs, a kill, a stop, another start; and what is refused at once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.manifest import MANIFEST_NAME, dump_manifest, load_manifest, seal
from tests.trainer.conftest import BOUNDS, TOKEN_SPEC, token_records
from tests.trainer.dataset_builder import build_span
from trainer.cli import main

ROOT = Path(__file__).resolve().parents[3]
MOST_SECONDS = 300.0  # on a busy machine
DAYS = ("2026-11-20", "2026-11-21", "2026-11-22")
LATE = "2026-11-20-late"
SMALL = ("embedding_size=4", "units=4", "min_epoch_steps=2", "dry_run=false", "tensorboard=false")


def publish(root: Path, name: str, lengths: list[int]) -> None:
    """A span appears at once, as those of the pipeline do."""
    records = {split: token_records(f"{split}-{name}", lengths) for split in ("train", "validation")}
    base = "" if name == DAYS[0] else DAYS[0]
    build_span(root, name, TOKEN_SPEC, records, base=base, bounds=None if base else BOUNDS)


def replace(root: Path, name: str) -> None:
    span = root / "spans" / name
    manifest = load_manifest(span)
    manifest.counts.read += 1
    (span / "new").write_bytes(dump_manifest(seal(manifest)))
    (span / "new").replace(span / MANIFEST_NAME)


def arguments(root: Path, models: Path, *more: str) -> list[str]:
    settings = [part for setting in SMALL for part in ("--set", setting)]
    return ["train", "--data", str(root), "--follow", "--output", str(models), "--poll", "0.1", *settings, *more]


def start(root: Path, models: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "trainer", *arguments(root, models, *more)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=root.parent, env=environment)


def wait_for(process: subprocess.Popen[str], happened: Callable[[], Any]) -> None:
    limit = time.monotonic() + MOST_SECONDS
    while not happened():
        assert time.monotonic() < limit
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def log(models: Path) -> list[dict[str, Any]]:
    path = models / "steps.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def begun(models: Path) -> int:
    """The number of the step at hand."""
    try:
        return int(json.loads((models / ".follow/step.json").read_text())["step"])
    except FileNotFoundError:
        return 0


def test_a_stream_with_a_kill_a_stop_and_another_start(tmp_path: Path) -> None:
    root, models = tmp_path / "root", tmp_path / "models"
    first = start(root, models)  # before there is any span
    wait_for(first, lambda: (models / ".follow").is_dir())
    publish(root, DAYS[0], [3, 5, 8, 2] * 4)
    wait_for(first, lambda: len(log(models)) == 1)
    publish(root, DAYS[1], [2, 4, 6, 9] * 4)
    wait_for(first, lambda: begun(models) == 2)
    assert main(arguments(root, models)) == 75  # two of them
    first.kill()
    assert f"{root}: no span is published there yet; waiting, a look every 0.1 s" in first.communicate()[1]
    # Its step goes on without it.
    second = start(root, models, "--keep_models", "2")
    wait_for(second, lambda: len(log(models)) == 2)
    replace(root, DAYS[1])
    publish(root, LATE, [4, 4, 7])
    wait_for(second, lambda: begun(models) == 3)
    second.send_signal(signal.SIGTERM)
    out, said = second.communicate(timeout=MOST_SECONDS)
    assert second.returncode == 0
    assert json.loads(out)["all_steps"] == 2
    assert "step.lock: the step of a follower that was killed still goes on; waiting for it" in said
    assert f"not trained on again: {DAYS[1]} (--train_replaced does)" in said
    assert said.splitlines()[-1] == "step 3: stopped; the same command goes on with it"
    publish(root, DAYS[2], [3, 3, 3])
    last = start(root, models, "--keep_models", "2", "--once", "--mix_last", "1")
    out, said = last.communicate(timeout=MOST_SECONDS)
    assert last.returncode == 0, said
    assert f"step 3 ({LATE}): goes on where it was stopped" in said
    result = json.loads(out)
    assert (result["steps"], result["spans"], result["model"]) == (2, 2, f"{models}/latest")
    _check_lineage(models)


def _check_lineage(models: Path) -> None:
    records = log(models)
    assert [list(record["spans"]) for record in records] == [[DAYS[0]], [DAYS[1]], [LATE], [DAYS[2]]]
    assert len(records[3]["mixed"]) == 1
    assert {path.name for path in models.iterdir()} == {
        ".follow",
        "latest",
        "steps.jsonl",
        f"000003-{LATE}",
        f"000004-{DAYS[2]}",
    }
    newest = models / "latest"
    assert {part.name for part in load_manifest(newest).parts} == {DAYS[2], *records[3]["mixed"]}
    training = json.loads((newest / "training.json").read_text())
    assert training["follow"] == records[3]
    assert training["continued_from"]["model"] == str(models / f"000003-{LATE}")
    assert (training["epochs"], training["model"]) == (1, str(models / f"000004-{DAYS[2]}"))
    assert records[0]["before"] is None
    assert records[3]["examples"] == {"train": 3, "validation": 3}
    for record in records[1:]:
        for when in ("before", "after"):
            assert all(record[when][split]["loss"] > 0 for split in ("train", "validation"))


def refused(capsys: Any, *typed: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main([*typed])
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    return code, line.removeprefix("error: ")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            ["--last", "3"],
            "--last 3: means nothing with --follow, which trains on all spans to come; leave it out, or say "
            "--since DATE to leave out the ones before",
        ),
        (
            ["--until", "2026-11-20"],
            "--until 2026-11-20: means nothing with --follow, which trains on all spans to come; leave it out, or say "
            "--since DATE to leave out the ones before",
        ),
        (
            ["--since", "noon"],
            "--since 'noon': is no date; write a day such as 2026-11-20, or an hour such as 2026-11-20T05",
        ),
        (["--replace"], "--replace: means nothing with --follow, which writes a model for each step; leave it out"),
        (["--set", "epochs=3"], "--set epochs: --step_epochs N says it for each step of --follow; use that"),
        (["--keep_models", "0"], "--keep_models 0: must be 1 or more"),
        (["--poll", "0"], "--poll 0: is no number of seconds; say more than 0"),
    ],
)
def test_options_that_mean_nothing_with_it(more: list[str], said: str, tmp_path: Path, capsys: Any) -> None:
    assert refused(capsys, *arguments(tmp_path / "root", tmp_path / "models", *more)) == (2, said)
    assert not (tmp_path / "models").exists()


def test_options_that_mean_nothing_without_it(tmp_path: Path, capsys: Any) -> None:
    typed = ["train", "--data", str(tmp_path), "--output", str(tmp_path / "model"), "--mix_last", "0"]
    said = "--mix_last: means something with --follow only; add it, or leave this out"
    assert refused(capsys, *typed) == (2, said)


def test_folders_that_cannot_be_meant(token_data: Path, token_model: Path, tmp_path: Path, capsys: Any) -> None:
    models, root = tmp_path / "models", tmp_path / "root"
    assert refused(capsys, *arguments(token_data, models)) == (
        2,
        f"--data {token_data}: is one data set and --follow trains on spans as they are published; leave --follow out, "
        "or name the folder that holds spans/",
    )
    assert refused(capsys, *arguments(root, token_model)) == (
        2,
        f"{token_model}: holds 'model.keras', so it is no folder of models, one a step; choose another --output",
    )
    inside = root / "spans" / "models"
    assert refused(capsys, *arguments(root, inside)) == (
        2,
        f"--output {inside}: lies among the spans of --data; choose another folder",
    )
    publish(root, DAYS[0], [3, 5])
    assert refused(capsys, *arguments(root / "spans", models)) == (
        2,
        f"--data {root}/spans: holds the spans themselves; name the folder above it, {root}",
    )
    no_model = ["--continue_from", str(tmp_path / "none")]
    said = f"{tmp_path}/none: no such model folder; `python -m trainer train` writes one"
    assert refused(capsys, *arguments(root, models, *no_model)) == (1, said)
