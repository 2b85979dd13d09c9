"""A run that is killed in mid-epoch and gone on with goes through the batches of one that nobody kills."""

import signal
from pathlib import Path

from tests.trainer.batches.resuming import EPOCHS, POSITION, kept_batches, run, undisturbed, write_data
from trainer import Position


def test_a_killed_run_goes_on_with_the_same_batches(tmp_path: Path) -> None:
    """Killed in the second epoch, `make soak` does so at random steps, many times and with both methods."""
    folder, kept = write_data(tmp_path / "data"), tmp_path / "kept"
    kept.mkdir()
    expected = undisturbed(folder, "planned")
    steps = len(expected) // EPOCHS
    assert run(folder, kept, "planned", steps + steps // 3) == -signal.SIGKILL
    before = kept_batches(kept)
    assert steps < len(before) < 2 * steps
    text = (kept / POSITION).read_text()
    position = Position.from_json(text)
    assert len(text) < 1024
    assert position.epoch == 1
    assert len(before) - 1 <= steps + position.step <= len(before)
    assert run(folder, kept, "planned") == 0
    assert kept_batches(kept) == expected
    last = Position.from_json((kept / POSITION).read_text())
    assert (last.epoch, last.step) == (EPOCHS - 1, steps)
