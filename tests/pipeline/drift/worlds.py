"""Data sets made of numbers alone, for tests of what is said of two of them."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.drift.population import Population, population
from pipeline.moments import ExactMoments
from pipeline.statistics.details import length_details, number_statistics, oov_message
from pipeline.statistics.encoded_facts import oov_sums
from schemas.buckets import Int64s
from schemas.manifest_pb2 import Counts, Manifest, SplitStatistics, Vocabulary
from schemas.spec import parse_spec
from schemas.statistics_pb2 import (
    CategoryStatistics,
    DatasetStatistics,
    NumberStatistics,
    SequenceDetails,
    SplitDetails,
)

SPEC = """
sequences: {text: {type: tokens}, x: {type: series, dims: 2, aligned_with: text, missing: mean}}
context: {price: {type: number}, shop: {type: category}}
label: {type: class}
"""


def numbers_of(values: npt.NDArray[np.float64], missing: int = 0) -> NumberStatistics:
    moments = ExactMoments()
    if len(values):
        moments.add(values.astype(np.float32))
    return number_statistics(moments, missing)


def tokens_of(random: np.random.Generator, lengths: Int64s, oov: float, alike: float = 0.0) -> SequenceDetails:
    """A share `oov` of all tokens is unknown, and each record has a share of its own, from a beta distribution.

    So `alike` is the correlation of a record's tokens; 0: all records have the same share, 1: all of one, or none.
    """
    if alike == 1:
        shares = (random.random(len(lengths)) < oov).astype(float)
    elif alike and 0 < oov < 1:
        more = 1 / alike - 1
        shares = random.beta(oov * more, (1 - oov) * more, len(lengths))
    else:
        shares = np.full(len(lengths), oov)
    unknown = random.binomial(lengths, shares)
    details = length_details(Counter(lengths.tolist()))
    sums = oov_message(oov_sums(unknown, lengths, np.ones(len(lengths), bool)))
    return SequenceDetails(lengths=details, oov_steps=int(unknown.sum()), oov_sums=sums)


def split_of(
    random: np.random.Generator, records: int, shift: float = 0.0, oov: float = 0.1, alike: float = 0.0
) -> SplitDetails:
    """Records whose lengths, numbers and unknown tokens are drawn; `shift` is added to all numbers."""
    lengths = 1 + random.poisson(12, records)
    text = tokens_of(random, lengths, oov, alike)
    x = [numbers_of(random.normal(shift, 1, text.lengths.steps)) for _ in range(2)]
    return SplitDetails(
        records=records,
        sequences={
            "text": text,
            "x": SequenceDetails(lengths=text.lengths, values=x),
        },
        numbers={"price": numbers_of(random.normal(3 + shift, 1, records))},
        categories={"shop": CategoryStatistics(count=records, oov=int(random.binomial(records, oov)))},
    )


def world(
    splits: Mapping[str, SplitDetails],
    classes: Mapping[str, Sequence[int]],
    rejected: Mapping[str, int] | None = None,
    spec: str = SPEC,
) -> Population:
    """A data set of these splits; `classes` are counts by split."""
    kept = sum(split.records for split in splits.values())
    rejected = rejected or {}
    size = len(next(iter(classes.values()), []))
    manifest = Manifest(
        spec=parse_spec(spec),
        counts=Counts(read=kept + sum(rejected.values()), kept=kept, examples=kept, rejected=rejected),
        statistics={name: SplitStatistics(records=splits[name].records, classes=classes[name]) for name in splits},
        classes=Vocabulary(size=size),
    )
    return population(manifest, DatasetStatistics(splits=splits))


def drawn(
    seed: int, records: int, shift: float = 0.0, oov: float = 0.1, rejected: float = 0.01, alike: float = 0.0
) -> Population:
    """A data set of two splits, nine of ten records in train."""
    random = np.random.default_rng(seed)
    counts = {"train": records - records // 10, "test": records // 10}
    splits = {name: split_of(random, count, shift, oov, alike) for name, count in counts.items() if count}
    classes = {name: random.multinomial(counts[name], [0.5, 0.3, 0.2]).tolist() for name in splits}
    return world(splits, classes, {"invalid_json": int(random.binomial(records, rejected))})
