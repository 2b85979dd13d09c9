"""Buckets that are chosen at the knee, and by predicted seconds, from the command to the manifest."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from pipeline.cli import main
from pipeline.verify import verify
from schemas.buckets import Int64s, epoch_seconds, padded_steps, plan_buckets, plan_buckets_at_knee, upper_bounds
from schemas.cuts import knee
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Manifest
from tests.pipeline.helpers import REVIEW_SPEC, read_dataset, write_jsonl

# With batches of as few as 16 padded steps the longest records are alone in theirs.
SECONDS = "seconds: {batch: 0.003, step: 0.0004, padded_step: 2.0e-7, padded_steps: 16, examples: 512}"


class Done(NamedTuple):
    """A run of the command.

    Attributes:
      manifest: Of its data set.
      lengths: Of the training split, rising.
      counts: Records of each.
      said: Lines for people.
      result: The document for machines.
    """

    manifest: Manifest
    lengths: Int64s
    counts: Int64s
    said: list[str]
    result: dict[str, object]


Run = Callable[[str], Done]


@pytest.fixture
def prepared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command over 300 texts, most of them short."""
    draw = np.random.default_rng(3)
    lengths = np.minimum(60, draw.geometric(0.12, 300))
    records = [{"id": f"r{i}", "text": "a " * int(n), "stars": i % 2} for i, n in enumerate(lengths)]
    source = write_jsonl(tmp_path / "in.jsonl", records)

    def run(buckets: str) -> Done:
        spec, output = tmp_path / "spec.yaml", tmp_path / "data"
        spec.write_text(REVIEW_SPEC.replace("buckets: {count: 3}", f"buckets: {{{buckets}}}"))
        assert main(["run", "--spec", str(spec), "--input", source, "--output", str(output), "--no_report"]) == 0
        out, err = capsys.readouterr()
        manifest = load_manifest(output)
        assert verify(str(output))["problems"] == []
        bounds = upper_bounds(manifest.buckets)
        assert all(record.bucket == np.searchsorted(bounds, record.length) for record in read_dataset(output))
        train = manifest.statistics["train"].bucket_length
        return Done(manifest, np.array(train.lengths), np.array(train.counts), err.splitlines(), json.loads(out))

    return run


def test_the_number_at_the_knee(prepared: Run) -> None:
    done = prepared("most: 12")
    lengths, counts = done.lengths, done.counts
    costs = [padded_steps(lengths, counts, plan_buckets(lengths, counts, count)) for count in range(1, 13)]
    chosen = knee(costs)
    assert 1 < chosen < 12
    assert list(done.manifest.buckets) == plan_buckets(lengths, counts, chosen)
    assert not done.manifest.spec.buckets.HasField("count")
    assert done.result["buckets"] == chosen
    assert "predicted_seconds" not in done.result
    [line] = [line for line in done.said if line.startswith("padding efficiency (train): ")]
    assert f" in {chosen} buckets, the knee of up to 12 (of 100 steps computed, " in line


def test_the_fewest_predicted_seconds(prepared: Run) -> None:
    done = prepared(f"count: 4, {SECONDS}")
    lengths, counts, seconds = done.lengths, done.counts, done.manifest.spec.buckets.seconds
    buckets = list(done.manifest.buckets)
    assert buckets == plan_buckets(lengths, counts, 4, seconds)
    least_padding = plan_buckets(lengths, counts, 4)
    ours = epoch_seconds(lengths, counts, buckets, seconds)
    assert ours < epoch_seconds(lengths, counts, least_padding, seconds)
    assert padded_steps(lengths, counts, buckets) > padded_steps(lengths, counts, least_padding)
    longest = epoch_seconds(lengths, counts, plan_buckets(lengths, counts, 1), seconds)
    assert done.result["predicted_seconds"] == {"bucketed": ours, "longest": longest}
    line = f"predicted seconds of an epoch (train): {ours:.4g} in our buckets, {longest:.4g} padded to the longest"
    assert line in done.said


def test_the_knee_of_the_seconds(prepared: Run) -> None:
    done = prepared(f"most: 12, {SECONDS}")
    wanted = done.manifest.spec.buckets
    planned = plan_buckets_at_knee(done.lengths, done.counts, 12, wanted.seconds)
    assert list(done.manifest.buckets) == planned
    assert done.result["buckets"] == len(planned)
