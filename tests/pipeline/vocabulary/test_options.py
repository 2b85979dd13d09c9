"""The options of vocabularies in whole runs."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.verify import verify
from schemas.errors import DataError
from schemas.manifest_pb2 import Manifest
from schemas.vocabulary import Vocabulary, parse_tokens
from tests.pipeline.helpers import make_job, prepare, read_dataset, review_records, run_job, tree, write_jsonl

TRAIN = "split: {fractions: {train: 1.0}}\n"
HALVES = "split: {by: field, from: part}\n"
TEXT = "id: id\nsequences: {text: {type: tokens, tokenizer: whitespace, vocabulary: {%s}}}\n"


def tokens_of(folder: Path, manifest: Manifest, name: str) -> list[str]:
    path = manifest.vocabularies[name].path
    found: list[str] = parse_tokens((folder / path).read_bytes(), path).to_pylist()
    return found


def ids_of(folder: Path, name: str) -> dict[str, list[int]]:
    return {stored.id: stored.values[name] for stored in read_dataset(folder)}


def error_of(spec: str, source: str, folder: Path) -> str:
    with pytest.raises(DataError) as raised:
        prepare(spec, source, folder / "out")
    assert tree(folder / "out" / "vocabulary") == set()
    return str(raised.value)


def test_all_options_of_one_vocabulary(tmp_path: Path) -> None:
    records = review_records(60)
    source = write_jsonl(tmp_path / "in.jsonl", records)
    spec = TEXT % "top_k: 4, oov_buckets: 5, special_tokens: ['<s>', c], count_by: documents"
    manifest = prepare(spec + TRAIN, source, tmp_path / "out")
    counted = Counter(word for record in records for word in set(record["text"].split()))
    others = sorted(counted.keys() - {"c"}, key=lambda word: (-counted[word], word.encode()))
    tokens = ["<s>", "c", *others[:4]]
    assert tokens_of(tmp_path / "out", manifest, "text") == tokens
    vocabulary = Vocabulary(pa.array(tokens), 6)
    ids = ids_of(tmp_path / "out", "text")
    for record in records:
        words = record["text"].split()
        assert ids[record["id"]] == vocabulary.encode(pa.array(words)).tolist()
        assert [word in tokens for word in words] == [identity >= 6 for identity in ids[record["id"]]]
    entry = manifest.vocabularies["text"]
    assert (entry.size, entry.oov_buckets, entry.distinct) == (6, 5, len(counted))
    assert entry.tokens == counted.total()
    assert entry.covered == sum(counted[word] for word in tokens)
    oov = sum(identity < 6 for row in ids.values() for identity in row)
    assert manifest.statistics["train"].lengths["text"].oov_steps == oov > 0
    assert verify(str(tmp_path / "out"))["problems"] == []


@pytest.mark.parametrize("options", ["count_by: documents", "special_tokens: [a, x]", "oov_buckets: 7, top_k: 3"])
def test_blocks_and_workers_do_not_matter(options: str, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", review_records(50))
    spec = TEXT % options + TRAIN
    whole = prepare(spec, source, tmp_path / "whole", block_bytes=1 << 20)
    parts = prepare(spec, source, tmp_path / "parts", "--direct_num_workers=2", block_bytes=300, threads=2)
    assert whole.data_fingerprint == parts.data_fingerprint


def test_a_record_counts_once_whatever_it_is_cut_into(tmp_path: Path) -> None:
    # Windows overlap and b is in each of them; it is in one record all the same.
    records = [{"id": "1", "text": "b b b b b b"}, {"id": "2", "text": "a"}, {"id": "3", "text": "a"}]
    source = write_jsonl(tmp_path / "in.jsonl", records)
    window = "window: {length: 3, stride: 1}\n"
    manifest = prepare(TEXT % "count_by: documents" + window + TRAIN, source, tmp_path / "documents")
    assert tokens_of(tmp_path / "documents", manifest, "text") == ["a", "b"]
    assert manifest.vocabularies["text"].tokens == 3
    manifest = prepare(TEXT % "" + window + TRAIN, source, tmp_path / "occurrences")
    assert tokens_of(tmp_path / "occurrences", manifest, "text") == ["b", "a"]


def test_one_vocabulary_for_several_features(tmp_path: Path) -> None:
    records = [
        {"id": "1", "question": "x y", "answer": "z z z", "land": "y"},
        {"id": "2", "question": "x", "answer": "y", "land": "w"},
    ]
    source = write_jsonl(tmp_path / "in.jsonl", records)
    spec = """
id: id
sequences:
  question: {type: tokens, tokenizer: whitespace, vocabulary: {top_k: 3%s}}
  answer: {type: tokens, tokenizer: whitespace, vocabulary: {shared_with: question}}
context: {land: {type: category, vocabulary: {shared_with: question}}}
"""
    manifest = prepare(spec % "" + TRAIN, source, tmp_path / "out")
    assert tokens_of(tmp_path / "out", manifest, "question") == ["y", "z", "x"]
    assert manifest.vocabularies["question"] == manifest.vocabularies["answer"] == manifest.vocabularies["land"]
    entry = manifest.vocabularies["land"]
    assert (entry.tokens, entry.distinct, entry.covered) == (9, 4, 8)
    assert ids_of(tmp_path / "out", "question") == {"1": [4, 2], "2": [4]}
    assert ids_of(tmp_path / "out", "answer") == {"1": [3, 3, 3], "2": [2]}
    assert ids_of(tmp_path / "out", "land") == {"1": [2], "2": [1]}
    assert tree(tmp_path / "out" / "vocabulary") == {Path(entry.path).name, "question.txt"}
    # A record has a token once, in however many of its features: y and x in two records, z and w in one.
    manifest = prepare(spec % ", count_by: documents" + TRAIN, source, tmp_path / "documents")
    assert tokens_of(tmp_path / "documents", manifest, "question") == ["x", "y", "w"]
    assert manifest.vocabularies["question"].tokens == 6


def test_a_given_vocabulary(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_bytes("rare\na\nb\n東京\n".encode())
    source = write_jsonl(tmp_path / "in.jsonl", [{"id": "1", "text": "a c a"}, {"id": "2", "text": "東京 d rare"}])
    manifest = prepare(TEXT % f"file: {tmp_path / 'v.txt'}, oov_buckets: 2" + TRAIN, source, tmp_path / "out")
    assert tokens_of(tmp_path / "out", manifest, "text") == ["rare", "a", "b", "東京"]
    entry = manifest.vocabularies["text"]
    assert (entry.size, entry.tokens, entry.distinct, entry.covered) == (4, 6, 5, 4)
    unknown = Vocabulary(pa.array([], pa.string()), 3).encode(pa.array(["c", "d"])).tolist()
    assert ids_of(tmp_path / "out", "text") == {"1": [4, unknown[0], 4], "2": [6, unknown[1], 3]}
    assert verify(str(tmp_path / "out"))["problems"] == []


def test_a_given_vocabulary_that_cannot_be_used(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [{"id": "1", "text": "a c a"}])
    path = tmp_path / "v.txt"
    spec = TEXT % f"file: {path}" + TRAIN
    said = f"{path}: cannot be read: No such file or directory; sequences.text.vocabulary.file of the spec names it"
    assert error_of(spec, source, tmp_path) == f"{said}; correct the path"
    path.write_bytes(b"a\nb\na\n")
    assert error_of(spec, source, tmp_path) == f"vocabulary {path}, line 3: 'a' stands there twice; remove one"
    path.write_bytes(b"a\n")
    job = make_job(spec, source, tmp_path / "out")
    path.write_bytes(b"b\n")
    with pytest.raises(DataError) as raised:
        run_job(job)
    assert str(raised.value) == (f"{path}: has changed since the run began; run again when nobody writes to it")


def label_spec(kind: str, more: str) -> str:
    return f"id: id\nsequences: {{text: {{type: tokens}}}}\nlabel: {{from: y, type: {kind}{more}}}\n"


def test_given_classes(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(b"no\nmaybe\nyes\n")
    records = [{"id": str(i), "text": ["a"] * (i + 1), "y": y} for i, y in enumerate(["yes", "no", "YES", "yes"])]
    source = write_jsonl(tmp_path / "in.jsonl", records)
    spec = label_spec("class", f", classes_file: {path}") + TRAIN
    manifest = prepare(spec, source, tmp_path / "out", max_rejected=1)
    assert (manifest.classes.size, manifest.classes.tokens, manifest.classes.covered) == (3, 3, 3)
    assert manifest.counts.rejected == {"unknown_label": 1}
    # What is not kept is not counted either.
    assert manifest.vocabularies["text"].tokens == 1 + 2 + 4
    assert ids_of(tmp_path / "out", "label") == {"0": [2], "1": [0], "3": [2]}
    assert list(manifest.statistics["train"].classes) == [1, 0, 2]
    message = error_of(spec, source, tmp_path / "strict")
    assert message.startswith("1 of 4 records rejected (unknown_label 1), --max_rejected allows 0; ")
    assert (
        f"a label must be one of the 3 classes of {path}; add it there, say label.unknown: keep, or allow it with "
        "--max_rejected"
    ) in message


def test_given_classes_and_labels_that_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(b"no\nyes\n")
    records = [{"id": str(i), "text": ["a", "b"], "y": y} for i, y in enumerate([["yes", "no"], ["x", "yes"]])]
    source = write_jsonl(tmp_path / "in.jsonl", records)
    spec = label_spec("per_step_class", f", classes_file: {path}, unknown: keep") + TRAIN
    manifest = prepare(spec, source, tmp_path / "out")
    assert ids_of(tmp_path / "out", "label") == {"0": [1, 0], "1": [-1, 1]}
    assert manifest.statistics["train"].unknown_labels == 1
    assert (manifest.classes.tokens, manifest.classes.distinct, manifest.classes.covered) == (4, 3, 3)
    spec = label_spec("per_step_class", f", classes_file: {path}") + TRAIN
    manifest = prepare(spec, source, tmp_path / "strict", max_rejected=1)
    assert (manifest.counts.kept, manifest.counts.rejected) == (1, {"unknown_label": 1})


def test_approximate_counts(tmp_path: Path) -> None:
    records = review_records(80)
    source = write_jsonl(tmp_path / "in.jsonl", records)
    exact = Counter(word for record in records for word in record["text"].split())
    found = [
        prepare(TEXT % "approximate: 6, top_k: 2" + TRAIN, source, tmp_path / name, *flags, **settings)
        for name, flags, settings in (("one", (), {}), ("two", ("--direct_num_workers=2",), {"threads": 2}))
    ]
    entry = found[0].vocabularies["text"]
    assert found[0].data_fingerprint == found[1].data_fingerprint
    assert 0 < entry.count_error <= exact.total() // 7
    assert (entry.tokens, entry.size) == (exact.total(), 2)
    assert entry.distinct <= 6
    tokens = tokens_of(tmp_path / "one", found[0], "text")
    least = sum(exact[token] for token in tokens) - 2 * entry.count_error
    assert least <= entry.covered <= sum(exact[token] for token in tokens)
    manifest = prepare(TEXT % "approximate: 1000, top_k: 2" + TRAIN, source, tmp_path / "enough")
    assert manifest.vocabularies["text"].count_error == 0


def test_rates_are_told_of_every_split(tmp_path: Path) -> None:
    records = [
        {"id": "1", "text": "a b b", "part": "train"},
        {"id": "2", "text": "b c d", "part": "test"},
        {"id": "3", "text": "e", "part": "validation"},
    ]
    source = write_jsonl(tmp_path / "in.jsonl", records)
    manifest = prepare(TEXT % "top_k: 1, oov_buckets: 3" + HALVES, source, tmp_path / "out")
    rates = {name: split.lengths["text"].oov_steps for name, split in manifest.statistics.items()}
    assert rates == {"train": 1, "test": 2, "validation": 1}


def test_one_class(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [{"id": str(i), "text": ["a"], "y": "x"} for i in range(3)])
    manifest = prepare(label_spec("class", "") + TRAIN, source, tmp_path / "out")
    assert (manifest.classes.size, list(manifest.statistics["train"].classes)) == (1, [3])
    assert ids_of(tmp_path / "out", "label") == {"0": [0], "1": [0], "2": [0]}


@pytest.mark.parametrize(("records", "kept"), [([[], []], 2), ([["a"], []], 2)])
def test_no_tokens_at_all(records: list[list[str]], kept: int, tmp_path: Path) -> None:
    spec = "id: id\nsequences:\n  t: {type: tokens, empty: keep}\n  u: {type: tokens, empty: keep}\n" + TRAIN
    rows: list[dict[str, Any]] = [{"id": str(i), "t": [], "u": words} for i, words in enumerate(records)]
    manifest = prepare(spec, write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out")
    entry = manifest.vocabularies["t"]
    assert (manifest.counts.kept, entry.size, entry.tokens, entry.distinct, entry.covered) == (kept, 0, 0, 0, 0)
    assert (tmp_path / "out" / entry.path).read_bytes() == b""
    assert ids_of(tmp_path / "out", "t") == {"0": [], "1": []}
    assert verify(str(tmp_path / "out"))["problems"] == []


def test_strange_tokens_names_and_classes(tmp_path: Path) -> None:
    strange = ["<script>alert(1)</script>", "&amp;", "\x01\x1b[31m", "\u202eשלום", "\\n", "a\nb", "", "\0", "\r"]
    rows = [{"id": f"{word}-{i}", "text": strange, "y": word} for i, word in enumerate(strange)]
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    manifest = prepare(label_spec("class", "") + TRAIN, source, tmp_path / "out")
    ordered = sorted(strange, key=str.encode)
    assert tokens_of(tmp_path / "out", manifest, "text") == ordered
    classes = (tmp_path / "out" / manifest.classes.path).read_bytes()
    assert parse_tokens(classes, "").to_pylist() == ordered
    labels = ids_of(tmp_path / "out", "label")
    assert labels == {row["id"]: [ordered.index(row["y"])] for row in rows}
    # The file that was written is as good as given.
    spec = TEXT % f"file: {tmp_path / 'out' / manifest.vocabularies['text'].path}" + TRAIN
    again = prepare(spec.replace("tokenizer: whitespace, ", ""), source, tmp_path / "again")
    assert again.vocabularies["text"] == manifest.vocabularies["text"]
    assert ids_of(tmp_path / "again", "text") == ids_of(tmp_path / "out", "text")
