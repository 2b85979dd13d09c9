"""One small data set for each task, with records of no, one and many steps."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from schemas.manifest import MANIFEST_NAME, dump_manifest, load_manifest, seal
from tests.trainer.dataset_builder import build_dataset

Record = dict[str, Any]
BOUNDS = [0, 3, 7]
WORDS = ["the", "old", "cat", "sat", "by", "good", "bad"]
TAGS = ["O", "B-animal", "I-animal", "B-place", "I-place"]
TEXT = "text: {type: tokens, tokenizer: none, empty: keep}"
WAVES = "waves: {type: series, dims: 2, normalize: zscore, empty: keep}"

SPECS = {
    "class": f"sequences: {{{TEXT}}}\nlabel: {{from: mood, type: class}}",
    # Two sequences of lengths of their own, gaps and times beside one, a category and a number of the record.
    "binary": f"""
sequences:
  {TEXT}
  waves:
    {{type: series, dims: 2, normalize: zscore, missing: mean, empty: keep, time: {{from: at, format: unix_seconds}}}}
context: {{age: {{type: number, normalize: zscore}}, place: {{type: category}}}}
label: {{from: alarm, type: class}}""",
    "number": f"sequences: {{{WAVES}}}\nlabel: {{from: size, type: number}}",
    # What is aligned with the sequence whose steps have tags, characters of its tokens among it, and one that is not.
    "per_step_class": f"""
sequences:
  {TEXT}
  shape: {{type: tokens, tokenizer: none, aligned_with: text}}
  frames: {{type: series, dims: 1, aligned_with: text}}
  letters: {{type: tokens, derive: {{of: text, take: characters}}}}
  {WAVES}
label: {{from: tags, type: per_step_class, of: text}}""",
    "next_token": f"sequences: {{{TEXT}}}\nlabel: {{type: next_step, of: text, end: true}}",
    "forecast": f"""
sequences:
  {WAVES}
context: {{place: {{type: category}}}}
label: {{type: next_step, of: waves, horizon: 2, after: 2}}""",
}
TASKS = tuple(SPECS)


def spec_of(task: str) -> str:
    """Returns the spec of a task's data set, YAML."""
    return f"name: small\nid: id\n{SPECS[task]}\n"


def records_of(prefix: str, lengths: list[int]) -> list[Record]:
    """Returns records with the fields of all specs; `lengths` are those of the tokens, frames have others."""
    draw = np.random.default_rng(sum(prefix.encode()))
    return [_record(f"{prefix}-{i}", length, i, draw) for i, length in enumerate(lengths)]


def _record(name: str, length: int, number: int, draw: np.random.Generator) -> Record:
    words = draw.choice(WORDS, length).tolist()
    frames = (length * 5 + number) % 9 if length else number % 2 * 4
    waves = draw.normal(3, 2, (frames, 2)).round(3).tolist()
    return {
        "id": name,
        "text": words,
        "shape": [("short", "long")[len(word) > 3] for word in words],
        "frames": draw.normal(size=(length, 1)).round(3).tolist(),
        "tags": draw.choice(TAGS, length).tolist(),
        "waves": waves,
        "at": np.cumsum(draw.integers(1, 9, frames)).tolist(),
        "age": float(draw.integers(10, 90)),
        "place": ("north", "south")[number % 3 % 2],
        "mood": ("bright", "dark", "odd")[number % 3],
        "alarm": ("no", "yes")[number // 2 % 2],
        "size": float(np.round(100 + 10 * draw.normal(), 3)),
    }


TRAIN_LENGTHS = [9, 0, 3, 1, 11, 2, 5, 4, 12, 7, 0, 8, 6, 3, 10, 2] * 2
TEST_LENGTHS = [4, 0, 13, 1, 7, 3, 2, 9, 0, 6, 5, 8]


def records_by_split(task: str) -> dict[str, list[Record]]:
    """Returns the records of a task's data set; gaps stand where its spec lets them."""
    splits = {"train": records_of("train", TRAIN_LENGTHS), "test": records_of("test", TEST_LENGTHS)}
    if task == "binary":
        for record in splits["train"][::3] + splits["test"][::3]:
            record["waves"] = [[None if i % 4 == 1 else one, other] for i, (one, other) in enumerate(record["waves"])]
    return splits


def write_data(folder: Path, task: str, bounds: list[int] | None = None) -> Path:
    """Writes the data set of a task, and returns its folder."""
    records = records_by_split(task)
    build_dataset(folder, spec_of(task), records, BOUNDS if bounds is None else bounds)
    if task in ("class", "binary", "per_step_class"):
        _state_class_counts(folder, records["train"], task)
    return folder


def _state_class_counts(folder: Path, records: list[Record], task: str) -> None:
    """Adds to the manifest how many labels of each class there are, which class weights follow from."""
    field = {"class": "mood", "binary": "alarm", "per_step_class": "tags"}[task]
    labels = [label for record in records for label in np.atleast_1d(record[field]).tolist()]
    counts = Counter(labels)
    manifest = load_manifest(folder)
    manifest.statistics["train"].classes.extend(counts[name] for name in sorted(counts))
    (folder / MANIFEST_NAME).write_bytes(dump_manifest(seal(manifest)))
