"""Spans as if they were one data set: what is added up, what must agree, and what is refused."""

from collections import Counter
from collections.abc import Callable
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.example import DIGEST_MODULUS
from schemas.manifest import SPAN_VERSION, data_fingerprint, fingerprint, seal, shards_of
from schemas.manifest_pb2 import (
    Bucket,
    Counts,
    EventCounts,
    InputFile,
    LengthStatistics,
    Manifest,
    Moments,
    RejectedFile,
    Shard,
    Span,
    SplitStatistics,
    StatisticsFile,
    TokenizerFile,
    Vocabulary,
)
from schemas.spans.merging import definer_of, merge_manifests, of_model
from schemas.spans.totals import add_counts, merge_splits, merge_statistics
from schemas.spec import parse_spec

SPEC = "name: tiny\nsequences: {t: {type: tokens}}\nlabel: {from: l, type: class}"


def histogram(lengths: list[int], **beside: int) -> LengthStatistics:
    counts = sorted(Counter(lengths).items())
    return LengthStatistics(
        lengths=[length for length, _ in counts], counts=[count for _, count in counts], steps=sum(lengths), **beside
    )


def span_manifest(name: str, split_lengths: dict[str, list[int]], generation: int = 0, spec: str = SPEC) -> Manifest:
    """A span whose vocabulary has 2 entries and one more a generation, with a shard for each split."""
    size = 2 + generation
    manifest = Manifest(
        spec=parse_spec(spec),
        inputs=[InputFile(path=f"in-{name}.jsonl", records=9)],
        counts=Counts(read=9, kept=8, rejected={"too_short": 1}, examples=8),
        vocabularies={"t": Vocabulary(path=f"vocabulary/t-{size}.txt", sha256=f"t{size}", size=size, oov_buckets=1)},
        classes=Vocabulary(path=f"vocabulary/label-{size}.txt", sha256=f"c{size}", size=size),
        tokenizers={"t": TokenizerFile(path="vocabulary/t.json", sha256="bb")},
        moments={"x": Moments(count=3, mean=[0.1], variance=[2.0])},
        buckets=[Bucket(min_length=0)],
        rejected_files=[RejectedFile(path="rejected/a.jsonl", sha256="cc", records=1)],
        statistics_files=[StatisticsFile(path="statistics/s.json", sha256="dd")],
        span=Span(name=name, generation=generation),
    )
    for split, lengths in split_lengths.items():
        manifest.statistics[split].CopyFrom(
            SplitStatistics(
                records=len(lengths),
                bucket_length=histogram(lengths),
                lengths={"t": histogram(lengths, oov_steps=1)},
                classes=[len(lengths)] + [0] * (size - 1),
                records_digest=f"{DIGEST_MODULUS - 1:064x}",
                unknown_labels=1,
            )
        )
        path = f"{split}/bucket-00-shard-00000-of-00001-{name}.tfrecord"
        manifest.shards.append(
            Shard(split=split, path=path, index_path=path.replace("tfrecord", "index"), records=len(lengths))
        )
    return seal(manifest)


def two_spans() -> dict[str, Manifest]:
    return {
        "2026-11-19": span_manifest("2026-11-19", {"train": [3, 3, 5], "test": [1]}),
        "2026-11-20": span_manifest("2026-11-20", {"train": [5, 6]}, generation=1),
    }


def test_two_spans_are_one_data_set() -> None:
    spans = two_spans()
    merged = merge_manifests(spans)
    assert merged.counts == Counts(read=18, kept=16, rejected={"too_short": 2}, examples=16)
    train = merged.statistics["train"]
    assert (train.records, list(train.classes), train.unknown_labels) == (5, [5, 0, 0], 2)
    assert train.lengths["t"] == histogram([3, 3, 5, 5, 6], oov_steps=2)
    assert train.bucket_length == histogram([3, 3, 5, 5, 6])
    assert int(train.records_digest, 16) == DIGEST_MODULUS - 2  # -1 twice, modulo 2^256
    assert list(merged.statistics["test"].classes) == [1, 0, 0]
    assert [part.name for part in merged.parts] == list(spans)
    assert [part.fingerprint for part in merged.parts] == [span.fingerprint for span in spans.values()]
    assert [file.path for file in merged.inputs] == ["in-2026-11-19.jsonl", "in-2026-11-20.jsonl"]
    assert [file.path for file in merged.rejected_files] == [f"spans/{name}/rejected/a.jsonl" for name in spans]
    assert not merged.statistics_files
    assert not merged.HasField("span")
    assert merged.format_version == SPAN_VERSION
    assert merged.fingerprint == fingerprint(merged)


def test_ids_mean_what_the_longest_vocabularies_say() -> None:
    merged = merge_manifests(two_spans())
    assert merged.vocabularies["t"].path == "spans/2026-11-20/vocabulary/t-3.txt"
    assert merged.classes.path == "spans/2026-11-20/vocabulary/label-3.txt"
    assert merged.tokenizers["t"].path == "spans/2026-11-20/vocabulary/t.json"
    assert merged.vocabularies["t"].size == 3
    # Of those that are as long the newest, whose files are there the longest.
    assert definer_of({name: span_manifest(name, {}) for name in ("b", "a")}) == "a"


def test_shards_are_sorted_and_numbered_anew() -> None:
    merged = merge_manifests(two_spans())
    assert [(shard.split, shard.index, shard.path) for shard in merged.shards] == [
        ("test", 0, "spans/2026-11-19/test/bucket-00-shard-00000-of-00001-2026-11-19.tfrecord"),
        ("train", 0, "spans/2026-11-19/train/bucket-00-shard-00000-of-00001-2026-11-19.tfrecord"),
        ("train", 1, "spans/2026-11-20/train/bucket-00-shard-00000-of-00001-2026-11-20.tfrecord"),
    ]
    assert shards_of(merged, "test")[0].index_path.startswith("spans/2026-11-19/test/")


def test_the_data_are_those_of_one_data_set_with_the_same_records() -> None:
    spans = {name: span_manifest(name, {"train": [4, 2]}) for name in ("a", "b")}
    whole = span_manifest("all", {"train": [2, 2, 4, 4]})
    statistics = whole.statistics["train"]
    statistics.unknown_labels, statistics.lengths["t"].oov_steps = 2, 2
    statistics.records_digest = f"{DIGEST_MODULUS - 2:064x}"
    merged = merge_manifests(spans)
    assert merged.data_fingerprint == data_fingerprint(whole)
    assert merged.fingerprint != merge_manifests({"a": spans["a"], "c": spans["b"]}).fingerprint


def test_a_model_keeps_paths_as_of_one_data_set() -> None:
    merged = merge_manifests(two_spans())
    kept = of_model(merged)
    assert of_model(kept) == kept  # as for a model that is exported
    assert kept.vocabularies["t"].path == "vocabulary/t-3.txt"
    assert kept.classes.path == "vocabulary/label-3.txt"
    assert kept.tokenizers["t"].path == "vocabulary/t.json"
    assert kept.fingerprint == fingerprint(kept)
    assert kept.data_fingerprint == merged.data_fingerprint == data_fingerprint(kept)
    assert [part.name for part in kept.parts] == ["2026-11-19", "2026-11-20"]
    plain = span_manifest("a", {})
    assert of_model(plain) is plain


def test_a_spec_may_have_another_name_input_and_other_seconds() -> None:
    seconds = "buckets: {seconds: {batch: 0.1, step: 0, padded_step: 0, padded_steps: 8, examples: 4}}"
    other = f"{SPEC.replace('tiny', 'other')}\n{seconds}\ninput: {{format: jsonl}}"
    spans = {"a": span_manifest("a", {}), "b": span_manifest("b", {}, spec=other)}
    assert merge_manifests(spans).spec.name == "other"


def _set_moments(manifest: Manifest) -> None:
    manifest.moments["x"].mean[0] = 0.2


def _set_buckets(manifest: Manifest) -> None:
    manifest.buckets[0].max_length = 7


def _set_spec(manifest: Manifest) -> None:
    manifest.spec.sequences["t"].max_length = 7


def _set_tokens(manifest: Manifest) -> None:
    manifest.vocabularies["t"].sha256 = "other"


def _set_oov(manifest: Manifest) -> None:
    manifest.vocabularies["t"].oov_buckets = 3


def _set_classes(manifest: Manifest) -> None:
    manifest.classes.size = 9


def _set_tokenizer(manifest: Manifest) -> None:
    manifest.tokenizers["t"].sha256 = "other"


def _set_no_classes(manifest: Manifest) -> None:
    manifest.ClearField("classes")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set_moments, "their normalisation (moments) are not the same, so that they have no base in common"),
        (_set_buckets, "their buckets are not the same, so that they have no base in common"),
        (_set_spec, "their specs differ in 'sequences.t.max_length'"),
        (_set_tokens, "the vocabulary of 't' of neither begins with that of the other"),
        (_set_oov, "the vocabulary of 't' has 3 and 1 ids out of vocabulary"),
        (_set_classes, "the set of classes of neither begins with that of the other"),
        (_set_tokenizer, "their tokenizer files are not the same"),
        (_set_no_classes, "only one has a set of classes"),
    ],
)
def test_spans_that_do_not_belong_together_are_refused(change: Callable[[Manifest], None], said: str) -> None:
    changed = span_manifest("a", {})
    change(changed)
    spans = {"a": changed, "b": span_manifest("b", {}, generation=int(change is _set_classes))}
    if change is _set_classes:  # the one has more classes, the other more tokens
        spans["b"].classes.size = 2
    with pytest.raises(DataError) as caught:
        merge_manifests(spans)
    assert str(caught.value) == (
        f"spans 'a' and 'b': {said}; choose a range that holds only one of the two (since, until, last)"
    )


def test_events_are_counted_where_there_are_any() -> None:
    events = Counts(read=2, events=EventCounts(read=5, kept=4, rejected={"bad": 1}, tied=2))
    assert add_counts([Counts(read=1)]) == Counts(read=1)
    assert add_counts([events, Counts(read=1), events]) == Counts(
        read=5, events=EventCounts(read=10, kept=8, rejected={"bad": 2}, tied=4)
    )


def test_a_split_without_classes_has_none() -> None:
    assert list(merge_statistics([SplitStatistics(), SplitStatistics()], 4).classes) == []


lengths = st.lists(st.integers(0, 9), max_size=12)
parts = st.dictionaries(st.sampled_from(["train", "test"]), lengths, max_size=2)


def _statistics(by_split: dict[str, list[int]]) -> dict[str, SplitStatistics]:
    return {
        split: SplitStatistics(
            records=len(of),
            bucket_length=histogram(of),
            lengths={"t": histogram(of, truncated_records=len(of), truncated_steps=sum(of))},
            classes=[of.count(length) for length in range(max(of, default=-1) + 1)],
            records_digest=f"{sum(hash((split, length)) for length in of) % DIGEST_MODULUS:064x}",
            unknown_labels=of.count(0),
        )
        for split, of in by_split.items()
    }


@given(st.lists(parts, min_size=1, max_size=4))
def test_merged_statistics_are_those_of_the_union(spans: list[dict[str, list[int]]]) -> None:
    union: dict[str, list[int]] = {}
    for span in spans:
        for split, of in span.items():
            union[split] = union.get(split, []) + of
    assert merge_splits(map(_statistics, spans)) == _statistics(union)


@given(parts, parts, parts)
def test_merging_is_associative(
    one: dict[str, list[int]], two: dict[str, list[int]], three: dict[str, list[int]]
) -> None:
    first, second, third = map(_statistics, (one, two, three))
    together = merge_splits([first, second, third])
    assert merge_splits([merge_splits([first, second]), third]) == together
    assert merge_splits([first, merge_splits([second, third])]) == together


@given(st.lists(parts, min_size=2, max_size=3))
def test_the_order_of_spans_changes_no_record(spans: list[dict[str, list[int]]]) -> None:
    manifests = {f"span-{i}": span_manifest(f"span-{i}", span) for i, span in enumerate(spans)}
    prints = {merge_manifests(dict(order)).data_fingerprint for order in permutations(manifests.items())}
    assert len(prints) == 1
