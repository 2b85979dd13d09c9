"""Tokens by every tokenizer, and what is derived from them, from raw records to shards."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pipeline.verify import verify
from schemas.errors import DataError, UsageError
from schemas.manifest_pb2 import Manifest
from schemas.vocabulary import parse_tokens
from tests.pipeline.helpers import Stored, make_job, prepare, published_tree, read_dataset, run_job, tree, write_jsonl

ALL = "\nsplit: {fractions: {train: 1.0}}\nid: id\n"


def run(tmp_path: Path, spec: str, records: list[dict[str, Any]]) -> tuple[Manifest, dict[str, Stored]]:
    source = write_jsonl(tmp_path / "in.jsonl", records)
    manifest = prepare(spec + ALL, source, tmp_path / "out")
    assert verify(str(tmp_path / "out"))["problems"] == []
    return manifest, {stored.id: stored for stored in read_dataset(tmp_path / "out")}


def words_of(tmp_path: Path, manifest: Manifest, stored: Stored, name: str) -> list[str]:
    """The tokens of a stored sequence; ids begin with 2."""
    path = manifest.vocabularies[name].path
    tokens = parse_tokens((tmp_path / "out" / path).read_bytes(), path).to_pylist()
    return [tokens[i - 2] for i in stored.values.get(name, [])]


def test_what_is_derived_from_each_token(tmp_path: Path) -> None:
    spec = """
sequences:
  words: {type: tokens, max_length: 3}
  prefix: {derive: {of: words, take: prefix, length: 2}}
  suffix: {derive: {of: words, take: suffix, length: 2}}
  shape: {derive: {of: words, take: shape}}
  lower: {derive: {of: words, take: lower}}
  letters: {derive: {of: words, take: characters}}
"""
    records = [
        {"id": "a", "words": ["McDonald's", "é", "42", "cut off"]},
        {"id": "b", "words": ["", "Ab"]},
    ]
    manifest, stored = run(tmp_path, spec, records)
    expected = {
        "a": {
            "prefix": ["Mc", "é", "42"],
            "suffix": ["'s", "é", "42"],
            "shape": ["XxXxxxxx'x", "x", "dd"],
            "lower": ["mcdonald's", "é", "42"],
            "letters": [*"McDonald'sé42"],
        },
        "b": {
            "prefix": ["", "Ab"],
            "suffix": ["", "Ab"],
            "shape": ["", "Xx"],
            "lower": ["", "ab"],
            "letters": ["A", "b"],
        },
    }
    for key, sequences in expected.items():
        found = {name: words_of(tmp_path, manifest, stored[key], name) for name in sequences}
        assert found == sequences
    assert stored["a"].values["letters/sizes"] == [10, 1, 2]
    assert stored["b"].values["letters/sizes"] == [0, 2]
    assert stored["a"].values["letters/length"] == stored["a"].values["words/length"] == [3]
    lengths = manifest.statistics["train"].lengths
    assert {name: lengths[name].steps for name in lengths} == dict.fromkeys(["words", *expected["a"]], 5)
    assert lengths["letters"].truncated_steps == 1


def test_bytes_and_normalisation(tmp_path: Path) -> None:
    spec = """
sequences:
  raw: {type: tokens, from: text, tokenizer: bytes}
  words: {type: tokens, from: text, tokenizer: words, normalization: nfkc, lowercase: true}
"""
    manifest, stored = run(tmp_path, spec, [{"id": "a", "text": "ﬁ E\u0301"}])
    assert words_of(tmp_path, manifest, stored["a"], "words") == ["fi", "é"]
    raw = words_of(tmp_path, manifest, stored["a"], "raw")
    assert raw == [f"<0x{byte:02X}>" for byte in "ﬁ E\u0301".encode()]


def tokenizer_file(path: Path, texts: list[str]) -> str:
    tokenizer = Tokenizer(models.BPE(unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=40, special_tokens=["?"], show_progress=False))
    tokenizer.save(str(path))
    return str(path)


def subword_spec(path: str) -> str:
    return f"sequences: {{text: {{type: tokens, tokenizer: subwords, tokenizer_file: {path}}}}}\n"


def test_subwords(tmp_path: Path) -> None:
    records = [{"id": str(i), "text": f"lower lowest newer newest {'low ' * i}wide"} for i in range(9)]
    path = tokenizer_file(tmp_path / "bpe.json", [record["text"] for record in records])
    manifest, stored = run(tmp_path, subword_spec(path), records)
    library = Tokenizer.from_file(path)
    for record in records:
        found = words_of(tmp_path, manifest, stored[record["id"]], "text")
        assert found == library.encode(record["text"]).tokens
    published = manifest.tokenizers["text"]
    assert (tmp_path / "out" / published.path).read_bytes() == Path(path).read_bytes()
    assert tree(tmp_path / "out") == published_tree(manifest)
    (tmp_path / "out" / published.path).write_bytes(b"{}")
    assert published.path in verify(str(tmp_path / "out"))["problems"][0]


def test_a_tokenizer_file_that_is_none(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [{"id": "a", "text": "x"}])
    missing = str(tmp_path / "missing.json")
    with pytest.raises(UsageError) as raised:
        prepare(subword_spec(missing) + ALL, source, tmp_path / "out")
    assert str(raised.value) == f"sequences.text.tokenizer_file: {missing}: cannot be read: No such file or directory"
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(UsageError) as refused:
        prepare(subword_spec(str(other)) + ALL, source, tmp_path / "out")
    assert str(refused.value).startswith(f"{other}: ")


def test_a_tokenizer_file_that_changes_during_the_run(tmp_path: Path) -> None:
    records = [{"id": str(i), "text": "low lower"} for i in range(3)]
    path = tokenizer_file(tmp_path / "bpe.json", ["low lower"])
    source = write_jsonl(tmp_path / "in.jsonl", records)
    job = make_job(subword_spec(path) + ALL, source, tmp_path / "out")
    tokenizer_file(Path(path), ["something else"])
    with pytest.raises(DataError) as raised:
        run_job(job)
    assert str(raised.value) == f"{path}: has changed since the run began; run again when nobody writes to it"
