"""One epoch with any number of replicas is the same epoch: equal steps, each example once, one gradient."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.trainer.batches.layouts import drawn_lengths, write_lengths
from tests.trainer.batches.mirrored import REPLICAS

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = {
    "planned": {},
    "bucket_by_sequence_length, static": {"method": "bucket_by_sequence_length", "static_shapes": True},
}


def test_replicas_of_a_mirrored_strategy(tmp_path: Path) -> None:
    """One process for all: importing TensorFlow costs more than everything else."""
    folder = write_lengths(tmp_path / "data", drawn_lengths(60, 30), [5, 12])
    command = [sys.executable, "-m", "tests.trainer.batches.mirrored", str(folder), json.dumps(SETTINGS)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert result.returncode == 0, result.stderr[-3_000:]
    runs = json.loads(result.stdout.splitlines()[-1])
    assert list(runs) == list(SETTINGS)
    for alone, *others in runs.values():
        assert sorted(name for batch in alone["ids"] for name in batch) == sorted(f"train-{i}" for i in range(60))
        assert np.abs(alone["gradient"]).max() > 1
        assert [run["replicas"] for run in (alone, *others)] == list(REPLICAS)
        for run in others:
            assert run["shares_alike"]
            assert run["steps"] == len(run["ids"]) == alone["steps"]
            assert run["ids"] == alone["ids"]
            np.testing.assert_allclose(run["gradient"], alone["gradient"], rtol=1e-6, atol=1e-6)
