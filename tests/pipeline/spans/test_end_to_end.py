"""Spans as they are published one after another: what is frozen, what is added, what is the same as in one run."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.about_label import labels_by_split
from pipeline.verify import verify
from schemas.errors import DataError, UsageError
from schemas.example import DIGEST_MODULUS
from schemas.manifest import dump_manifest
from schemas.manifest_pb2 import Manifest
from schemas.messages import to_plain
from tests.pipeline.helpers import REVIEW_SPEC, make_job, read_dataset, review_records, run_job, tree, write_jsonl
from tests.pipeline.spans.helpers import entries, folder, manifest_of, publish, span_job

WHOLE_SPEC = """
id: id
sequences:
  text: {type: tokens, tokenizer: whitespace, vocabulary: {min_frequency: 2, oov_buckets: 3, special_tokens: ["[CLS]"]}}
  title: {type: tokens, tokenizer: whitespace, vocabulary: {shared_with: text}}
  shape: {type: tokens, derive: {of: text, take: shape}, vocabulary: {approximate: 100}}
  heat: {type: series, dims: 2, missing: mean, normalize: zscore}
context:
  city: {type: category}
  age: {type: number, normalize: zscore}
label: {from: score, type: number}
split: {fractions: {train: 0.7, validation: 0.2, test: 0.1}}
buckets: {count: 3}
"""


def contract(manifest: Manifest) -> dict[str, Any]:
    values = to_plain(manifest)
    return {name: values.get(name) for name in ("vocabularies", "classes", "moments", "buckets")}


def ids_of(root: Path, name: str, vocabulary: str) -> dict[str, int]:
    return {token: i for i, token in enumerate(entries(root, name, vocabulary))}


def with_words(records: list[dict[str, Any]], *words: str) -> list[dict[str, Any]]:
    """Records whose texts all end with some words."""
    return [record | {"text": f"{record['text']} {' '.join(words)}"} for record in records]


def parts(tmp_path: Path, count: int, records: list[dict[str, Any]]) -> list[str]:
    return [write_jsonl(tmp_path / f"part-{i}.jsonl", records[i::count]) for i in range(count)]


def wide_records(count: int, shift: float = 0.0) -> list[dict[str, Any]]:
    """Records with everything that a plan is made of: numbers are missing, and far from 0 with a shift."""
    made = []
    for i, record in enumerate(review_records(count)):
        heat = [[i + shift, None if step % 3 == 1 else 0.5 * step] for step in range(1 + i % 6)]
        made.append(
            record
            | {"title": record["text"][:9], "heat": heat, "city": f"c{i % 4}", "age": i + shift, "score": shift - i}
        )
    return made


def test_ids_stay_the_same_over_ten_spans(tmp_path: Path) -> None:
    sources = parts(tmp_path, 10, review_records(150))
    manifests = [publish(tmp_path / "out", f"2026-11-{10 + i}", source) for i, source in enumerate(sources)]
    assert all(contract(each) == contract(manifests[0]) for each in manifests)
    first = folder(tmp_path / "out", "2026-11-10")
    for i, manifest in enumerate(manifests[1:], 11):
        span = manifest.span
        assert (span.name, span.base, span.generation, span.extends) == (f"2026-11-{i}", "2026-11-10", 0, False)
        assert span.base_fingerprint == manifests[0].fingerprint
        own = folder(tmp_path / "out", f"2026-11-{i}")
        for entry in (manifest.vocabularies["text"], manifest.classes):
            assert (own / entry.path).read_bytes() == (first / entry.path).read_bytes()
        assert verify(str(own))["problems"] == []


def test_spans_hold_what_one_run_over_all_input_does(tmp_path: Path) -> None:
    root, records = tmp_path / "out", review_records(160)
    first, *sources = parts(tmp_path, 4, records)
    base = publish(root, "2026-11-20", first)
    spans = [publish(root, f"2026-11-2{i}", source) for i, source in enumerate(sources, 1)]
    joined = publish(root, "joined", sources, "2026-11-20")
    assert contract(joined) == contract(base)
    for split, statistics in joined.statistics.items():
        digests = [int(span.statistics[split].records_digest, 16) for span in spans if split in span.statistics]
        assert sum(digests) % DIGEST_MODULUS == int(statistics.records_digest, 16)
    together = [record for span in spans for record in read_dataset(folder(root, span.span.name))]
    stored = read_dataset(folder(root, "joined"))
    assert sorted(together, key=lambda each: each.id) == sorted(stored, key=lambda each: each.id)


def test_other_processes_find_the_base(tmp_path: Path) -> None:
    root, sources = tmp_path / "out", parts(tmp_path, 2, review_records(60))
    base = publish(root, "1", sources[0])
    flags = "--direct_num_workers=2", "--direct_running_mode=multi_processing"
    span = run_job(span_job(root, "2", sources[1]), *flags)
    assert contract(span) == contract(base)
    assert span.statistics == publish(root, "3", sources[1]).statistics


def test_everything_that_is_planned_is_frozen(tmp_path: Path) -> None:
    root = tmp_path / "out"
    sources = [write_jsonl(tmp_path / f"{i}.jsonl", wide_records(90, 100.0 * i)) for i in range(2)]
    base = publish(root, "1", sources[0], spec=WHOLE_SPEC)
    span = publish(root, "2", sources[1], spec=WHOLE_SPEC)
    assert contract(span) == contract(base)
    assert {"heat", "age", "label"} == set(base.moments)
    assert set(base.vocabularies) == {"text", "title", "shape", "city"}
    assert base.vocabularies["title"] == base.vocabularies["text"]
    mean = base.moments["heat"].mean[1]
    filled = {
        round(value, 4)
        for record in read_dataset(folder(root, "2"))
        for value, missing in zip(record.values["heat"], record.values["heat/missing"], strict=True)
        if missing
    }
    assert filled == {round(mean, 4)}
    assert verify(str(folder(root, "2")))["problems"] == []


def test_extending_only_appends(tmp_path: Path) -> None:
    root, records = tmp_path / "out", review_records(120)
    first, second, third = (records[i::3] for i in range(3))
    publish(root, "1", write_jsonl(tmp_path / "1.jsonl", first))
    news = [record | {"stars": 9} if i % 2 else record for i, record in enumerate(with_words(second, "zz", "yy", "zz"))]
    extended = publish(root, "2", write_jsonl(tmp_path / "2.jsonl", news), extend=1)
    assert (extended.span.base, extended.span.extends, extended.span.generation) == ("1", True, 1)
    assert entries(root, "2", "text") == [*entries(root, "1", "text"), "zz"]
    assert entries(root, "2", "label") == [*entries(root, "1", "label"), "9"]
    assert extended.buckets == manifest_of(root, "1").buckets
    entry = extended.vocabularies["text"]
    assert entry.tokens == extended.statistics["train"].lengths["text"].steps
    assert entry.tokens - entry.covered == extended.statistics["train"].lengths["text"].oov_steps
    taking = publish(root, "3", write_jsonl(tmp_path / "3.jsonl", with_words(third, "zz", "yy")))
    assert (taking.span.base, taking.span.extends, taking.span.generation) == ("2", False, 1)
    assert contract(taking) == contract(extended)
    older = publish(root, "4", write_jsonl(tmp_path / "4.jsonl", third), "1")
    assert contract(older) == contract(manifest_of(root, "1"))
    for one, other in itertools.pairwise(["1", "2", "3"]):
        assert ids_of(root, one, "text").items() <= ids_of(root, other, "text").items()
    assert all(verify(str(folder(root, name)))["problems"] == [] for name in "1234")


def test_what_is_not_frequent_enough_is_not_added(tmp_path: Path) -> None:
    root, records = tmp_path / "out", review_records(60)
    publish(root, "1", write_jsonl(tmp_path / "1.jsonl", records))
    once = records[:-1] + with_words(records[-1:], "rare")
    span = publish(root, "2", write_jsonl(tmp_path / "2.jsonl", once), extend=5)
    assert (span.span.extends, span.span.generation) == (False, 0)
    assert contract(span) == contract(manifest_of(root, "1"))


def test_approximate_counts_extend_as_well(tmp_path: Path) -> None:
    root = tmp_path / "out"
    publish(root, "1", write_jsonl(tmp_path / "1.jsonl", wide_records(60)), spec=WHOLE_SPEC)
    changed = [record | {"text": "A1-b " + record["text"]} for record in wide_records(60)]
    span = publish(root, "2", write_jsonl(tmp_path / "2.jsonl", changed), extend=3, spec=WHOLE_SPEC)
    assert span.span.extends
    before, after = entries(root, "1", "shape"), entries(root, "2", "shape")
    assert after[: len(before)] == before
    assert after[len(before) :] == ["Xd-x"]
    assert "A1-b" in entries(root, "2", "text")
    assert span.vocabularies["city"] == manifest_of(root, "1").vocabularies["city"]


def test_a_label_that_the_base_does_not_have_is_rejected(tmp_path: Path) -> None:
    root, records = tmp_path / "out", review_records(60)
    publish(root, "1", write_jsonl(tmp_path / "1.jsonl", records))
    source = write_jsonl(tmp_path / "2.jsonl", [*records[:30], {"id": "new", "text": "a b", "stars": 8}])
    classes = folder(root, "1") / manifest_of(root, "1").classes.path
    with pytest.raises(DataError) as caught:
        publish(root, "2", source)
    assert (
        f"a label must be one of the 3 classes of {classes}; publish the span with --extend_vocabulary, say "
        "label.unknown: keep, or allow it with --max_rejected"
    ) in str(caught.value)
    assert publish(root, "2", source, max_rejected=1).counts.rejected == {"unknown_label": 1}


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_span_may_have_no_training_record(tmp_path: Path, split: str) -> None:
    root, records = tmp_path / "out", review_records(60)
    spec = "id: id\nsequences: {text: {type: tokens, tokenizer: whitespace}}\nlabel: {from: stars, type: class}\n"
    base = publish(root, "1", write_jsonl(tmp_path / "1.jsonl", records), spec=spec)
    source = f"{split}={write_jsonl(tmp_path / '2.jsonl', records[:20])}"
    span = publish(root, "2", source, extend=9, spec=spec)
    assert list(span.statistics) == [split]
    assert contract(span) == contract(base)
    assert not span.span.extends
    assert verify(str(folder(root, "2")))["problems"] == []


def test_a_span_may_keep_no_record_at_all(tmp_path: Path) -> None:
    root, records = tmp_path / "out", review_records(40)
    spec = REVIEW_SPEC.replace("{type: tokens,", "{type: tokens, empty: drop,")
    base = publish(root, "1", write_jsonl(tmp_path / "1.jsonl", records), spec=spec)
    empty = [record | {"text": ""} for record in records]
    span = publish(root, "2", write_jsonl(tmp_path / "2.jsonl", empty), spec=spec)
    assert (span.counts.read, span.counts.kept, dict(span.counts.dropped)) == (40, 0, {"empty text": 40})
    assert (list(span.statistics), list(span.shards)) == ([], [])
    assert contract(span) == contract(base)
    with pytest.raises(DataError, match="the input holds no record"):
        publish(root, "3", write_jsonl(tmp_path / "3.jsonl", [b"", b""]), spec=spec)


def test_the_next_step_is_that_of_the_base_without_training_records(tmp_path: Path) -> None:
    root = tmp_path / "out"
    events = [{"k": i % 9, "o": i, "w": "abc"[i % 3]} for i in range(90)]
    source = write_jsonl(tmp_path / "1.jsonl", events)
    spec = "group: {by: k, order_by: o}\nsequences: {w: {type: tokens}}\nlabel: {type: next_step, of: w, end: true}\n"
    base = publish(root, "1", source, spec=spec)
    span = publish(root, "2", f"test={source}", spec=spec)
    assert contract(span) == contract(base)
    assert labels_by_split(span) == {"test": 90}
    assert list(span.statistics) == ["test"]  # nothing that was asked has added a split


def test_the_first_span_needs_training_records(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "1.jsonl", review_records(5))
    with pytest.raises(UsageError, match="--input: no file is for training, only holdout=; say train= or no split"):
        span_job(tmp_path / "out", "1", f"holdout={source}")


def test_a_base_that_is_gone_can_be_taken_from_others(tmp_path: Path) -> None:
    root, sources = tmp_path / "out", parts(tmp_path, 3, review_records(90))
    publish(root, "1", sources[0])
    second = publish(root, "2", sources[1])
    folder(root, "1").rename(tmp_path / "gone")
    for name, base in (("3", ""), ("4", "2")):
        span = publish(root, name, sources[2], base)
        assert contract(span) == contract(second)
        assert span.span.base_fingerprint == second.span.base_fingerprint
        assert span.span.base == "1"
    again = publish(root, "1", sources[0])
    assert contract(again) == contract(second)
    assert (again.span.base, again.span.generation) == ("", 0)


def test_replacing_the_base_of_others_keeps_their_ids(tmp_path: Path) -> None:
    root, records = tmp_path / "out", review_records(90)
    sources = parts(tmp_path, 3, records)
    base = publish(root, "1", sources[0])
    others = [dump_manifest(publish(root, name, source)) for name, source in (("2", sources[1]), ("3", sources[2]))]
    changed = write_jsonl(tmp_path / "changed.jsonl", with_words(records[:40], "new", "new"))
    again = publish(root, "1", changed, extend=7, replace=True)
    assert contract(again) == contract(base)
    assert again.span.drift  # from what it was before
    again.span.ClearField("drift")
    again.span.ClearField("drift_base")
    assert again.span == base.span
    assert again.counts.kept == 40
    assert [(folder(root, name) / "manifest.json").read_bytes() for name in ("2", "3")] == others
    assert verify(str(folder(root, "1")))["problems"] == []


def test_a_base_that_nobody_has_taken_from_is_planned_anew(tmp_path: Path) -> None:
    root, records = tmp_path / "out", review_records(40)
    publish(root, "1", write_jsonl(tmp_path / "1.jsonl", records))
    publish(root, "1", write_jsonl(tmp_path / "2.jsonl", with_words(records, "new")), replace=True)
    assert "new" in entries(root, "1", "text")


def test_two_first_spans_do_not_both_get_published(tmp_path: Path) -> None:
    root, sources = tmp_path / "out", parts(tmp_path, 2, review_records(60))
    late = span_job(root, "2", sources[1])
    publish(root, "1", sources[0])
    with pytest.raises(DataError) as caught:
        run_job(late)
    assert str(caught.value) == (
        "2: the span 1 was published meanwhile, with vocabularies of its own; nothing was published; run again"
    )
    assert publish(root, "2", sources[1]).span.base == "1"


def test_a_folder_holds_one_data_set_or_spans(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "1.jsonl", review_records(40))
    publish(tmp_path / "out", "1", source)
    before = tree(tmp_path / "out")
    with pytest.raises(UsageError) as caught:
        run_job(make_job(REVIEW_SPEC, source, tmp_path / "out"))
    assert str(caught.value) == (
        f"{tmp_path / 'out'}: holds the span 1 (spans/1), so that a data set of its own does not belong there; say "
        "--span NAME, or name another folder"
    )
    assert tree(tmp_path / "out") == before
    run_job(make_job(REVIEW_SPEC, source, tmp_path / "alone"))
    with pytest.raises(UsageError) as caught:
        span_job(tmp_path / "alone", "1", source)
    assert str(caught.value) == (
        f"{tmp_path / 'alone'}: holds a data set of its own, so that spans do not belong there; leave --span out, or "
        "name another folder"
    )
