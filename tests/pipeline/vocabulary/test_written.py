import hashlib
import pickle
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.plan import DatasetPlan, TokenPlan
from pipeline.vocabulary.written import PlanFiles, load_vocabulary, write_plan
from schemas.manifest_pb2 import Bucket
from schemas.vocabulary import Vocabulary
from tests.pipeline.helpers import tree


def plan() -> DatasetPlan:
    tokens = {
        "text": TokenPlan(Vocabulary(pa.array(["the", "a\n", ""]), 2), tokens=10, distinct=7, covered=6),
        "label": TokenPlan(Vocabulary(pa.array(["no", "yes"]), 0), tokens=4, distinct=2, covered=4),
    }
    return DatasetPlan([Bucket(min_length=0)], tokens)


def test_vocabularies_are_files_named_by_their_digest(tmp_path: Path) -> None:
    written = write_plan(plan(), str(tmp_path))
    content = b"the\na\\n\n\n"
    sha256 = hashlib.sha256(content).hexdigest()
    entry = written.tokens["text"]
    assert (tmp_path / entry.path).read_bytes() == content
    assert (entry.path, entry.sha256) == (f"vocabulary/text-{sha256[:12]}.txt", sha256)
    assert (entry.size, entry.oov_buckets, entry.tokens, entry.distinct, entry.covered) == (3, 1, 10, 7, 6)
    assert written.tokens["label"].oov_buckets == 0
    assert tree(tmp_path) == {entry.path, written.tokens["label"].path}


def test_workers_load_what_was_written(tmp_path: Path) -> None:
    written: PlanFiles = pickle.loads(pickle.dumps(write_plan(plan(), str(tmp_path))))
    loaded = {name: load_vocabulary(*place) for name, place in written.locations(str(tmp_path)).items()}
    assert loaded["text"].encode(pa.array(["", "x", "the", "a\n"])).tolist() == [4, 1, 2, 3]
    assert loaded["label"].encode(pa.array(["yes", "x", "no"])).tolist() == [1, -1, 0]
    assert load_vocabulary(*written.locations(str(tmp_path))["text"]) is loaded["text"]


def test_threads_read_a_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = write_plan(plan(), str(tmp_path)).locations(str(tmp_path))["text"]
    reads = []
    both = threading.Barrier(2)

    def read_slowly(name: str) -> bytes:
        reads.append(name)
        time.sleep(0.05)
        return Path(name).read_bytes()

    def load() -> None:
        both.wait()
        load_vocabulary(path, 9)

    monkeypatch.setattr("pipeline.vocabulary.written.files.read", read_slowly)
    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reads == [path]
