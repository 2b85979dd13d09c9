"""Which records give a loss that is no number: by themselves, all of them, or none."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from tests.trainer.dataset_builder import build_dataset
from trainer.config import TrainerConfig
from trainer.training.offenders import guilty
from trainer.training.train import train

SPEC = "id: id\nsequences: {waves: {type: series, dims: 32}}\nlabel: {type: number}\n"
SMALL = TrainerConfig(
    units=4, epochs=3, tensorboard=False, dry_run=False, input_dropout=0.0, step_dropout=0.0, dropout=0.0
)


@given(st.integers(2, 200), st.sets(st.integers(0, 199), max_size=12))
def test_the_guilty_are_found(rows: int, bad: set[int]) -> None:
    asked: list[Sequence[int]] = []

    def is_sound(part: Sequence[int]) -> bool:
        asked.append(part)
        return not bad.intersection(part)

    own = sorted(row for row in bad if row < rows)
    found = guilty(range(rows), is_sound)
    if found is None:  # some that stand far apart, and none of them sound
        assert len(own) >= min(rows, 8)
    else:
        assert found == own[:6]
    assert len(asked) < (120 if own else 2 * rows + 10)


def waves(number: int, value: float = 1.0) -> dict[str, Any]:
    return {"id": f"r{number}", "waves": [[value * (number % 5)] * 32] * (1 + number % 3), "label": float(number % 2)}


def refusal(tmp_path: Path, records: list[dict[str, Any]], config: TrainerConfig, spec: str = SPEC) -> str:
    build_dataset(tmp_path / "data", spec, {"train": records})
    with pytest.raises(DataError) as error:
        train(tmp_path / "data", tmp_path / "model", config)
    assert not (tmp_path / "model").exists()
    return str(error.value)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_record_that_is_to_blame_is_named(tmp_path: Path, compiled: bool) -> None:
    """Dropout doubles twice what it leaves, which makes 1e38 infinite."""
    records = [waves(number) for number in range(24)]
    for number in (7, 13):
        records[number]["waves"] = [[1e38] * 32] * 3
    halves = {"input_dropout": 0.5, "step_dropout": 0.5}
    config = replace(SMALL, batch_sizes=(24,), static_shapes=compiled, jit_compile=compiled, **halves)
    said = refusal(tmp_path, records, config)
    assert said.startswith("epoch 1, step 1 of 1: the loss is nan, because of the examples with id 'r")
    assert set(re.findall("'(.*?)'", said)) == {"r7", "r13"}
    assert said.endswith(
        "; the weights are those from before it and nothing was written: look at its values; correct or leave them "
        "out, or set normalize: zscore for series with large values; then say --fresh"
    )
    assert not (tmp_path / "model.training").exists()  # there was no checkpoint yet


def test_a_learning_rate_that_explodes_is_no_records_fault(tmp_path: Path) -> None:
    """The number of the context goes straight to the output layer, whose weights are moved by 10 a step."""
    records = [waves(number) | {"size": 4e8 * (1 + number % 3)} for number in range(24)]
    spec = SPEC + "context: {size: {type: number}}\n"
    config = replace(SMALL, learning_rate=10.0, clip_norm=0.0, batch_sizes=(8,), epochs=9)
    said = refusal(tmp_path, records, config, spec)
    assert re.fullmatch(
        r"epoch \d, step \d of 3: the gradient is not finite \(the loss is [0-9.e+]+\), of each of its 8 examples by "
        r"itself, so that no single one is to blame; the weights are those from before it and nothing was written: "
        r"lower learning_rate \(now 10\), or set normalize: zscore for series with large values; then say --fresh",
        said,
    )
