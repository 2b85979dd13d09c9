"""The split of a record: by its id, its group, a field or a time; the same whatever else is in the data."""

import json
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.fields import SPLIT, fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.records.examples import ExampleBlock
from schemas.records.identity import assign_splits, places
from schemas.records.splits import decided_splits, place_examples, split_names
from schemas.records.validate import validate
from schemas.spec import parse_spec

FRACTIONS = {"train": 0.5, "validation": 0.3, "test": 0.2}
SALTS = st.integers(-(2**31), 2**31 - 1)
NAMES = st.text(max_size=4)


def spec_of(split: dict[str, Any], **other: Any) -> DatasetSpec:
    return parse_spec(yaml.safe_dump({"id": "id", "sequences": {"x": {"type": "tokens"}}, "split": split, **other}))


def by_time(**changed: Any) -> DatasetSpec:
    before = {"train": "2024-01-01", "validation": "2024-07-01"}
    return spec_of({"by": "time", "from": "t", "time_format": "iso8601", "zone": "UTC", "before": before, **changed})


def examples(spec: DatasetSpec, records: list[dict[str, Any]], for_training: bool = True) -> ExampleBlock:
    data = b"".join(json.dumps({"x": ["a"], **record}).encode() + b"\n" for record in records)
    return validate(parse_jsonl(data, fields_of(spec, for_training)), spec)


def splits(spec: DatasetSpec, records: list[dict[str, Any]]) -> list[str]:
    """The split of each record, none of which is rejected."""
    block = examples(spec, records)
    assert block.rejected == []
    names = split_names(spec, spec.split.fractions)
    return [names[i] for i in place_examples(block, spec, spec.split.fractions).splits]


@given(st.lists(NAMES, max_size=8), SALTS)
def test_by_hash_the_id_alone_decides(ids: list[str], salt: int) -> None:
    spec = spec_of({"salt": salt, "fractions": FRACTIONS})
    block = examples(spec, [{"id": one} for one in ids])
    placed = place_examples(block, spec, FRACTIONS)
    where = places(block.ids, salt)
    assert placed.order.tolist() == where.order.tolist()
    assert placed.splits.tolist() == assign_splits(where.share, FRACTIONS).tolist()


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=20), SALTS, st.randoms())
def test_no_group_is_in_two_splits_whatever_else_is_there(pairs: list[tuple[str, str]], salt: int, random: Any) -> None:
    spec = spec_of({"by": "group", "from": "user.name", "salt": salt, "fractions": FRACTIONS})
    records = [{"id": one, "user": {"name": group}} for one, group in pairs]
    split_of = dict(zip([group for _, group in pairs], splits(spec, records), strict=True))
    order = random.sample(records, random.randint(1, len(records)))
    assert splits(spec, order) == [split_of[record["user"]["name"]] for record in order]
    share = places(examples(spec, records).split_by, salt).share
    assert [split_of[group] for _, group in pairs] == [
        ["train", "validation", "test"][i] for i in assign_splits(share, FRACTIONS)
    ]


@pytest.mark.parametrize("by", ["hash", "group"])
def test_another_salt_gives_other_splits(by: str) -> None:
    records = [{"id": str(i), "user": i} for i in range(200)]
    of = {} if by == "hash" else {"from": "user"}
    one, other = (splits(spec_of({"by": by, "salt": i, "fractions": FRACTIONS, **of}), records) for i in (0, 1))
    assert 60 < sum(a != b for a, b in zip(one, other, strict=True)) < 180


def test_groups_may_be_strings_integers_and_booleans() -> None:
    spec = spec_of({"by": "group", "from": "user", "fractions": FRACTIONS})
    assert examples(spec, [{"id": "a", "user": 12}]).split_by.to_pylist() == ["12"]
    assert examples(spec, [{"id": "a", "user": True}]).split_by.to_pylist() == ["true"]
    block = examples(spec, [{"id": "a", "user": 1.5}, {"id": "b"}, {"id": "c", "user": None}, {"id": "d", "user": "u"}])
    assert [item.reason for item in block.rejected] == ["wrong_type", "missing_field", "missing_field"]
    assert block.ids.to_pylist() == ["d"]


def test_a_field_may_name_the_split() -> None:
    spec = spec_of({"by": "field", "from": "part"})
    records = [{"id": name, "part": name} for name in ("test", "train", "validation", "train")]
    assert decided_splits(spec) == ["train", "validation", "test"]
    assert splits(spec, records) == ["test", "train", "validation", "train"]


def test_values_of_a_field_are_given_splits() -> None:
    names = {"0": "train", "1": "train", "2": "other", "3": "validation"}
    spec = spec_of({"by": "field", "from": "fold", "names": names})
    assert decided_splits(spec) == ["train", "validation", "other"]
    assert splits(spec, [{"id": i, "fold": i} for i in (3, 2, 1, 0)]) == ["validation", "other", "train", "train"]


def test_an_unknown_value_is_rejected() -> None:
    spec = spec_of({"by": "field", "from": "part", "names": {"a": "train", "b": "test"}})
    block = examples(spec, [{"id": "1", "part": "a"}, {"id": "2", "part": "A"}, {"id": "3", "part": "b"}])
    assert [(item.reason, item.rule) for item in block.rejected] == [
        ("unknown_split", "'part' must name a split by one of a, b; say others under split.names")
    ]
    assert block.split_by.to_pylist() == [0, 1]


def test_many_names_are_not_all_shown() -> None:
    spec = spec_of({"by": "field", "from": "fold", "names": {f"f{i:02}": "train" for i in range(11)}})
    assert examples(spec, [{"id": "1", "fold": "x"}]).rejected[0].rule == (
        "'fold' must name a split by one of f00, f01, f02, f03, f04, f05, f06, f07, f08, f09, ...; "
        "say others under split.names"
    )


def test_by_time_each_split_ends_before_its_time() -> None:
    times = {
        "2023-12-31T23:59:59.999999Z": "train",
        "2024-01-01": "validation",
        "2024-01-01T00:30:00+01:00": "train",
        "2024-06-30T23:59:59": "validation",
        "2024-07-01T00:00:00": "test",
        "2999-01-01": "test",
    }
    assert splits(by_time(), [{"id": t, "t": t} for t in times]) == list(times.values())


def test_the_order_of_splits_in_time_is_that_of_their_times() -> None:
    before = {"validation": "2020-01-01", "test": "2021-01-01"}
    spec = by_time(before=before, otherwise="train")
    assert splits(spec, [{"id": t, "t": t} for t in ("2019-01-01", "2020-06-01", "2024-01-01")]) == [
        "validation",
        "test",
        "train",
    ]


def test_unix_times_are_numbers() -> None:
    spec = spec_of({"by": "time", "from": "t", "time_format": "unix_seconds", "before": {"train": "100.5"}})
    assert splits(spec, [{"id": i, "t": t} for i, t in enumerate([-5, 100, 100.5, 1e9])]) == [
        "train",
        "train",
        "test",
        "test",
    ]
    block = examples(spec, [{"id": "a", "t": "100"}, {"id": "b", "t": 1e300}])
    assert [(item.reason, item.rule) for item in block.rejected] == [
        ("wrong_type", "field 't' must be a number; it is \"100\""),
        ("invalid_time", "'t' must be a time as 'unix_seconds' writes it"),
    ]


def test_a_bad_time_is_rejected() -> None:
    block = examples(by_time(), [{"id": "1", "t": "2024-02-30"}, {"id": "2", "t": "2024-02-29"}])
    assert [(item.line, item.reason, item.rule) for item in block.rejected] == [
        (0, "invalid_time", "'t' must be a time as 'iso8601' writes it")
    ]
    assert block.split_by.to_pylist() == [1]


def test_without_a_zone_a_time_needs_an_offset() -> None:
    spec = spec_of({"by": "time", "from": "t", "time_format": "iso8601", "before": {"train": "2024-01-01T00:00:00Z"}})
    block = examples(spec, [{"id": "1", "t": "2023-01-01T00:00:00Z"}, {"id": "2", "t": "2023-01-01"}])
    assert [(item.reason, item.rule) for item in block.rejected] == [
        (
            "invalid_time",
            "'t' must be a time as 'iso8601' writes it, with an offset from UTC, unless split.zone is said",
        )
    ]
    assert block.split_by.to_pylist() == [0]


@given(st.lists(st.tuples(NAMES, st.integers(1, 9)), max_size=10), SALTS)
def test_pieces_of_a_record_share_its_split_and_keep_their_own_order(records: list[tuple[str, int]], salt: int) -> None:
    spec = spec_of({"salt": salt, "fractions": FRACTIONS}, window={"length": 2})
    block = examples(spec, [{"id": one, "x": ["a"] * steps} for one, steps in records])
    placed = place_examples(block, spec, FRACTIONS)
    assert block.parents is not None
    where = places(block.parents.ids, salt)
    assert placed.splits.tolist() == assign_splits(where.share, FRACTIONS).tolist()
    assert placed.order.tolist() == places(block.ids, salt).order.tolist()
    assert placed.records[:, 0].tolist() == where.order.tolist()
    for parent in set(block.parents.ids.to_pylist()):
        rows = np.flatnonzero(np.array(block.parents.ids.to_pylist()) == parent)
        assert len(set(placed.splits[rows].tolist())) == 1


@pytest.mark.parametrize("split", [{"by": "group", "from": "u"}, {"by": "field", "from": "u"}])
def test_prediction_reads_no_split(split: dict[str, Any]) -> None:
    spec = spec_of(split)
    assert SPLIT in {field.name for field in fields_of(spec)}
    assert SPLIT not in {field.name for field in fields_of(spec, for_training=False)}
    block = examples(spec, [{"id": "a"}], for_training=False)
    assert block.split_by is None
    assert block.ids.to_pylist() == ["a"]
