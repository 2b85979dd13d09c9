"""A folder of links as TensorFlow Datasets wants it; that the library loads it, tools/check_standard_form.py shows."""

import json
from pathlib import Path

import pytest

from schemas.errors import DataError, UsageError
from schemas.manifest import shards_of
from tests.pipeline.helpers import REVIEW_SPEC, prepare, review_records, write_jsonl
from tools.tfds_view import make_view


def test_a_view(tmp_path: Path) -> None:
    spec = REVIEW_SPEC.replace("name: reviews", "name: My-reviews")
    manifest = prepare(spec, write_jsonl(tmp_path / "in.jsonl", review_records(60)), tmp_path / "out")
    view = tmp_path / "views" / "one"
    make_view(tmp_path / "out", view)
    info = json.loads((view / "dataset_info.json").read_text())
    assert (info["name"], info["fileFormat"]) == ("my_reviews", "tfrecord")
    assert [split["name"] for split in info["splits"]] == ["test", "train", "validation"]
    for split in info["splits"]:
        shards = shards_of(manifest, split["name"])
        assert split["shardLengths"] == [str(shard.records) for shard in shards]
        assert split["numBytes"] == str(sum(shard.bytes for shard in shards))
        for i, shard in enumerate(shards):
            link = view / f"my_reviews-{split['name']}.tfrecord-{i:05d}-of-{len(shards):05d}"
            assert link.is_symlink()
            assert link.read_bytes() == (tmp_path / "out" / shard.path).read_bytes()
    features = json.loads((view / "features.json").read_text())["featuresDict"]["features"]
    assert sorted(features) == [feature.name for feature in manifest.features]
    kinds = {name: feature["pythonClassName"].rpartition(".")[2] for name, feature in features.items()}
    assert kinds == {"id": "Text", "label": "Scalar", "text": "Sequence", "text/length": "Scalar"}
    with pytest.raises(UsageError, match="is there already; name a new folder"):
        make_view(tmp_path / "out", view)


def test_messages_that_the_library_does_not_read(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", review_records(20))
    prepare(REVIEW_SPEC + "stored_as: sequence_example\n", source, tmp_path / "out")
    with pytest.raises(DataError, match="TensorFlow Datasets reads only Example messages"):
        make_view(tmp_path / "out", tmp_path / "view")
    assert not (tmp_path / "view").exists()
