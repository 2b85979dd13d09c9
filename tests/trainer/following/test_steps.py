"""Steps over spans whose vocabularies have grown, in one process."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import DataError
from schemas.manifest import load_manifest
from tests.trainer.conftest import BOUNDS, SMALL, TOKEN_SPEC, token_records
from tests.trainer.dataset_builder import build_span
from trainer.config import TrainerConfig, to_plain
from trainer.evaluate import evaluate
from trainer.following.child import Outcome
from trainer.following.follower import Follower, Settings, World
from trainer.following.look import Look
from trainer.following.models import Models
from trainer.following.plan import Policy, Step
from trainer.following.request import Request
from trainer.following.step_process import run_step
from trainer.saved import load_saved

FIRST, GROWN, OLD = "2026-11-20", "2026-11-22", "2026-11-21"
CONFIG = TrainerConfig(**SMALL, epochs=1, learning_rate=0.02, batch_padded_steps=64, dry_run=False, tensorboard=False)


class Here:
    """Runs steps in this process."""

    def check_idle(self) -> None:
        pass

    def run(self, request: Request) -> Outcome:
        run_step(Request.from_json(request.to_json()))
        return Outcome(0)


def follow(root: Path, models: Path) -> list[str]:
    """Trains on what is there; returns what was told."""
    lines: list[str] = []
    folder = Models(models)
    world = World(Look(root).spans, lambda *_: None, folder, Here(), lambda _: None, lambda: False, lines.append)
    with folder.held():
        Follower(world, Settings(str(root), to_plain(CONFIG), Policy(), 1.0, once=True)).run()
    return lines


def publish(root: Path, name: str, new: str = "", **options: Any) -> None:
    records = token_records(name, [3, 5, 2, 8] * 6)
    for record in records[::5] if new else ():
        record.update(text=f"{record['text']} {new}", mood="grim")
    build_span(root, name, TOKEN_SPEC, {"train": records}, bounds=None if "base" in options else BOUNDS, **options)


def test_a_stream_whose_vocabulary_grows(tmp_path: Path) -> None:
    root, models = tmp_path / "root", tmp_path / "models"
    publish(root, FIRST)
    follow(root, models)
    publish(root, GROWN, "new words", base=FIRST, extends=True)
    lines = follow(root, models)
    assert lines[-1].startswith(f"step 2: 1 span(s) ({GROWN}), 24 new examples, ")
    publish(root, OLD, base=FIRST)  # knows less than the model
    follow(root, models)
    records = [json.loads(line) for line in (models / "steps.jsonl").read_text().splitlines()]
    assert [list(record["spans"]) for record in records] == [[FIRST], [GROWN], [OLD]]
    newest = load_saved(models / "latest")
    assert newest.folder == models / f"000003-{OLD}"
    grown = load_manifest(root / "spans" / GROWN)
    assert len(newest.classes) == grown.classes.size == 3
    assert newest.manifest.vocabularies["text"].path == grown.vocabularies["text"].path
    assert [part.name for part in newest.manifest.parts] == [OLD]
    # What was measured before a step is what the model before it says, and after it what its own model says.
    for when, model in (("before", "000002-2026-11-22"), ("after", "latest")):
        metrics = evaluate(models / model, root / "spans" / OLD, "train")["metrics"]
        assert records[2][when]["train"]["loss"] == pytest.approx(metrics["loss"], rel=1e-5)


def test_a_span_that_was_replaced_since_the_step_was_planned(tmp_path: Path) -> None:
    root = tmp_path / "root"
    publish(root, FIRST)
    request = Request(str(root), Step(1, {FIRST: "other"}), str(tmp_path / "model"), to_plain(CONFIG))
    with pytest.raises(DataError) as error:
        run_step(request)
    assert str(error.value) == f"{root}: the span '{FIRST}' was replaced since the step was planned; start again"
    assert not (tmp_path / "model").exists()


def test_a_span_with_nothing_to_measure(tmp_path: Path, capsys: Any) -> None:
    spec = TOKEN_SPEC.replace("label: {from: mood, type: class}", "label: {of: text, type: next_step}")
    records = {"train": token_records("a", [3, 5, 4]), "validation": token_records("b", [1, 1])}
    build_span(tmp_path / "root", FIRST, spec, records, bounds=BOUNDS)
    follow(tmp_path / "root", tmp_path / "models")
    said = capsys.readouterr().err
    assert "warning: no example of split 'validation' has a label that the training split has, too" in said
    (line,) = (tmp_path / "models" / "steps.jsonl").read_text().splitlines()
    after = json.loads(line)["after"]
    assert after["train"]["loss"] > 0
    assert "split 'validation' has no step with a label" in after["validation"]["error"]
