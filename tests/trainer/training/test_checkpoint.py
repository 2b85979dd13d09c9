"""Checkpoints: what is written is read, what is damaged is recognised."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.training.checkpoint import Checkpoint, is_checkpoint, list_checkpoints, read_newest, write_checkpoint


def checkpoint(number: int) -> Checkpoint:
    arrays = {"weights": [np.full((2, 3), number, np.float32), np.array(number)], "best-ones": [np.arange(number)]}
    return Checkpoint({"number": number, "loss": 0.1 + number, "name": "ä"}, arrays)


def assert_same(found: Checkpoint | None, expected: Checkpoint) -> None:
    assert found is not None
    assert found.facts == expected.facts
    assert found.arrays.keys() == expected.arrays.keys()
    for name, arrays in expected.arrays.items():
        for ours, theirs in zip(found.arrays[name], arrays, strict=True):
            assert ours.dtype == theirs.dtype
            assert ours.shape == theirs.shape
            assert ours.tobytes() == theirs.tobytes()


def test_the_newest_is_read_and_two_are_kept(tmp_path: Path) -> None:
    assert read_newest(tmp_path / "missing") == (None, [])
    for number in (1, 2, 3, 4):
        write_checkpoint(tmp_path, checkpoint(number))
        found, damaged = read_newest(tmp_path)
        assert_same(found, checkpoint(number))
        assert damaged == []
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name[:18] for name in names] == ["checkpoint-000003-", "checkpoint-000004-"]
    assert all(is_checkpoint(name) for name in names)
    assert is_checkpoint("checkpoint.part")
    assert not is_checkpoint("checkpoint-000003.npz")


@given(place=st.integers(0), torn=st.booleans())
def test_what_is_damaged_anywhere_is_passed_over(tmp_path_factory: Any, place: int, torn: bool) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    for number in (1, 2):
        write_checkpoint(folder, checkpoint(number))
    newest = list_checkpoints(folder)[-1]
    content = bytearray(newest.read_bytes())
    place %= len(content)
    content[place] ^= 0x10
    newest.write_bytes(content[:place] if torn else content)
    found, damaged = read_newest(folder)
    assert_same(found, checkpoint(1))
    assert damaged == [newest]
    path = write_checkpoint(folder, checkpoint(3))
    assert list_checkpoints(folder)[-1] == path
    assert_same(read_newest(folder)[0], checkpoint(3))


def test_a_disk_that_is_full_costs_nothing_of_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path, checkpoint(1))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(tmp_path, checkpoint(2))
    found, damaged = read_newest(tmp_path)
    assert_same(found, checkpoint(1))
    assert damaged == []


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        write_checkpoint(tmp_path, Checkpoint({}, {"weights": [np.array([object()])]}))
    assert list_checkpoints(tmp_path) == []
