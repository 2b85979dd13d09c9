"""One data set, written once, that tests look at and do not change."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from schemas.manifest_pb2 import Manifest
from tests.pipeline.helpers import REVIEW_SPEC, prepare, review_records, write_jsonl


class Written(NamedTuple):
    """A data set and what it was made from."""

    records: list[dict[str, Any]]
    source: str
    folder: Path
    manifest: Manifest


@pytest.fixture(scope="session")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """150 reviews, in some 20 blocks, three buckets and several shards a bucket."""
    root: Path = tmp_path_factory.mktemp("reviews")
    records = review_records(150)
    source = write_jsonl(root / "reviews.jsonl", records)
    manifest = prepare(REVIEW_SPEC, source, root / "data", shard_bytes=2_000)
    return Written(records, source, root / "data", manifest)
