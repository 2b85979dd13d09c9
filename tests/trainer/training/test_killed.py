"""A training that is killed and gone on with ends with the model, bit by bit, of one that nobody kills.

With dropout. `make soak` kills many more of them at random moments.
"""

import signal
from pathlib import Path

import pytest

from tests.trainer.training.killing import SETTINGS, checkpoints, run, weights, what_is_learnt, write_data, written
from trainer.batches.batching import BUCKETED, PLANNED
from trainer.config import load_config
from trainer.training.train import train

EVERY_STEP = "checkpoint_seconds=0.0001"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("killed") / "data")


def assert_as_if_undisturbed(data: Path, model: Path, method: str) -> None:
    whole = model.with_name("whole")
    train(data, whole, load_config(None, [*SETTINGS, f"batching={method}"]))
    assert weights(model) == weights(whole)
    assert what_is_learnt(model) == what_is_learnt(whole)
    assert not model.with_name("model.training").exists()


def test_killed_in_mid_epoch_then_told_to_stop_then_torn(data: Path, tmp_path: Path) -> None:
    model, folder, settings = tmp_path / "model", tmp_path / "model.training", [f"batching={PLANNED}", EVERY_STEP]
    assert run(data, model, settings, written(3))[0] == -signal.SIGKILL
    ended, said = run(data, model, settings, written(8), signal.SIGTERM)
    assert ended == 130
    (line,) = [line for line in said.splitlines() if "going on" in line]
    assert line.startswith(f"{folder}: going on in epoch 1 behind step ")
    assert line.endswith(", as if it had never stopped")
    last = said.splitlines()[-1]
    assert last.startswith("error: stopped in epoch ")
    assert last.endswith(f"; the same command goes on from there ({folder} holds the state)")
    newest = checkpoints(folder)[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    (folder / "checkpoint.part").write_bytes(b"torn")
    ended, said = run(data, model, settings)
    assert ended == 0
    assert f"warning: {newest}: is damaged; the one before it is used" in said.splitlines()
    assert_as_if_undisturbed(data, model, PLANNED)


def test_killed_between_two_checkpoints(data: Path, tmp_path: Path) -> None:
    """One at the end of each epoch only: what was done of the next one is done again."""
    model, settings = tmp_path / "model", [f"batching={BUCKETED}", "checkpoint_seconds=0"]
    looks = 0

    def due(folder: Path) -> bool:
        """Some looks after the first checkpoint, so some steps later."""
        nonlocal looks
        looks += bool(checkpoints(folder))
        return looks > 10

    assert run(data, model, settings, due)[0] == -signal.SIGKILL
    ended, said = run(data, model, [f"batching={BUCKETED}", EVERY_STEP], written(4), signal.SIGINT)
    assert ended == 130
    assert "model.training: going on in epoch 2 behind step 0 of " in said
    assert run(data, model, settings)[0] == 0
    assert_as_if_undisturbed(data, model, BUCKETED)
