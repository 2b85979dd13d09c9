"""The folder of a training: held by one process, refused where it is another's, never one of somebody's own."""

from pathlib import Path

import numpy as np
import pytest

from schemas.errors import DataError, UsageError
from trainer.training.checkpoint import Checkpoint
from trainer.training.folder import Origin, TrainingFolder, check_same

FACTS = {"data": "a" * 64, "settings": {"units": 8, "learning_rate": 0.1, "replicas": 1}}


def test_one_process_at_a_time(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "model")
    with pytest.raises(UsageError) as error:
        TrainingFolder(tmp_path / "model")
    path = tmp_path / "model.training"
    assert str(error.value) == f"{path}: another process trains there; wait for it, or choose another --output"
    folder.close()
    assert not path.exists()  # there was nothing to go on from
    TrainingFolder(tmp_path / "model").remove()
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_stays_until_it_is_to_be_fresh(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "model")
    folder.tensorboard.mkdir()
    folder.keep(Checkpoint({"epoch": 1}, {"weights": [np.ones(3)]}))
    folder.close()
    folder = TrainingFolder(tmp_path / "model")
    found, damaged = folder.newest()
    assert found is not None
    assert found.facts == {"epoch": 1}
    assert damaged == []
    folder.close()
    folder = TrainingFolder(tmp_path / "model", fresh=True)
    assert folder.newest() == (None, [])
    assert [path.name for path in folder.path.iterdir()] == ["lock"]
    folder.remove()


def test_a_folder_of_somebodys_own_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.training"
    path.mkdir()
    (path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(UsageError) as error:
        TrainingFolder(tmp_path / "model", fresh=True)
    assert str(error.value) == f"{path}: holds 'holiday.jpg', which is no part of a training; move it away"
    assert (path / "holiday.jpg").exists()


def test_a_checkpoint_that_cannot_be_written(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "model")
    (folder.path / "checkpoint.part").mkdir()
    with pytest.raises(DataError) as error:
        folder.keep(Checkpoint({}, {}))
    assert str(error.value) == (
        f"{folder.path}: a checkpoint cannot be written: Is a directory; make room, and the same command goes on from "
        "the one before"
    )
    (folder.path / "checkpoint.part").rmdir()
    folder.close()


def test_another_training_is_refused(tmp_path: Path) -> None:
    check_same(tmp_path, FACTS, {"units": 8, "learning_rate": 0.1, "replicas": 4}, Origin("a" * 64))
    with pytest.raises(UsageError) as error:
        check_same(tmp_path, FACTS, {"units": 9, "learning_rate": 0.2, "replicas": 1}, Origin("a" * 64))
    assert str(error.value) == (
        f"{tmp_path}: holds a training with other settings (units was 8, now 9, learning_rate was 0.1, now 0.2); go on "
        "with the same, or say --fresh to begin anew, which removes it"
    )
    with pytest.raises(UsageError) as error:
        check_same(tmp_path, FACTS, FACTS["settings"], Origin("b" * 64))  # type: ignore[arg-type]
    assert str(error.value) == (
        f"{tmp_path}: holds a training on another data set (fingerprint aaaaaaaaaaaa…, and this one has "
        "bbbbbbbbbbbb…); say --fresh to begin anew, which removes it"
    )


def refused(path: Path, before: Origin, now: Origin) -> str:
    facts = {"settings": {}, **before.to_plain()}
    check_same(path, facts, {}, before)
    with pytest.raises(UsageError) as error:
        check_same(path, facts, {}, now)
    return str(error.value)


def test_other_spans_are_another_training(tmp_path: Path) -> None:
    days = {f"2026-11-{day}": "f" for day in range(10, 22)}
    later = {**dict(list(days.items())[1:]), "2026-11-22": "f"}
    assert refused(tmp_path, Origin("a", {"x": "1", "y": "2"}), Origin("b", {"y": "2", "z": "3"})) == (
        f"{tmp_path}: holds a training on the spans x, y, and now these are y, z; name the same ones with --since and "
        "--until, or say --fresh to begin anew, which removes it"
    )
    assert "on the spans 2026-11-10 to 2026-11-21 (12 spans), and now these are 2026-11-11 to 2026-11-22 (12" in (
        refused(tmp_path, Origin("a", days), Origin("b", later))
    )
    assert refused(tmp_path, Origin("a", {"x": "1", "y": "2"}), Origin("b", {"x": "1", "y": "3"})) == (
        f"{tmp_path}: the span y was replaced since training began there; say --fresh to begin anew, which removes it"
    )
    assert "another data set (fingerprint a…, and this one has b…)" in refused(tmp_path, Origin("a"), Origin("b", days))


def test_another_beginning_is_another_training(tmp_path: Path) -> None:
    model = "0123456789abcdef"
    assert refused(tmp_path, Origin("a"), Origin("a", {}, model)) == (
        f"{tmp_path}: holds a training that began with random weights, and this one begins with the weights of the "
        "model 0123456789ab…; go on with the same --continue_from, or say --fresh to begin anew, which removes it"
    )
