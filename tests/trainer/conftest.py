"""A tiny data set and a model trained on it, made once."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import random
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.dataset_builder import build_dataset
from trainer.config import TrainerConfig

TOKEN_SPEC = """
name: colours
id: id
sequences: {text: {type: tokens, tokenizer: whitespace, empty: keep}}
label: {from: mood, type: class}
"""
BOUNDS = [3, 7]
SMALL = {"embedding_size": 8, "units": 8, "input_dropout": 0.0, "step_dropout": 0.0, "dropout": 0.0}


def token_records(prefix: str, lengths: list[int]) -> list[dict[str, Any]]:
    """Records that say "good" or "bad" somewhere among other words, if they say anything."""
    draw = random.Random(prefix)
    records = []
    for i, length in enumerate(lengths):
        mood = ("bright", "dark")[i % 2]
        words = [draw.choice("abcdef") for _ in range(length)]
        if words:
            words[draw.randrange(length)] = {"bright": "good", "dark": "bad"}[mood]
        records.append({"id": f"{prefix}-{i}", "text": " ".join(words), "mood": mood})
    return records


TRAIN_LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] * 12 + [3, 3, 7, 0]
TEST_LENGTHS = [0, 1, 2, 3, 4, 6, 7, 8, 11, 40] * 3


@pytest.fixture(scope="session")
def token_records_by_split() -> dict[str, list[dict[str, Any]]]:
    return {
        "train": token_records("train", TRAIN_LENGTHS),
        "validation": token_records("validation", [2, 5, 9, 3] * 5),
        "test": token_records("test", TEST_LENGTHS),
    }


@pytest.fixture(scope="session")
def token_data(tmp_path_factory: pytest.TempPathFactory, token_records_by_split: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp("data") / "colours"
    build_dataset(folder, TOKEN_SPEC, token_records_by_split, BOUNDS)
    return folder


@pytest.fixture(scope="session")
def token_model(tmp_path_factory: pytest.TempPathFactory, token_data: Path) -> Path:
    from trainer.training.train import train

    folder: Path = tmp_path_factory.mktemp("models") / "colours"
    train(token_data, folder, TrainerConfig(**SMALL, epochs=12, learning_rate=0.02, min_epoch_steps=30))
    return folder
