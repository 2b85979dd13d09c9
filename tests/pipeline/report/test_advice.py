from collections.abc import Callable, Iterator

import pytest

from pipeline.report.advice import advise, bucket_advice, cut_advice, shard_advice, small_bucket_advice
from pipeline.report.advice_records import class_advice, missing_class_advice, rejected_advice, split_advice
from pipeline.report.advice_values import constant_advice, oov_advice
from pipeline.report.efficiency import measure
from pipeline.report.facts import Example, Facts
from pipeline.report.words import Sentence
from schemas.manifest_pb2 import EventCounts, Manifest, Moments, Shard
from tests.pipeline.report.facts import SPEC, details_of, make_facts, make_manifest, make_statistics, split_of


def said(advice: Callable[[Facts], Iterator[Sentence]], facts: Facts) -> list[str]:
    return [str(sentence) for sentence in advice(facts)]


@pytest.fixture
def manifest() -> Manifest:
    return make_manifest()


def test_nothing_is_said_where_nothing_is_wrong(manifest: Manifest) -> None:
    manifest.buckets.extend([manifest.buckets[-1]] * 3)
    efficiency = measure(make_facts(manifest))
    assert [str(sentence) for sentence in advise(make_facts(manifest), efficiency)] == []


def test_many_rejected_of_one_reason(manifest: Manifest) -> None:
    counts = manifest.counts
    counts.read = 1000
    counts.rejected.update({"wrong_type": 12, "invalid_json": 700, "missing_field": 9})
    facts = make_facts(manifest)
    facts.examples["invalid_json"] = [Example("in.jsonl, line 7", "a line must hold one JSON object", "oops")]
    assert said(rejected_advice, facts) == [
        "700 of 1,000 records (70 %) rejected as invalid_json: a line must hold one JSON object "
        "(first: in.jsonl, line 7)",
        "12 of 1,000 records (1.2 %) rejected as wrong_type: mend the records or the spec",
    ]


def test_many_rejected_events(manifest: Manifest) -> None:
    manifest.counts.events.CopyFrom(EventCounts(read=50, kept=49, rejected={"no_key": 1}))
    assert said(rejected_advice, make_facts(manifest)) == [
        "1 of 50 events (2 %) rejected as no_key: mend the records or the spec"
    ]


def test_steps_that_are_cut_off(manifest: Manifest) -> None:
    facts = make_facts(manifest)
    train = facts.manifest.statistics["train"]
    train.CopyFrom(split_of({2: 100, 100: 2}, cut=40))
    statistics = make_statistics()
    uncut = {2: 1000, 101: 1, 112: 1, 130: 1, 612: 1}
    statistics.splits["train"].sequences["text"].uncut_lengths.CopyFrom(details_of(uncut))
    # Of 2,955 steps 482 lie beyond 130.
    assert said(cut_advice, Facts(manifest, statistics)) == [
        "raise max_length of 'text' from 100 to 612 to cut nothing instead of 9.1 %, or keep all of it in pieces with "
        "too_long: split"
    ]
    statistics.splits["train"].sequences["text"].uncut_lengths.CopyFrom(details_of({2: 9000, 150: 30, 160: 2}))
    assert said(cut_advice, Facts(manifest, statistics)) == [
        "raise max_length of 'text' from 100 to 150 to cut 0.09 % of the steps instead of 9.1 %"
    ]
    assert said(cut_advice, Facts(manifest, None)) == ["max_length 100 cuts off 9.1 % of the steps of 'text': raise it"]
    train.lengths["text"].truncated_steps = 4
    assert said(cut_advice, Facts(manifest, statistics)) == []


def test_more_buckets(manifest: Manifest) -> None:
    facts = make_facts(manifest)
    efficiency = measure(facts)
    assert [str(sentence) for sentence in bucket_advice(facts, efficiency)] == [
        "3 buckets would give a padding efficiency of 0.62 instead of 0.46: of 100 steps computed, 62 instead of 46 "
        "would be data"
    ]
    assert list(bucket_advice(facts, None)) == []


def test_no_other_number_than_the_knee_that_was_asked_for(manifest: Manifest) -> None:
    manifest.spec.buckets.most = 2
    assert str(next(bucket_advice(make_facts(manifest), measure(make_facts(manifest))))).startswith("3 buckets would")
    manifest.spec.buckets.most = 3
    assert list(bucket_advice(make_facts(manifest), measure(make_facts(manifest)))) == []


def test_no_less_padding_where_seconds_were_asked_for(manifest: Manifest) -> None:
    manifest.spec.buckets.seconds.step = 1
    assert list(bucket_advice(make_facts(manifest), measure(make_facts(manifest)))) == []


def test_no_more_buckets_than_have_two_batches_each(manifest: Manifest) -> None:
    manifest.statistics["train"].records = 127
    facts = make_facts(manifest)
    assert list(bucket_advice(facts, measure(facts))) == []


def test_buckets_that_fill_no_batch(manifest: Manifest) -> None:
    manifest.shards[0].records = 31
    assert said(small_bucket_advice, make_facts(manifest)) == [
        "1 of 2 buckets holds fewer than 32 training records (bucket 0: 31), less than a batch: fewer buckets or more "
        "data would fill them"
    ]
    manifest.shards[1].records = 1000
    assert said(small_bucket_advice, make_facts(manifest)) == []


def test_tiny_shards(manifest: Manifest) -> None:
    del manifest.shards[:]
    manifest.shards.extend(Shard(split="train", bucket=i // 2, bytes=12_000, records=9) for i in range(100))
    assert said(shard_advice, make_facts(manifest)) == [
        "100 of 100 shards are smaller than 1 MB (12.0 kB on average): every split and bucket has its own, 50 here; "
        "fewer buckets make larger ones"
    ]
    del manifest.shards[0]
    assert said(shard_advice, make_facts(manifest)) == []


def test_splits_that_are_missing_or_small(manifest: Manifest) -> None:
    manifest.statistics["test"].records = 29
    del manifest.statistics["validation"]
    assert said(split_advice, make_facts(manifest)) == [
        "there are no validation records: nothing tells when training should stop; give that split a share",
        "split 'test' has only 29 records: a score on so few says little",
    ]


def test_classes(manifest: Manifest) -> None:
    train = manifest.statistics["train"]
    train.classes[:] = [200, 10]
    assert said(class_advice, make_facts(manifest)) == [
        "class 'one' has 20 times as many training records as 'two' (200 and 10), and 95.2 % of all: weigh the "
        "classes, gather more of the rare ones, and judge by macro-averaged scores"
    ]
    train.classes[:] = [190, 10]
    assert said(class_advice, make_facts(manifest)) == []
    train.classes[:] = [210]
    assert said(class_advice, make_facts(manifest, ["on\u202ely"])) == [
        "the label has one class only, 'on\\u202ely': there is nothing to learn; name another field"
    ]


def test_classes_that_a_split_lacks(manifest: Manifest) -> None:
    manifest.statistics["validation"].classes[:] = [40, 0]
    manifest.statistics["test"].classes[:] = [1, 0, *[0] * 7]
    manifest.statistics["test"].unknown_labels = 3
    assert said(missing_class_advice, make_facts(manifest)) == [
        "split 'validation' has nothing of 1 class ('two'): a score there says nothing about them",
        "3 labels outside the training split are of a class that training never sees, and count as wrong: split so "
        "that every class is in training",
    ]
    assert said(missing_class_advice, make_facts(manifest, [*"abcdefghi"]))[0] == (
        "split 'test' has nothing of 8 classes ('b', 'c', 'd', 'e', 'f' and 3 more): a score there says nothing about "
        "them"
    )


@pytest.mark.parametrize(
    ("options", "size", "remedy"),
    [
        (
            "{top_k: 3}",
            3,
            "the vocabulary holds 3 of 9 different tokens, which make 90 % of the training steps; raise top_k, now 3",
        ),
        (
            "{top_k: 5, min_frequency: 4}",
            3,
            "the vocabulary holds 3 of 9 different tokens, which make 90 % of the training steps; "
            "lower min_frequency, now 4",
        ),
        (
            "{top_k: 3, min_frequency: 4, special_tokens: [s, t]}",
            4,
            "the vocabulary holds 2 of 9 different tokens beside 2 special ones, which make 90 % of the training "
            "steps; lower min_frequency, now 4",
        ),
        (
            "{top_k: 3, count_by: documents}",
            3,
            "the vocabulary holds 3 of 9 different tokens, which make 90 % of those of training, each counted once a "
            "record; raise top_k, now 3",
        ),
        (
            "{top_k: 8, special_tokens: [never, nowhere]}",
            10,
            "the vocabulary holds 8 of 9 different tokens beside 2 special ones, which make 90 % of the training "
            "steps; raise top_k, now 8",
        ),
        (
            "{approximate: 9, top_k: 3}",
            3,
            "the vocabulary holds 3 of at least 9 different tokens, which make at least 90 % of the training steps; "
            "raise top_k, now 3",
        ),
        (
            "{approximate: 9}",
            9,
            "the vocabulary holds 9 of at least 9 different tokens, which make at least 90 % of the training steps; "
            "raise top_k, now 9, and approximate, now 9",
        ),
        (
            "{approximate: 9, top_k: 0}",
            9,
            "the vocabulary holds 9 of at least 9 different tokens, which make at least 90 % of the training steps; "
            "raise approximate, now 9",
        ),
        (
            "{top_k: 9}",
            9,
            "all 9 different tokens of training are in the vocabulary already; more training data, lower case or "
            "subwords would help",
        ),
    ],
)
def test_steps_out_of_vocabulary(options: str, size: int, remedy: str) -> None:
    manifest = make_manifest(SPEC.replace("{top_k: 3}", options))
    vocabulary = manifest.vocabularies["text"]
    vocabulary.size = size
    vocabulary.covered = 1000 if remedy.startswith("all") else 900
    vocabulary.count_error = 2 if "at least" in remedy else 0
    validation = manifest.statistics["validation"].lengths["text"]
    validation.oov_steps = 3
    manifest.statistics["test"].lengths["text"].oov_steps = 1
    share = validation.oov_steps / validation.steps
    assert share == 3 / 220
    assert said(oov_advice, make_facts(manifest)) == [
        f"1.7 % of the steps of 'text' in split 'test' are out of vocabulary: {remedy}"
    ]
    manifest.statistics["test"].lengths["text"].oov_steps = 0
    validation.oov_steps = 2
    assert said(oov_advice, make_facts(manifest)) == []


def test_steps_out_of_a_shared_vocabulary() -> None:
    words = "words: {type: tokens, vocabulary: {top_k: 3}}"
    spec = SPEC.replace("sequences:", f"sequences:\n  {words}").replace(
        "{top_k: 3}}\n  wave", "{shared_with: words}}\n  wave"
    )
    manifest = make_manifest(spec)
    manifest.statistics["validation"].lengths["text"].oov_steps = 22
    assert said(oov_advice, make_facts(manifest)) == [
        "10 % of the steps of 'text' in split 'validation' are out of vocabulary: the vocabulary holds 3 of 9 "
        "different tokens, which make 90 % of the training steps; raise top_k, now 3"
    ]


def test_classes_that_a_file_lacks() -> None:
    manifest = make_manifest(SPEC.replace("type: class", "type: class, unknown: keep, classes_file: c.txt"))
    manifest.statistics["train"].unknown_labels = 2
    assert said(missing_class_advice, make_facts(manifest)) == [
        "2 labels are of a class that 'c.txt' does not have, and stored as -1: add the class there, or leave such "
        "records out"
    ]


def test_dimensions_that_say_nothing(manifest: Manifest) -> None:
    wave = manifest.moments["wave"]
    wave.max[1] = wave.min[1]
    assert said(constant_advice, make_facts(manifest)) == [
        "1 dimension of series 'wave' has the same value in all of training (dimension 1 is -2): leave it out"
    ]
    wave.CopyFrom(Moments(count=2, mean=[0] * 9, variance=[0] * 9, min=[0] * 9, max=[0] * 9))
    manifest.moments["price"].max[0] = 1
    assert said(constant_advice, make_facts(manifest)) == [
        "number 'price' is 1 in all training records: it says nothing",
        "9 dimensions of series 'wave' have the same value in all of training (dimension 0 is 0, 1 is 0, 2 is 0, 3 is "
        "0, 4 is 0 and 4 more are constant): leave them out",
    ]
    wave.CopyFrom(Moments(count=2, mean=[0.5], variance=[0], min=[0.5], max=[0.5]))
    assert said(constant_advice, make_facts(manifest))[1] == "series 'wave' is 0.5 in all of training: leave it out"
