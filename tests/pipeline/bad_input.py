"""What tests of bad input share: records, files, and what must hold of every run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.job import Job
from pipeline.verify import verify
from schemas.errors import DataError, LengthwiseError
from schemas.manifest_pb2 import Manifest
from tests.pipeline.helpers import failures, prepare, read_dataset, run_job

SPEC = """
id: id
input: {INPUT}
sequences:
  words: {type: tokens}
  frames: {type: series, dims: 2, layout: LAYOUT}
label: {from: labels, type: per_step_class, of: words}
split: {fractions: {train: 1.0}}
buckets: {by: words}
"""
TEXT_SPEC = """
sequences: {text: {type: tokens, tokenizer: whitespace, empty: keep}}
split: {fractions: {train: 1.0}}
"""
QUOTE = b'"'
Expected = dict[int, tuple[str, str]]  # by line: reason and the beginning of the rule


def spec_for(name: str = "jsonl", said: str = "") -> str:
    given = f"format: {name}" + (f", {said}" if said else "")
    return SPEC.replace("INPUT", given).replace("LAYOUT", "flat" if name == "tfrecord" else "frames")


def record(i: int, **other: Any) -> dict[str, Any]:
    good = {
        "id": f"r{i}",
        "words": ["a", "b"][: 1 + i % 2],
        "frames": [[i / 2, 1.0]],
        "labels": ["x", "y"][: 1 + i % 2],
    }
    return good | other


def line(i: int, **other: Any) -> bytes:
    return json.dumps(record(i, **other)).encode()


def written(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def published(folder: Path, spec: str, sources: str | list[str], lost: int, **settings: Any) -> Manifest:
    """A run that allows so many rejected records and has exactly as many."""
    manifest = prepare(spec, sources, folder / "out", max_rejected=lost, **settings)
    counts = manifest.counts
    assert counts.read == counts.kept + sum(counts.rejected.values()) + sum(counts.dropped.values())
    assert sum(counts.rejected.values()) == lost
    assert len(read_dataset(folder / "out")) == counts.examples == counts.kept
    assert verify(str(folder / "out"))["problems"] == []
    return manifest


def rejected_rows(folder: Path) -> list[dict[str, Any]]:
    [path] = (folder / "out/rejected").iterdir()
    rows = [json.loads(text) for text in path.read_text().splitlines()]
    for row in rows:
        assert len(row["excerpt"]) <= 200 and row["excerpt"].isprintable() and row["rule"].isprintable()
    return rows


def check_rejected(folder: Path, content: bytes, expected: Expected) -> None:
    """Compares what was rejected with lines of a file and what is wrong with each."""
    rows = rejected_rows(folder)
    assert {row["line"]: row["reason"] for row in rows} == {number: reason for number, (reason, _) in expected.items()}
    starts = [0]
    for text in content.split(b"\n"):
        starts.append(starts[-1] + len(text) + 1)
    for row in rows:
        assert row["offset"] == starts[row["line"] - 1]
        assert row["rule"].startswith(expected[row["line"]][1]), row


def refused(job: Job | Callable[[], Any], kind: type[LengthwiseError] = DataError) -> str:
    """The text with which a run fails; it publishes nothing and leaves no traceback."""
    with pytest.raises(LengthwiseError) as caught:
        run_job(job) if isinstance(job, Job) else job()
    assert type(caught.value) is kind
    if isinstance(job, Job):
        assert not (Path(job.output) / "manifest.json").exists()
        assert not [path for path in failures(Path(job.output)) if path.name == "traceback.txt"]
    text = str(caught.value)
    assert "\n" not in text
    return text
