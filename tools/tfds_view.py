"""Makes a folder that `tfds.builder_from_directory` loads, of links to the shards of a data set.

TensorFlow Datasets computes the names of shards from a template with a number, and takes no list of files. Names that
hold digests cannot be computed, and shards are named by their digests so that a data set can be replaced while
somebody reads it. So the folder is one of its own, with a symbolic link for each shard; nothing is copied.

    python tools/tfds_view.py DIR VIEW
    tfds.builder_from_directory("VIEW").as_dataset(split="train")

Features keep their names and types of the shards (see docs/data-format.md): series are flat.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from schemas.dataset_pb2 import StoredAs
from schemas.errors import DataError, LengthwiseError, UsageError
from schemas.manifest import load_manifest, shards_of
from schemas.manifest_pb2 import Manifest, StoredFeature

_CLASSES = "tensorflow_datasets.core.features"
_TYPES = {"int64": "int64", "float": "float32"}
_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"


def main() -> int:
    """Returns 0, or the exit code of what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path, help="folder of a data set, on the local disk")
    parser.add_argument("view", type=Path, help="folder to make")
    arguments = parser.parse_args()
    try:
        make_view(arguments.dataset, arguments.view)
    except LengthwiseError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return 0


def make_view(dataset: Path, view: Path) -> None:
    """Writes links, `dataset_info.json` and `features.json` into a new folder.

    Args:
      dataset: Folder of a data set.
      view: The folder to make.

    Raises:
      UsageError: There is something at `view` already.
      DataError: There is no data set, or its records are no `Example` messages.
    """
    manifest = load_manifest(dataset)
    if manifest.spec.stored_as == StoredAs.sequence_example:
        raise DataError(
            f"{dataset}: its records are SequenceExample messages, and TensorFlow Datasets reads only Example "
            "messages; write the data set again without `stored_as: sequence_example`"
        )
    try:
        view.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(f"{view}: is there already; name a new folder") from None
    # As that library writes names: letters, digits and underscores.
    name = "".join(c if c.isalnum() else "_" for c in manifest.spec.name.lower())
    for split in manifest.statistics:
        shards = shards_of(manifest, split)
        for i, shard in enumerate(shards):
            link = view / f"{name}-{split}.tfrecord-{i:05d}-of-{len(shards):05d}"
            link.symlink_to((dataset / shard.path).resolve())
    (view / "dataset_info.json").write_text(json.dumps(_dataset_info(manifest, name), indent=2))
    (view / "features.json").write_text(json.dumps(_features(manifest), indent=2))


def _dataset_info(manifest: Manifest, name: str) -> dict[str, Any]:
    splits = []
    for split in sorted(manifest.statistics):
        shards = shards_of(manifest, split)
        splits.append(
            {
                "name": split,
                "filepathTemplate": _TEMPLATE,
                "shardLengths": [str(shard.records) for shard in shards],
                "numBytes": str(sum(shard.bytes for shard in shards)),
            }
        )
    return {"name": name, "version": "1.0.0", "fileFormat": "tfrecord", "splits": splits}


def _features(manifest: Manifest) -> dict[str, Any]:
    features = {stored.name: _feature(stored) for stored in manifest.features}
    return {"pythonClassName": f"{_CLASSES}.features_dict.FeaturesDict", "featuresDict": {"features": features}}


def _feature(stored: StoredFeature) -> dict[str, Any]:
    if stored.dtype == "bytes":
        return {"pythonClassName": f"{_CLASSES}.text_feature.Text", "text": {}}
    tensor = {"shape": {}, "dtype": _TYPES[stored.dtype], "encoding": "none"}
    if not stored.variable:
        return {"pythonClassName": f"{_CLASSES}.scalar.Scalar", "tensor": tensor}
    inner = {"pythonClassName": f"{_CLASSES}.tensor_feature.Tensor", "tensor": tensor}
    return {
        "pythonClassName": f"{_CLASSES}.sequence_feature.Sequence",
        "sequence": {"feature": inner, "length": "-1"},
    }


if __name__ == "__main__":
    sys.exit(main())
