"""Two replicas train as one does, and go on where one was stopped."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.trainer.training.killing import write_data

ROOT = Path(__file__).resolve().parents[3]


def test_replicas_train_as_one(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    command = [sys.executable, "-m", "tests.trainer.training.replicated", str(data), str(tmp_path)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert result.returncode == 0, result.stderr[-3_000:]
    told = json.loads(result.stdout.splitlines()[-1])
    alone = told["runs"]["one"]
    assert "stopped in epoch 2 behind step 4 of " in result.stderr
    assert "resumed.training: going on in epoch 2 behind step 4 of " in result.stderr
    for name in ("two", "resumed"):
        other = told["runs"][name]
        assert other["steps_per_epoch"] == alone["steps_per_epoch"] > 15
        for ours, theirs in zip(other["history"], alone["history"], strict=True):
            np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=1e-5)
            np.testing.assert_allclose(ours["validation"]["loss"], theirs["validation"]["loss"], rtol=1e-5)
            assert [row["examples"] for row in ours["buckets"]] == [row["examples"] for row in theirs["buckets"]]
        for mine, yours in zip(told["weights"][name], told["weights"]["one"], strict=True):
            np.testing.assert_allclose(mine, yours, atol=1e-5)
    assert told["runs"]["two"]["device"] == "2 x CPU"
    assert told["refused"] == (
        "replicas: 3 are more than the 2 CPU devices that TensorFlow has here; lower it, or call "
        "trainer.tensorflow_setup.import_tensorflow(replicas) before using TensorFlow"
    )
