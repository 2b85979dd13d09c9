"""A training that is killed and gone on with ends with the model, bit by bit, of one that nobody kills."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.training.killing import checkpoints, run, weights, what_is_learnt, write_data, written
from trainer.batches.batching import METHODS


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("killed") / "data")


@pytest.mark.parametrize("method", METHODS)
def test_killed_in_mid_epoch(data: Path, tmp_path: Path, method: str) -> None:
    """With dropout; each step has a checkpoint, so that the third stands in the first epoch."""
    settings = [f"batching={method}", "checkpoint_seconds=0.0001"]
    assert run(data, tmp_path / "whole", settings)[0] == 0
    assert not (tmp_path / "whole.training").exists()
    assert run(data, tmp_path / "model", settings, written(3))[0] == -signal.SIGKILL
    folder = tmp_path / "model.training"
    assert checkpoints(folder)
    ended, said = run(data, tmp_path / "model", settings)
    assert ended == 0
    (line,) = [line for line in said.splitlines() if "going on" in line]
    assert line.startswith(f"{folder}: going on in epoch 1 behind step ")
    assert line.endswith(", as if it had never stopped")
    assert weights(tmp_path / "model") == weights(tmp_path / "whole")
    assert what_is_learnt(tmp_path / "model") == what_is_learnt(tmp_path / "whole")
    assert not folder.exists()


def test_told_to_stop(data: Path, tmp_path: Path) -> None:
    """SIGTERM and SIGINT keep a checkpoint first; then one is torn, and the one before it is gone on from."""
    settings = ["checkpoint_seconds=0.0001"]
    assert run(data, tmp_path / "whole", settings)[0] == 0
    for number, signal_number in ((4, signal.SIGTERM), (8, signal.SIGINT)):
        ended, said = run(data, tmp_path / "model", settings, written(number), signal_number)
        assert ended == 130
        last = said.splitlines()[-1]
        assert last.startswith("error: stopped in epoch ")
        assert last.endswith(f"; the same command goes on from there ({tmp_path}/model.training holds the state)")
    newest = checkpoints(tmp_path / "model.training")[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    (newest.parent / "checkpoint.part").write_bytes(b"torn")
    ended, said = run(data, tmp_path / "model", settings)
    assert ended == 0
    assert f"warning: {newest}: is damaged; the one before it is used" in said.splitlines()
    assert weights(tmp_path / "model") == weights(tmp_path / "whole")
    assert what_is_learnt(tmp_path / "model") == what_is_learnt(tmp_path / "whole")


def test_killed_between_two_checkpoints(data: Path, tmp_path: Path) -> None:
    """One at the end of each epoch only: what was done of the next one is done again."""
    settings = ["checkpoint_seconds=0", "epochs=4"]
    seen: list[Any] = []

    def due(folder: Path) -> bool:
        """The second look after the first checkpoint: some steps later."""
        seen.extend(checkpoints(folder))
        return len(seen) > 10

    assert run(data, tmp_path / "whole", settings)[0] == 0
    assert run(data, tmp_path / "model", settings, due)[0] == -signal.SIGKILL
    ended, said = run(data, tmp_path / "model", settings)
    assert ended == 0
    assert "model.training: going on in epoch 2 behind step 0 of " in said
    assert weights(tmp_path / "model") == weights(tmp_path / "whole")
    assert what_is_learnt(tmp_path / "model") == what_is_learnt(tmp_path / "whole")
