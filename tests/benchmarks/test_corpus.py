"""The synthetic corpus: the same bytes each time, the distribution that its docstring states."""

import collections
import hashlib
import json
from pathlib import Path

import corpus
import numpy as np
import pytest


def _records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().decode("utf-8").splitlines()]


def test_records_are_plain_and_the_bytes_are_fixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "corpus.jsonl"
    assert corpus.main(["300", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(path), "records": 300, "bytes": path.stat().st_size}
    records = _records(path)
    assert [record["id"] for record in records] == list(range(300))
    assert all(list(record) == ["id", "text", "label"] for record in records)
    assert {record["label"] for record in records} == {0, 1}
    again = b"".join(block.to_pybytes() for block in corpus.make_blocks(300))
    assert hashlib.sha256(again).digest() == hashlib.sha256(path.read_bytes()).digest()


def test_the_size_of_a_block_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = b"".join(block.to_pybytes() for block in corpus.make_blocks(200))
    monkeypatch.setattr(corpus, "BLOCK_TOKENS", 500)
    blocks = [block.to_pybytes() for block in corpus.make_blocks(200)]
    assert len(blocks) > 20
    assert b"".join(blocks) == whole


def test_lengths_and_words_follow_their_laws(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    corpus.write_corpus(10_000, path)
    texts = [str(record["text"]).split(" ") for record in _records(path)]
    lengths = np.array([len(text) for text in texts])
    assert (lengths.min(), lengths.max()) == (1, 2_500)
    assert np.median(lengths) == pytest.approx(73, abs=3)
    assert np.percentile(lengths, 99) == pytest.approx(684, rel=0.08)
    counts = [count for _, count in collections.Counter(word for text in texts for word in text).most_common()]
    ratio = counts[1] / counts[0]  # of the second to the first word: 2 to the power of -1.05
    assert ratio == pytest.approx(2**-corpus.ZIPF_EXPONENT, rel=0.05)
