"""Facts made by hand, for tests of what is said of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.report.facts import Facts
from schemas.buckets import plan_buckets
from schemas.manifest_pb2 import (
    Counts,
    InputFile,
    LengthStatistics,
    Manifest,
    Moments,
    Shard,
    SplitStatistics,
    Vocabulary,
)
from schemas.spec import parse_spec
from schemas.statistics_pb2 import (
    CategoryStatistics,
    CoveredShare,
    DatasetStatistics,
    LengthDetails,
    NumberStatistics,
    SequenceDetails,
    SplitDetails,
    TokenCount,
    TokenStatistics,
)

SPEC = """
name: sample
sequences:
  text: {type: tokens, tokenizer: none, max_length: 100, vocabulary: {top_k: 3}}
  wave: {type: series, dims: 3, layout: frames}
context: {kind: {type: category}, price: {type: number}}
label: {from: star, type: class}
"""
LENGTHS = {2: 100, 5: 60, 9: 40, 30: 8, 100: 2}


def lengths_of(histogram: Mapping[int, int], **more: int) -> LengthStatistics:
    steps = sum(length * count for length, count in histogram.items())
    return LengthStatistics(lengths=[*histogram], counts=[*histogram.values()], steps=steps, **more)


def details_of(histogram: Mapping[int, int]) -> LengthDetails:
    plain = lengths_of(histogram)
    return LengthDetails(lengths=plain.lengths, counts=plain.counts, steps=plain.steps, max=max(histogram))


def split_of(histogram: Mapping[int, int], classes: Sequence[int] = (), oov: int = 0, cut: int = 0) -> SplitStatistics:
    text = lengths_of(histogram, oov_steps=oov, truncated_steps=cut, truncated_records=min(cut, 1))
    plain = lengths_of(histogram)
    return SplitStatistics(
        records=sum(histogram.values()), lengths={"text": text, "wave": plain}, bucket_length=plain, classes=classes
    )


def make_manifest(spec: str = SPEC, buckets: int = 2) -> Manifest:
    """Three splits, two classes, one shard for each split."""
    splits = {
        "train": split_of(LENGTHS, [110, 100]),
        "validation": split_of({2: 20, 9: 20}, [20, 20]),
        "test": split_of({2: 30}, [10, 20]),
    }
    planned = plan_buckets(np.array([*LENGTHS]), np.array([*LENGTHS.values()]), buckets)
    return Manifest(
        fingerprint="f" * 64,
        data_fingerprint="d" * 64,
        spec=parse_spec(spec),
        counts=Counts(read=280, kept=280, examples=280),
        inputs=[InputFile(path="in/a.jsonl", format="jsonl", bytes=5_000, records=280)],
        statistics=splits,
        vocabularies={
            "text": Vocabulary(size=3, distinct=9, tokens=1000, covered=900),
            "kind": Vocabulary(size=2, distinct=2, tokens=210, covered=210),
        },
        classes=Vocabulary(size=2, path="vocabulary/label.txt"),
        moments={
            "wave": Moments(count=10, mean=[0, 1, 2], variance=[1, 4, 9], min=[-1, -2, -3], max=[1, 2, 3]),
            "price": Moments(count=210, mean=[7], variance=[2], min=[1], max=[9]),
        },
        buckets=planned,
        shards=[
            Shard(
                split=name, path=f"{name}/{bucket}", bucket=bucket, bytes=2_000_000, records=splits[name].records // 2
            )
            for name in splits
            for bucket in range(len(planned))
        ],
    )


def make_statistics() -> DatasetStatistics:
    wave = [NumberStatistics(count=10, missing=i, zeros=2 * i, mean=i, deviation=1, min=-i, max=9) for i in range(3)]
    split = SplitDetails(
        records=210,
        sequences={
            "text": SequenceDetails(
                lengths=details_of(LENGTHS), by_class=[details_of({2: 100, 100: 10}), details_of({5: 60, 9: 40})]
            ),
            "wave": SequenceDetails(lengths=details_of(LENGTHS), values=wave),
        },
        numbers={"price": NumberStatistics(count=210, mean=7, deviation=1.5, min=1, max=9)},
        categories={"kind": CategoryStatistics(count=210, oov=21)},
    )
    tokens = TokenStatistics(
        top=[TokenCount(token=token, count=count) for token, count in (("the", 600), ("a", 200), ("<b>", 100))],
        curve=[CoveredShare(rank=1, share=0.6), CoveredShare(rank=2, share=0.8), CoveredShare(rank=3, share=0.9)],
    )
    return DatasetStatistics(splits={"train": split}, tokens={"text": tokens})


def make_facts(manifest: Manifest | None = None, classes: Sequence[str] = ("one", "two")) -> Facts:
    return Facts(manifest or make_manifest(), make_statistics(), tuple(classes))
