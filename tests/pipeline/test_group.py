"""Events of many blocks become records, from the files to the data set."""

import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.verify import verify
from schemas.errors import DataError
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Manifest
from tests.pipeline.helpers import failures, make_job, prepare, published_tree, read_dataset, run_job, tree, write_jsonl

SPEC = """
sequences:
  action: {type: tokens}
  amount: {type: series, dims: 1, layout: flat, aligned_with: action}
context: {country: {type: category}}
label: {type: class, from: churned}
group: {by: user.id, order_by: at, duplicates: %s}
split: {fractions: {train: 0.8, validation: 0.2}}
"""
WORDS = "sequences: {w: {type: tokens}}\ngroup: {by: who, order_by: at}\nsplit: {fractions: {train: 1.0}}\n"


def events_of(count: int, users: int, seed: int = 1) -> list[dict[str, Any]]:
    """Events in no order, each at another time; the first of a user and some others say what a user has once."""
    draw = Random(seed)
    times = draw.sample(range(10 * count), count)
    events = []
    for i in range(count):
        user = draw.randrange(users)
        once = {"country": f"c{user % 3}", "churned": user % 2 == 0} if i % 3 == 0 or i < 5 * users else {}
        step = {"action": draw.choice("abcd"), "amount": draw.randrange(100) / 4}
        events.append({"user": {"id": user}, "at": times[i]} | step | once)
    return events


def stored(folder: Path) -> dict[str, tuple[Any, ...]]:
    """What each record of a data set says, in words."""
    manifest = load_manifest(folder)
    names = {
        name: (folder / entry.path).read_text().split("\n")
        for name, entry in [*manifest.vocabularies.items(), ("label", manifest.classes)]
        if entry.path
    }
    found = {}
    for record in read_dataset(folder):
        values = record.values
        assert record.id not in found
        assert values["action/length"] == values["amount/length"] == [len(values["action"])]
        found[record.id] = (
            [names["action"][i - 2] for i in values["action"]],
            values["amount"],
            names["country"][values["country"][0] - 2],
            names["label"][values["label"][0]],
        )
    return found


def expected(events: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """The same from the events, user by user."""
    users: dict[int, list[dict[str, Any]]] = {}
    for event in sorted(events, key=lambda event: event["at"]):
        users.setdefault(event["user"]["id"], []).append(event)
    return {
        str(user): (
            [event["action"] for event in own],
            [event["amount"] for event in own],
            f"c{user % 3}",
            "true" if user % 2 == 0 else "false",
        )
        for user, own in users.items()
    }


def rejected_rows(folder: Path, manifest: Manifest) -> list[dict[str, Any]]:
    (file,) = manifest.rejected_files
    return [json.loads(line) for line in (folder / file.path).read_text().splitlines()]


def test_every_event_is_one_step_of_its_record(tmp_path: Path) -> None:
    events = events_of(400, 30)
    source, output = write_jsonl(tmp_path / "in.jsonl", events), tmp_path / "data"
    job = make_job(SPEC % "keep", source, output, block_bytes=4_000)
    assert len(job.blocks()) == job.partitions > 5
    manifest = run_job(job)
    assert stored(output) == expected(events)
    counts = manifest.counts
    assert (counts.read, counts.kept, counts.examples) == (30, 30, 30)
    assert (counts.events.read, counts.events.kept, counts.events.tied) == (400, 400, 0)
    assert [file.records for file in manifest.inputs] == [400]
    assert verify(str(output))["problems"] == []
    assert tree(output) == published_tree(manifest)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The events of the next test in one block and partition."""
    root: Path = tmp_path_factory.mktemp("whole")
    source = write_jsonl(root / "in.jsonl", messy_events())
    return prepare(SPEC % "drop", source, root / "data", block_bytes=1 << 20, max_rejected=100)


def messy_events() -> list[Any]:
    events: list[Any] = events_of(300, 20)
    events += [{**events[i], "amount": bad} for i, bad in enumerate([None, "1", 1e39])]
    events += [events[7], events[8], {**events[9], "country": "elsewhere"}]
    return events


@pytest.mark.parametrize(
    ("block_bytes", "files", "flags"),
    [
        (1 << 20, 1, ["--direct_runner_bundle_repeat=2"]),
        (2_000, 1, []),
        (3_000, 3, ["--direct_runner_bundle_repeat=1"]),
        (700, 7, []),
        (5_000, 40, ["--direct_running_mode=multi_threading", "--direct_num_workers=2"]),
    ],
)
def test_blocks_files_and_runners_make_no_difference(
    tmp_path: Path, whole: Manifest, block_bytes: int, files: int, flags: list[str]
) -> None:
    events = messy_events()
    Random(block_bytes).shuffle(events)
    for i in range(files):
        write_jsonl(tmp_path / f"in{i}.jsonl", events[i::files])
    manifest = prepare(
        SPEC % "drop", str(tmp_path / "in*.jsonl"), tmp_path / "data", *flags, block_bytes=block_bytes, max_rejected=100
    )
    assert manifest.data_fingerprint == whole.data_fingerprint
    assert manifest.counts == whole.counts
    assert verify(str(tmp_path / "data"))["problems"] == []


def test_ties_follow_the_paths_of_files_and_nothing_else(tmp_path: Path) -> None:
    spec = "{group: {by: user, order_by: t}, sequences: {x: {type: series, dims: 1}}, split: {fractions: {train: 1.0}}}"
    events = [{"user": f"u{i % 3}", "t": i // 30, "x": [i]} for i in range(90)]

    def fingerprint(*parts: tuple[str, list[dict[str, Any]]], block_bytes: int = 1 << 20) -> str:
        folder = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        paths = [write_jsonl(folder / f"{name}.jsonl", part) for name, part in parts]
        return prepare(spec, paths[::-1], folder / "data", block_bytes=block_bytes).data_fingerprint

    whole = fingerprint(("one", events))
    assert fingerprint(("a", events[:40]), ("b", events[40:])) == whole
    assert fingerprint(("b", events[40:]), ("a", events[:40]), block_bytes=500) == whole
    # Within a key, which of two events of one time is first is what the path says: the other way round is other data.
    assert fingerprint(("b", events[:40]), ("a", events[40:])) != whole
    # Without ties across files (events 0 to 59 and 60 to 89 have times of their own) names mean nothing.
    assert fingerprint(("b", events[:60]), ("a", events[60:])) == whole


def test_what_becomes_of_messy_events(whole: Manifest) -> None:
    counts = whole.counts
    assert dict(counts.rejected) == {"different_values": 1}
    assert (counts.read, counts.kept) == (20, 19)
    assert (counts.events.read, counts.events.kept, counts.events.tied) == (306, 301, 2)
    assert dict(counts.events.rejected) == {"missing_field": 1, "wrong_type": 1, "not_finite": 1}
    assert dict(counts.events.dropped) == {"duplicate event": 2}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 1000), st.integers(200, 3_000))
def test_any_events_in_any_blocks(
    tmp_path_factory: pytest.TempPathFactory, count: int, users: int, seed: int, block_bytes: int
) -> None:
    root = tmp_path_factory.mktemp("any")
    events = events_of(count, users, seed)
    half = [write_jsonl(root / "b.jsonl", events[::2]), write_jsonl(root / "a.jsonl", events[1::2])]
    spec = SPEC.replace("{train: 0.8, validation: 0.2}", "{train: 1.0}") % "keep"
    manifest = prepare(spec, half, root / "data", block_bytes=block_bytes)
    assert stored(root / "data") == expected(events)
    assert manifest.counts.events.kept == count


def test_rejected_events_and_records_stand_where_they_are(tmp_path: Path) -> None:
    spec = WORDS.replace("at}", "at, duplicates: reject}") + "context: {c: {type: category}}\n"
    first = [
        {"who": "a", "at": 2, "w": "x", "c": "red"},
        b"",
        b"oops",
        {"who": "b", "at": 1, "w": "x", "c": "red"},
        {"who": "c", "at": 1, "w": "x"},
    ]
    second = [
        {"who": "a", "at": 1, "w": "x", "c": "blue"},
        {"who": "b", "at": 1, "w": "x", "c": "red"},
        {"who": "b", "at": 0},
    ]
    paths = [write_jsonl(tmp_path / f"{i}.jsonl", rows) for i, rows in enumerate([first, second])]
    manifest = prepare(spec, paths, tmp_path / "data", block_bytes=60, max_rejected=5)
    size = len(json.dumps(first[0])) + 1
    rows = rejected_rows(tmp_path / "data", manifest)
    places = [(row["file"], row["line"], row["offset"], row["reason"]) for row in rows]
    assert places == [
        (paths[0], 3, size + 1, "invalid_json"),
        (paths[0], 5, 2 * size + 6, "missing_field"),
        (paths[1], 1, 0, "different_values"),
        (paths[1], 2, size + 1, "duplicate_event"),
        (paths[1], 3, 2 * size + 1, "missing_field"),
    ]
    assert rows[2]["rule"] == 'all events of a record must say the same of \'c\'; these say "blue" and "red"'
    assert rows[2]["excerpt"] == '{"c":"blue","w":["x","x"],"who":"a"}'
    assert rows[4]["rule"] == "field 'w' must have a value; the record has no such field"
    assert (manifest.counts.read, manifest.counts.kept) == (3, 1)
    assert dict(manifest.counts.rejected) == {"different_values": 1, "missing_field": 1}
    assert dict(manifest.counts.events.rejected) == {"invalid_json": 1, "missing_field": 1, "duplicate_event": 1}
    assert verify(str(tmp_path / "data"))["problems"] == []


def test_too_many_rejected_events(tmp_path: Path) -> None:
    events = [{"who": i % 4, "at": i, "w": "x"} for i in range(20)]
    source = write_jsonl(tmp_path / "in.jsonl", [*events, b"oops", {"who": 1, "at": "now", "w": "x"}])
    job = make_job(WORDS, source, tmp_path / "data", max_rejected=1)
    with pytest.raises(DataError) as caught:
        run_job(job)
    [_, path] = failures(tmp_path / "data")
    start = sum(len(json.dumps(event)) + 1 for event in events)
    assert str(caught.value) == (
        "2 of 22 events rejected (invalid_json 1, wrong_type 1), --max_rejected allows 1; mend the events and records "
        f"or the spec, or allow more; first: {source}, line 21 (byte {start}): invalid_json: a line must hold one JSON "
        f"object; Expecting value at character 1; received oops; all: {path}"
    )
    assert len(path.read_text().splitlines()) == 2


def test_one_key_in_files_of_two_splits_is_two_records(tmp_path: Path) -> None:
    events = [{"who": "k", "at": i, "w": f"w{i % 2}"} for i in range(6)]
    train = write_jsonl(tmp_path / "z.jsonl", events[:3])
    test = write_jsonl(tmp_path / "a.jsonl", events[2:])
    prepare(WORDS, [f"train={train}", f"test={test}"], tmp_path / "data", block_bytes=50)
    lengths = {(record.split, record.id): record.length for record in read_dataset(tmp_path / "data")}
    assert lengths == {("train", "k"): 3, ("test", "k"): 4}


def test_an_unknown_label_is_told_of_the_first_event(tmp_path: Path) -> None:
    spec = WORDS + "label: {type: class, from: tag}\n"
    train = write_jsonl(tmp_path / "train.jsonl", [{"who": i, "at": 0, "w": "x", "tag": "t"} for i in range(5)])
    other = [{"who": 9, "at": 1, "w": "x", "tag": "new"}, {"who": 8, "at": 0, "w": "x", "tag": "t"}]
    test = write_jsonl(tmp_path / "test.jsonl", [*other, {"who": 9, "at": 0, "w": "y"}])
    manifest = prepare(spec, [f"train={train}", f"test={test}"], tmp_path / "data", block_bytes=60, max_rejected=1)
    [row] = rejected_rows(tmp_path / "data", manifest)
    assert (row["file"], row["line"], row["reason"]) == (test, 3, "unknown_label")


@pytest.mark.parametrize("rule", ["keep_first", "reject"])
def test_a_key_of_two_splits_may_be_refused_as_any_id(tmp_path: Path, rule: str) -> None:
    train = write_jsonl(tmp_path / "b.jsonl", [{"who": who, "at": 0, "w": "x"} for who in "abc"])
    test = write_jsonl(tmp_path / "c.jsonl", [{"who": who, "at": 0, "w": "y"} for who in "xb"])
    manifest = prepare(
        f"{WORDS}duplicate_ids: {rule}", [f"train={train}", f"test={test}"], tmp_path / "data", max_rejected=1
    )
    kept = {(record.split, record.id) for record in read_dataset(tmp_path / "data")}
    assert kept == {("train", "a"), ("train", "b"), ("train", "c"), ("test", "x")}
    if rule == "reject":
        [row] = rejected_rows(tmp_path / "data", manifest)
        assert (row["file"], row["line"], row["reason"]) == (test, 2, "duplicate_id")
    assert manifest.counts.events.kept == 5


def test_windows_of_grouped_events(tmp_path: Path) -> None:
    events = [{"who": i % 2, "at": -i, "w": str(i)} for i in range(10)]
    spec = WORDS + "window: {length: 2}\n"
    manifest = prepare(spec, write_jsonl(tmp_path / "in.jsonl", events), tmp_path / "data", block_bytes=100)
    assert (manifest.counts.read, manifest.counts.kept, manifest.counts.examples) == (2, 2, 6)
    assert {record.id for record in read_dataset(tmp_path / "data")} == {f"{i}#{j}" for i in "01" for j in range(3)}


def test_all_events_rejected(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [b"1", b"2"])
    with pytest.raises(DataError) as caught:
        prepare(WORDS, source, tmp_path / "data", max_rejected=2)
    assert str(caught.value) == ("all of the 2 events read are rejected, so that no record is left; correct the spec")


def test_a_spec_without_groups_counts_no_events(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [{"w": ["x"]}])
    job = make_job("sequences: {w: {type: tokens}}\nsplit: {fractions: {train: 1.0}}", source, tmp_path / "data")
    assert job.partitions == 0
    assert not run_job(job).counts.HasField("events")


def test_events_in_any_format_read_part_by_part(tmp_path: Path) -> None:
    """A compressed file is one block, which is read and written in many parts."""
    spec = WORDS + "context: {c: {type: number}}\n"
    events = [{"who": f"k{i % 7}", "at": -i, "w": f"w{i % 3}", "c": i % 7} for i in range(120)]
    source = write_jsonl(tmp_path / "in.jsonl", events)
    table = "who,at,w,c\n" + "".join(f"{event['who']},{event['at']},{event['w']},{event['c']}\n" for event in events)
    packed = tmp_path / "in.csv.gz"
    packed.write_bytes(gzip.compress(table.encode()))
    first = prepare(spec, source, tmp_path / "first")
    second = prepare(spec, str(packed), tmp_path / "second", block_bytes=100)
    assert first.data_fingerprint == second.data_fingerprint
    assert second.counts.events.read == 120
    assert verify(str(tmp_path / "second"))["problems"] == []


def test_derived_sequences_and_times_of_grouped_events(tmp_path: Path) -> None:
    spec = """
sequences:
  w: {type: tokens, aligned_with: x}
  p: {derive: {of: w, take: prefix, length: 1}}
  x: {type: series, layout: columns, columns: [a, b], missing: forward, time: {from: at, format: unix_seconds}}
group: {by: who, order_by: at, order_as: time, time_format: unix_seconds}
split: {fractions: {train: 1.0}}
"""
    events = [{"who": "k", "at": 10 * i, "w": f"{'xy'[i % 2]}{i}", "a": i if i % 2 else None} for i in (2, 0, 1)]
    prepare(spec, write_jsonl(tmp_path / "in.jsonl", events), tmp_path / "data", block_bytes=60)
    [record] = read_dataset(tmp_path / "data")
    assert record.values["x"] == [0, 0, 1, 0, 1, 0]
    assert record.values["x/missing"] == [1, 1, 0, 1, 1, 1]
    assert record.values["x/since"] == [0, 10, 10]
    assert record.values["p"] == [2, 3, 2]
    assert len(set(record.values["w"])) == 3
