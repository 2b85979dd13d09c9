"""What a run hands on, as JSON and back."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis import Analysis, BlockSummary, EventCounts
from pipeline.event_files import EventFile
from pipeline.moments import ExactMoments
from pipeline.resuming.codec import decode, dump, encode
from pipeline.sharding.segments import Group, Segment
from pipeline.split_facts import SequenceFacts, SplitFacts, WrittenFacts
from pipeline.stage import STAGED_TYPES, StagedBlock
from pipeline.statistics.record_facts import ClassLengths, OovSums, RecordFacts, WholeMoments
from schemas.formats.rejected import Rejected
from schemas.manifest_pb2 import Shard

names = st.text(st.characters(), max_size=8)  # with surrogates, as of file names that are not UTF-8
counts = st.integers(0, 2**60)
whole = st.integers(-(2**700), 2**700)
floats = st.floats(allow_nan=False)
by_name = st.dictionaries(names, counts, max_size=3).map(Counter)
by_number = st.dictionaries(st.integers(-1, 2**40), counts, max_size=3).map(Counter)
moments = st.builds(ExactMoments, counts, whole, whole, floats, floats, counts)
rejected = st.builds(Rejected, names, counts, counts, names, names, names)
offenders = st.dictionaries(names, st.lists(st.tuples(counts, rejected), max_size=2), max_size=2)
summaries = st.builds(
    BlockSummary,
    st.lists(counts, max_size=3).map(tuple),
    st.lists(counts, max_size=3).map(tuple),
    st.lists(st.binary(max_size=32), max_size=3).map(tuple),
)
analyses = st.builds(
    Analysis,
    blocks=st.dictionaries(counts, summaries, max_size=2),
    parts=by_number,
    rejected=by_name,
    dropped=by_name,
    offenders=offenders,
    bucket_lengths=by_number,
    distinct=by_name,
    moments=st.dictionaries(names, st.lists(moments, max_size=2), max_size=2),
    train_records=counts,
    events=st.none() | st.builds(EventCounts, counts, counts, counts, by_name, by_name),
)
sequences = st.builds(SequenceFacts, by_number, counts, counts, counts)
pairs = st.dictionaries(st.tuples(counts, counts), counts, max_size=3).map(Counter)
details = st.builds(
    RecordFacts,
    uncut=st.dictionaries(names, by_number, max_size=2),
    by_class=st.dictionaries(names, st.builds(ClassLengths, pairs, st.booleans()), max_size=2),
    numbers=st.dictionaries(names, st.lists(moments, max_size=2), max_size=2),
    whole=st.dictionaries(
        names, st.builds(WholeMoments, counts, whole, whole, st.none() | whole, st.none() | whole, counts), max_size=2
    ),
    ids=st.dictionaries(names, by_number, max_size=2),
    text_bytes=by_name,
    oov=st.dictionaries(names, st.builds(OovSums, counts, whole, whole, whole), max_size=2),
)
splits = st.builds(
    SplitFacts, counts, st.dictionaries(names, sequences, max_size=2), sequences, by_number, whole, details
)
facts = st.builds(
    WrittenFacts,
    splits=st.dictionaries(names, splits, max_size=2),
    kept=counts,
    rejected=by_name,
    bytes=st.dictionaries(st.tuples(names, counts), counts, max_size=3).map(Counter),
    offenders=offenders,
)
groups = st.builds(Group, names, counts, counts, counts, counts, counts)
values = st.one_of(
    analyses,
    facts,
    st.builds(Segment, names, st.lists(groups, max_size=3).map(tuple), names),
    st.builds(StagedBlock, counts, counts, names, names),
    st.builds(EventFile, counts, counts, names, names),
    st.builds(Shard, split=st.text(max_size=5), bytes=counts, records=counts),
)


def there_and_back(value: Any, kind: Any) -> Any:
    return decode(json.loads(dump(encode(value))), kind)


@given(value=values)
def test_values_come_back(value: Any) -> None:
    back = there_and_back(value, type(value))
    assert back == value
    assert type(back) is type(value)


@given(one=analyses, other=analyses)
def test_what_comes_back_is_merged_as_the_original(one: Analysis, other: Analysis) -> None:
    one.moments.clear()  # of several numbers of dimensions, which do not go together
    one.blocks.clear()
    back, second = there_and_back(one, Analysis), there_and_back(other, Analysis)
    assert back.merge(second) == one.merge(other)
    assert list(back.distinct) == list(one.distinct)  # with names that have no token


def test_pairs_come_back() -> None:
    assert there_and_back((3, (1, 2)), STAGED_TYPES["tuple"]) == (3, (1, 2))


@pytest.mark.parametrize("plain", [None, 5, {"path": "p"}, {"path": "p", "groups": [5], "sha256": ""}])
def test_anything_else_is_refused(plain: Any) -> None:
    with pytest.raises(ValueError, match=r"^is no <class 'pipeline\.sharding\.segments\.Segment'>: "):
        decode(plain, Segment)
