"""What a model takes of a validated example is what it takes of the same one once stored."""

from pathlib import Path

import numpy as np
import pytest

from schemas.contract import read_vocabularies
from schemas.manifest import load_manifest
from schemas.model_inputs import ModelInputs
from tests.trainer.batches.test_parsing import ALL, EXAMPLES
from tests.trainer.dataset_builder import build_dataset
from tests.trainer.example_blocks import example_block
from trainer import Batching, BatchLimits, open_dataset

SPEC = ALL.replace("STORED_AS", "example").replace("missing: zero", "missing: mean")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("data") / "all"
    build_dataset(folder, SPEC, {"train": example_block(SPEC, with_gaps())}, [5], shards=1)
    return folder


def with_gaps() -> list[dict[str, object]]:
    """The examples, where the missing numbers are not filled yet."""
    examples = []
    for example in EXAMPLES:
        frames = np.where(example["frames/missing"], np.nan, example["frames"]).tolist()
        examples.append({**example, "frames": frames})
    return examples


@pytest.mark.parametrize("rows", [[0, 1], [1, 0], [1]])
def test_the_same_tensors_as_from_disk(folder: Path, rows: list[int]) -> None:
    manifest = load_manifest(folder)
    inputs = ModelInputs(example_block(SPEC, with_gaps()), manifest, read_vocabularies(folder, manifest))
    batch = inputs.batch(np.array(rows))
    stored = {}
    for features, _, _ in open_dataset(
        folder, training=False, with_ids=True, batching=Batching(limits=BatchLimits(100, len(rows)))
    ):
        ids = features["id"].numpy().tolist()
        wanted = [EXAMPLES[row]["id"].encode() for row in rows]
        if sorted(ids) == sorted(wanted):
            order = [ids.index(name) for name in wanted]
            stored = {name: tensor.numpy()[order] for name, tensor in features.items() if name in batch}
    assert sorted(stored) == sorted(batch)
    for name, array in batch.items():
        assert array.dtype == stored[name].dtype, name
        np.testing.assert_array_equal(array, stored[name], err_msg=name)
    assert batch["frames"].shape[1] == max(len(EXAMPLES[row]["words"]) for row in rows)


def test_missing_numbers_become_the_means_of_training(folder: Path) -> None:
    manifest = load_manifest(folder)
    # Of 0 and 2; of 1.5, 3 and -1.
    assert manifest.moments["frames"].mean == pytest.approx([1.0, 3.5 / 3])
    inputs = ModelInputs(example_block(SPEC, with_gaps()), manifest, read_vocabularies(folder, manifest))
    frames = inputs.batch(np.array([0]))["frames"]
    np.testing.assert_allclose(frames, [[[0.0, 1.5], [1.0, 3.5 / 3], [2.0, 3.0]]], rtol=1e-6)


def test_the_lengths_that_batches_are_made_by(folder: Path) -> None:
    manifest = load_manifest(folder)
    inputs = ModelInputs(example_block(SPEC, with_gaps()), manifest, read_vocabularies(folder, manifest))
    assert inputs.lengths.tolist() == [3, 1]
