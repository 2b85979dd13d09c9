"""Boundaries beside common rules: what each rule does, and tables that have all of them."""

import re
from pathlib import Path

import boundaries
import numpy as np
import pytest

from schemas.buckets import upper_bounds
from schemas.manifest import dump_manifest, seal
from schemas.manifest_pb2 import LengthStatistics, Manifest, SplitStatistics
from schemas.spec import parse_spec

OF = (np.array([1, 2, 4, 8, 64]), np.array([40, 20, 20, 10, 10]))


@pytest.mark.parametrize(
    ("rule", "bounds"),
    [
        (boundaries.equal_width, [16, 32, 48]),
        (boundaries.geometric, [2, 8, 22]),
        (boundaries.equal_counts, [1, 2, 4]),
        (boundaries.equal_steps, [8]),  # 240 of 880 steps; all other quarters end in the longest, which needs no bound
    ],
)
def test_rules(rule: boundaries.Plan, bounds: list[int]) -> None:
    assert upper_bounds(rule(OF, 4)).tolist() == bounds


def test_a_data_set_gives_the_lengths_of_its_training_split(tmp_path: Path) -> None:
    lengths = LengthStatistics(lengths=[3, 5], counts=[2, 1], steps=11)
    manifest = Manifest(
        spec=parse_spec("sequences: {t: {type: tokens}}"),
        statistics={"train": SplitStatistics(records=3, bucket_length=lengths)},
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "manifest.json").write_bytes(dump_manifest(seal(manifest)))
    name, (found, counts) = boundaries.of_data_set(tmp_path / "mine")
    assert (name, found.tolist(), counts.tolist()) == ("mine", [3, 5], [2, 1])


def test_tables_have_every_rule_and_no_rule_is_better_than_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundaries, "DISTINCT", 40)
    text = boundaries.result_text({"mine": OF}, rounds=1)
    assert text.count("| planned | ") == 2
    padding = [re.findall(r"\d\.\d{3}", line) for line in text.splitlines() if re.match(r"\| (mine)? \| \d+ \| ", line)]
    assert len(padding) == len(boundaries.COUNTS)
    assert all(row[0] == max(row[:5]) for row in padding)
    [seconds] = [line for line in text.splitlines() if re.match(r"\| mine \| \d+\.\d", line)]
    values = [float(cell) for cell in re.findall(r"\d+\.\d+", seconds)]
    assert values[0] == min(values[:6])
    assert "| one record each | 0." in text
