"""Several ids for tokens out of vocabulary: stored, trained on and predicted with the same ones."""

from pathlib import Path
from typing import Any

import numpy as np

from schemas.contract import read_vocabularies
from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.manifest import load_manifest
from schemas.model_inputs import ModelInputs
from schemas.records.validate import validate
from tests.trainer.dataset_builder import build_dataset
from trainer import Batching, BatchLimits, load, open_dataset
from trainer.config import TrainerConfig
from trainer.saved import load_saved
from trainer.training.train import train

SPEC = """
id: id
sequences: {text: {type: tokens, tokenizer: whitespace, vocabulary: {top_k: 2, oov_buckets: 4}}}
context: {land: {type: category, vocabulary: {top_k: 1, oov_buckets: 3}}}
label: {type: class}
"""


def record(number: int) -> dict[str, Any]:
    words = f"a a b b word-{number} word-{number + 1} 東京-{number}"
    return {"id": f"r{number}", "text": words, "land": f"land-{number % 5}", "label": number % 2}


def test_the_same_ids_on_disk_in_training_and_in_prediction(tmp_path: Path) -> None:
    records = [record(i) for i in range(24)]
    build_dataset(tmp_path / "data", SPEC, {"train": records, "validation": records[:6]}, [5], shards=1)
    manifest = load_manifest(tmp_path / "data")
    raw = b"".join(
        f'{{"id": "{item["id"]}", "text": "{item["text"]}", "land": "{item["land"]}"}}\n'.encode() for item in records
    )
    fields = fields_of(manifest.spec, for_training=False)
    block = validate(parse_jsonl(raw, fields), manifest.spec)
    inputs = ModelInputs(block, manifest, read_vocabularies(tmp_path / "data", manifest)).batch(np.arange(24))
    stored = {}
    batches = open_dataset(
        tmp_path / "data", training=False, with_ids=True, batching=Batching(limits=BatchLimits(1_000, 24))
    )
    for features, _, _ in batches:
        for i, name in enumerate(features["id"].numpy().tolist()):
            stored[name.decode()] = (features["text"].numpy()[i].tolist(), int(features["land"].numpy()[i]))
    texts, lands = inputs["text"].tolist(), inputs["land"].tolist()
    assert {item["id"]: (texts[i], lands[i]) for i, item in enumerate(records)} == stored
    assert {identity for text, _ in stored.values() for identity in text} == {1, 2, 3, 4, 5, 6}
    train(tmp_path / "data", tmp_path / "model", TrainerConfig(epochs=1, embedding_size=4, units=4))
    assert [source["ids"] for source in load_saved(tmp_path / "model").model.sources.values()] == [1 + 4 + 2]
    assert len(load(tmp_path / "model").predict([record(99)])) == 1
