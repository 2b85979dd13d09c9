"""The statistics of a data set in files, whose names hold their digests like those of all others."""

import hashlib
from collections.abc import Iterator, Mapping

from google.protobuf import text_format

from pipeline import files
from pipeline.split_facts import SplitFacts
from pipeline.statistics.standard_form import feature_statistics
from pipeline.statistics.standard_schema import feature_schema
from schemas.manifest import statistics_path
from schemas.manifest_pb2 import Manifest, StatisticsFile
from schemas.messages import canonical_json, to_plain
from schemas.spec import TRAIN
from schemas.statistics_pb2 import DatasetStatistics

STATISTICS_NAME = "statistics.json"
FEATURES_NAME = "features.pb"
SCHEMA_NAME = "schema.pbtxt"


def write_statistics(
    output: str, manifest: Manifest, splits: Mapping[str, SplitFacts], statistics: DatasetStatistics
) -> Iterator[StatisticsFile]:
    """Writes the statistics of a data set into its folder.

    Args:
      output: The folder.
      manifest: All of it but these files, their digests and the fingerprints.
      splits: By split: what was written.
      statistics: The same facts and those of tokens, as of `dataset_statistics`.

    Yields:
      The files, sorted by path.
    """
    spec = manifest.spec
    features = feature_statistics(splits, statistics.tokens, spec, TRAIN)
    yield _write(output, FEATURES_NAME, features.SerializeToString(deterministic=True))
    yield _write(output, SCHEMA_NAME, text_format.MessageToString(feature_schema(manifest)).encode())
    yield _write(output, STATISTICS_NAME, canonical_json(to_plain(statistics)))


def _write(output: str, name: str, content: bytes) -> StatisticsFile:
    sha256 = hashlib.sha256(content).hexdigest()
    path = statistics_path(name, sha256)
    files.write(files.join(output, path), content)
    return StatisticsFile(path=path, sha256=sha256)
