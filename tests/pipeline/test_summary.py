import pytest

from pipeline.report.efficiency import padding
from pipeline.summary import describe, summarise
from schemas.dataset_pb2 import ContextType
from schemas.manifest_pb2 import (
    Bucket,
    Counts,
    EventCounts,
    LengthStatistics,
    Manifest,
    RejectedFile,
    Shard,
    SplitStatistics,
    Vocabulary,
)
from schemas.spec import PER_STEP_CLASS, parse_spec


@pytest.fixture
def manifest() -> Manifest:
    lengths = LengthStatistics(lengths=[1, 2, 10], counts=[2, 1, 1], steps=14)
    text = LengthStatistics(
        lengths=[1, 2, 10], counts=[2, 1, 1], steps=14, truncated_records=1, truncated_steps=6, oov_steps=7
    )
    return Manifest(
        fingerprint="f" * 64,
        data_fingerprint="d" * 64,
        spec=parse_spec("sequences: {text: {type: tokens, max_length: 10}}"),
        counts=Counts(
            read=1207, kept=5, examples=5, rejected={"wrong_type": 1200, "invalid_json": 1}, dropped={"empty text": 1}
        ),
        vocabularies={"text": Vocabulary(size=3, distinct=1500, tokens=14, covered=7)},
        statistics={
            "train": SplitStatistics(records=4, lengths={"text": text}, bucket_length=lengths),
            "test": SplitStatistics(records=1),
        },
        buckets=[Bucket(min_length=0, max_length=2), Bucket(min_length=3)],
        shards=[Shard(bytes=1_250_000), Shard(bytes=50_000)],
        rejected_files=[RejectedFile(path="rejected/r.jsonl", records=1201)],
    )


def test_padding_three_ways(manifest: Manifest) -> None:
    efficiency = padding(manifest)
    assert efficiency["bucketed"] == 14 / (3 * 2 + 10)
    assert efficiency["longest"] == 14 / 40
    longest = 1 * 0.5**64 + 2 * (0.75**64 - 0.5**64) + 10 * (1 - 0.75**64)
    assert efficiency["random_batches"] == pytest.approx(14 / 4 / longest)


def test_the_end_of_a_run_for_people(manifest: Manifest) -> None:
    assert summarise(manifest, "out", 2.0).splitlines() == [
        "1,207 records read, 5 kept (test 1, train 4), 1,201 rejected (invalid_json 1, wrong_type 1,200), "
        "1 dropped (empty text 1)",
        "lengths (train): 1 to 10, median 1, 99 % up to 10, 14 steps",
        "text: vocabulary of 3, 1,500 different tokens counted, 50.00% of all covered; "
        "steps out of vocabulary: train 50.00%",
        "text: max_length 10 cut 1 records and 30.00% of the steps",
        "padding efficiency (train): 0.875 in 2 buckets (of 100 steps computed, 88 are data); "
        "0.350 in random batches of 64; 0.350 padded to the longest",
        "rejected records: out/rejected/r.jsonl",
        "2 shards, 1.3 MB → out/manifest.json (2.0 s, 604 records/s)",
    ]


def test_events_are_told_before_the_records_that_they_make(manifest: Manifest) -> None:
    events = EventCounts(read=5000, kept=4990, rejected={"wrong_type": 7}, dropped={"duplicate event": 3}, tied=12)
    manifest.counts.events.CopyFrom(events)
    manifest.spec.group.order_by = "time"
    lines = summarise(manifest, "out", 2.0).splitlines()
    assert lines[:2] == [
        "5,000 events read, 4,990 events in 1,207 records, 7 rejected (wrong_type 7), 3 dropped (duplicate event 3)",
        "12 events have the 'time' of another one: file and position decide which is first",
    ]
    assert lines[2].startswith("1,207 records, 5 kept (test 1, train 4), 1,201 rejected (")
    assert lines[-1].endswith("(2.0 s, 2,500 events/s)")
    assert describe(manifest, "out")["counts"]["events"] == {
        "read": 5000,
        "kept": 4990,
        "rejected": {"wrong_type": 7},
        "dropped": {"duplicate event": 3},
        "tied": 12,
    }
    manifest.counts.events.tied = 0
    assert len(summarise(manifest, "out", 2.0).splitlines()) == len(lines) - 1


def test_the_end_of_a_run_for_machines(manifest: Manifest) -> None:
    result = describe(manifest, "out")
    assert result.pop("padding_efficiency") == padding(manifest)
    assert result == {
        "output": "out",
        "fingerprint": "f" * 64,
        "data_fingerprint": "d" * 64,
        "counts": {
            "read": 1207,
            "kept": 5,
            "examples": 5,
            "rejected": {"wrong_type": 1200, "invalid_json": 1},
            "dropped": {"empty text": 1},
        },
        "splits": {"test": 1, "train": 4},
        "buckets": 2,
        "shards": 2,
        "vocabularies": {
            "text": {"size": 3, "distinct": 1500, "coverage": 0.5, "count_error": 0, "oov_rates": {"train": 0.5}}
        },
    }


def test_vocabularies_are_told(manifest: Manifest) -> None:
    manifest.spec.context["land"].type = ContextType.category
    manifest.vocabularies["land"].CopyFrom(Vocabulary(size=2, distinct=9, tokens=8, covered=6, count_error=1_000))
    manifest.statistics["test"].lengths["text"].CopyFrom(LengthStatistics(steps=1_000, oov_steps=25))
    lines = summarise(manifest, "out", 2.0).splitlines()
    assert lines[2] == (
        "text: vocabulary of 3, 1,500 different tokens counted, 50.00% of all covered; "
        "steps out of vocabulary: test 2.50%, train 50.00%"
    )
    assert lines[4] == (
        "land: vocabulary of 2, at least 9 different tokens counted (counts up to 1,000 too small), at least 75.00% of "
        "all covered"
    )
    manifest.vocabularies["text"].tokens = 0
    assert describe(manifest, "out")["vocabularies"]["text"]["coverage"] == 1


def test_unknown_labels_are_told(manifest: Manifest) -> None:
    manifest.statistics["test"].unknown_labels = 1000
    manifest.statistics["other"].unknown_labels = 1
    line = "label: 1,001 records of classes that train does not have, stored as -1 (other 1, test 1,000)"
    assert summarise(manifest, "out", 2.0).splitlines()[-3] == line
    manifest.spec.label.type = PER_STEP_CLASS
    assert line.replace("records", "steps") in summarise(manifest, "out", 2.0)
    manifest.spec.label.classes_file = "classes.txt"
    assert "steps of classes that classes.txt does not have" in summarise(manifest, "out", 2.0)


def test_an_aligned_sequence_is_cut_by_the_length_of_the_other(manifest: Manifest) -> None:
    manifest.spec.CopyFrom(
        parse_spec("sequences: {text: {type: tokens, max_length: 10}, tags: {type: tokens, aligned_with: text}}")
    )
    manifest.statistics["train"].lengths["tags"].CopyFrom(manifest.statistics["train"].lengths["text"])
    assert "tags: max_length 10 cut 1 records and 30.00% of the steps" in summarise(manifest, "out", 2.0).splitlines()


def test_a_split_that_got_no_record_is_told(manifest: Manifest) -> None:
    split = "{by: group, from: g, fractions: {train: 0.8, validation: 0.1, test: 0.1}}"
    manifest.spec.CopyFrom(parse_spec(f"sequences: {{text: {{type: tokens}}}}\nsplit: {split}"))
    line = "no record is in validation: there are too few, or too few groups"
    assert line in summarise(manifest, "out", 2.0).splitlines()
