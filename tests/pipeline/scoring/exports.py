"""Exports for tests: small models of every task, whose weights are random."""

import json
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from schemas.contract import read_contract
from schemas.manifest import load_manifest
from schemas.signature_names import signature_names
from tests.trainer.dataset_builder import build_dataset
from tests.trainer.properties.cases import PLAIN, QUICK_TO_TRACE, write_untrained
from tests.trainer.properties.data_sets import write_data
from trainer import cli
from trainer.batches.parsing import input_specs
from trainer.export.record_model import record_model_of
from trainer.export.signatures import encoded_specs
from trainer.saved import load_saved


def write_export(model: Path, folder: Path) -> Path:
    """Writes what scoring reads of the export of a model folder, and returns its folder."""
    whole = record_model_of(load_saved(model))
    arguments = {argument: name for name, argument in signature_names(input_specs(whole.manifest)).items()}

    def of_encoded(**values: Any) -> Any:
        return whole.of_encoded({arguments[argument]: value for argument, value in values.items()})

    module = tf.Module()
    module.model = whole
    asked = tf.function(of_encoded).get_concrete_function(**encoded_specs(whole.manifest))
    tf.saved_model.save(module, folder, signatures={"encoded": asked})
    contents = read_contract(model, load_manifest(model)) | {"export.json": b'{"format_version": 1}'}
    for name, content in contents.items():
        path = folder / "assets.extra" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_models(task: str, root: Path) -> tuple[Path, Path]:
    """Writes a model folder and an export of it for a task of `tests.trainer.properties.data_sets`."""
    settings = PLAIN if task == "class" else QUICK_TO_TRACE
    model = write_untrained(write_data(root / "data", task), root / "model", settings)
    return model, write_export(model, root / "export")


PIECES_SPEC = """
name: pieces
id: id
sequences: {x: {type: series, dims: 1, empty: keep}}
label: {from: size, type: number}
window: {length: 4, stride: 4, rest: drop}
"""


def write_pieces_model(root: Path) -> tuple[Path, Path]:
    """Writes a model of windows of 4 steps, whose rest is dropped, and an export of it."""
    records = [{"id": str(i), "x": [[float(i)]] * 9, "size": float(i)} for i in range(8)]
    build_dataset(root / "data", PIECES_SPEC, {"train": records, "validation": records[:2]})
    model = write_untrained(root / "data", root / "model", QUICK_TO_TRACE)
    return model, write_export(model, root / "export")


def predicted_by_trainer(model: Path, source: str, output: Path) -> list[dict[str, Any]]:
    """Returns what `python -m trainer predict` says of a file, without the records that it refuses."""
    assert cli.main(["predict", "--model", str(model), "--input", source, "--output", str(output)]) == 0
    return [entry for entry in as_written(output.read_bytes()) if "error" not in entry]


def as_written(content: bytes) -> list[dict[str, Any]]:
    """Returns lines of JSON as they are."""
    return [json.loads(line) for line in content.splitlines()]


def close(one: Any, other: Any) -> bool:
    """Returns whether two values are the same, numbers but for the last digits of a float32."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return bool(one == pytest.approx(other, rel=1e-5, abs=1e-6)) if isinstance(one, float) else bool(one == other)
