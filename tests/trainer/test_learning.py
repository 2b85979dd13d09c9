"""Each part of a record can decide its class alone, and a model learns it from nothing else."""

from pathlib import Path
from typing import Any

import pytest

from tests.trainer.dataset_builder import build_dataset
from tests.trainer.example_blocks import example_block
from trainer import load
from trainer.config import TrainerConfig
from trainer.evaluate import evaluate
from trainer.training.train import train

CONFIG = TrainerConfig(
    embedding_size=4,
    units=4,
    bidirectional=False,
    input_dropout=0.0,
    step_dropout=0.0,
    dropout=0.0,
    epochs=6,
    learning_rate=0.05,
    min_epoch_steps=15,
)
CLASSES = ("left", "right")
SPEC = "id: id\nlabel: {from: side, type: class}\n"


def record(i: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"r{i}", "side": CLASSES[i % 2], **fields}


def learnt(folder: Path, spec: str, records: Any) -> tuple[float, Path]:
    """Returns the accuracy on the records themselves, and the model's folder."""
    build_dataset(folder / "data", spec, {"train": records}, shards=1)
    train(folder / "data", folder / "model", CONFIG)
    return evaluate(folder / "model", folder / "data", "train")["metrics"]["accuracy"], folder / "model"


RAW: dict[str, tuple[str, Any]] = {
    "category": (
        "sequences: {x: {type: tokens}}\ncontext: {place: {type: category}}",
        lambda i: {"x": ["w"] * (1 + i % 3), "place": ["north", "south"][i % 2]},
    ),
    "number": (
        "sequences: {x: {type: tokens}}\ncontext: {size: {type: number, normalize: zscore}}",
        lambda i: {"x": ["w"] * (1 + i % 3), "size": 1e6 + 5 * (i % 2)},
    ),
    "missing": (
        "sequences: {x: {type: series, dims: 2, missing: zero}}",
        lambda i: {"x": [[0.0, 1.0], [None if i % 2 else 0.0, 1.0], [0.0, 1.0]]},
    ),
    "since": (
        "sequences: {x: {type: series, dims: 1, time: {from: at, format: unix_seconds}}}",
        lambda i: {"x": [[1.0], [1.0]], "at": [1000.0 * i, 1000.0 * i + (2.0, 90_000.0)[i % 2]]},
    ),
    "aligned": (
        "sequences: {x: {type: tokens}, y: {type: tokens, aligned_with: x}}",
        lambda i: {"x": ["w"] * 3, "y": ["a", "bc"[i % 2], "a"]},
    ),
}


@pytest.mark.parametrize("part", sorted(RAW))
def test_one_part_decides(tmp_path: Path, part: str) -> None:
    spec, fields = RAW[part]
    records = [record(i, **fields(i)) for i in range(30)]
    accuracy, model = learnt(tmp_path, f"{SPEC}{spec}\n", records)
    assert accuracy == 1.0
    predictions = load(model).predict([{k: v for k, v in item.items() if k != "side"} for item in records])
    assert [item["prediction"] for item in predictions] == [item["side"] for item in records]


def test_characters_decide(tmp_path: Path) -> None:
    """Words that occur once are out of vocabulary; what they are made of is not."""
    spec = f"""{SPEC}
sequences:
  x: {{type: tokens, vocabulary: {{min_frequency: 2}}}}
  letters: {{derive: {{of: x, take: characters}}}}
stored_as: sequence_example
"""
    examples = []
    for i in range(30):
        word = "".join("abc"[(i // 3**digit) % 3] for digit in range(4)) + "yz"[i % 2]
        own = {"id": f"r{i}", "x": [word], "letters": list(word), "letters/sizes": [len(word)], "label": CLASSES[i % 2]}
        examples.append(own)
    accuracy, _ = learnt(tmp_path, spec, example_block(spec, examples))
    assert accuracy == 1.0
