"""What is learnt from planned and from random batches: runs that are kept, differences over seeds."""

import math
import sys
from pathlib import Path
from typing import Any

import learning
import pytest

from tests.trainer.dataset_builder import build_dataset

SPEC = "id: id\nsequences: {text: {type: tokens}}\nlabel: {type: class}"


def _run(*losses: float) -> dict[str, Any]:
    history = [{"loss": loss, "accuracy": 1 - loss} for loss in losses]
    return {"steps_per_epoch": 3, "history": history}


def test_the_best_epoch_counts_and_seeds_are_paired() -> None:
    runs = {learning.PLANNED: [_run(0.5, 0.25), _run(0.5, 0.75)], learning.RANDOM: [_run(0.5), _run(0.25)]}
    mean, error = learning.differences(runs, learning.METRICS[0])
    assert (mean, error) == (0.0, pytest.approx(0.25))
    rows = learning.rows_of("mine", runs)
    assert [row[3] for row in rows] == ["least loss", "greatest accuracy"]
    assert rows[0][-1] == "+0.0000 ± 0.2500"


def test_one_seed_has_no_standard_error() -> None:
    runs = {learning.PLANNED: [_run(0.5)], learning.RANDOM: [_run(0.25)]}
    mean, error = learning.differences(runs, learning.METRICS[0])
    assert mean == 0.25
    assert math.isnan(error)


def test_runs_that_are_kept_are_not_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [{"id": f"r{i}", "text": ["a"], "label": "ab"[i % 2]} for i in range(4)]
    build_dataset(tmp_path / "data", SPEC, {"train": records, "validation": records})
    begun: list[tuple[Any, ...]] = []

    def run_reader(script: str, arguments: list[Any], cache: Path) -> dict[str, Any]:
        begun.append((script, *arguments[1:]))
        return _run(0.5)

    monkeypatch.setattr(learning, "run_reader", run_reader)
    first = learning.train_all(tmp_path / "data", 1, 10, tmp_path)
    assert begun == [("learn", "planned", 0, 10), ("learn", "random_batches", 0, 10)]
    assert learning.train_all(tmp_path / "data", 1, 10, tmp_path) == first
    assert len(begun) == 2
    learning.train_all(tmp_path / "data", 2, 10, tmp_path)
    assert begun[2:] == [("learn", "planned", 1, 10), ("learn", "random_batches", 1, 10)]
    monkeypatch.setattr(learning, "sources_digest", lambda: "other sources")
    learning.train_all(tmp_path / "data", 1, 10, tmp_path)
    assert len(begun) == 6


@pytest.mark.parametrize("to_longest", [False, True])
def test_random_epochs_have_every_record_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to_longest: bool
) -> None:
    monkeypatch.syspath_prepend(str(Path(learning.__file__).parent / "readers"))
    monkeypatch.delitem(sys.modules, "random_epochs", raising=False)
    from random_epochs import RandomEpochs

    records = [{"id": f"r{i}", "text": ["a"] * (i + 1), "label": "ab"[i % 2]} for i in range(7)]
    build_dataset(tmp_path / "data", SPEC, {"train": records})
    epochs = RandomEpochs(str(tmp_path / "data"), steps=3, to_longest=to_longest)
    orders = []
    for epoch in (0, 0, 1):
        batches = list(epochs.open(seed=5, epoch=epoch))
        lengths = [features["text/length"].numpy().tolist() for features, _, _ in batches]
        widths = [features["text"].shape[1] for features, _, _ in batches]
        assert sorted(map(len, lengths)) == [2, 2, 3]
        assert sorted(length for part in lengths for length in part) == list(range(1, 8))
        assert widths == ([7, 7, 7] if to_longest else [max(part) for part in lengths])
        assert sum(float(weight.numpy().sum()) for _, _, weight in batches) == pytest.approx((9 + 4 + 4) / (7 / 3))
        orders.append(lengths)
    assert orders[0] == orders[1] != orders[2]
