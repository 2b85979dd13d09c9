"""The records by which an export is checked: those held out of training, and extremes made of one."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from schemas.errors import UsageError
from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.manifest_pb2 import Manifest
from schemas.records.unlabelled import unlabelled_spec
from schemas.spec import parse_spec
from tests.pipeline.helpers import prepare, read_dataset
from trainer.export.extremes import MOST_STEPS, extremes
from trainer.export.held_out import MOST_RECORDS, given_records, held_out_records
from trainer.saved import SavedModel

SPEC = """
id: id
sequences:
  text: {type: tokens, tokenizer: words}
  frames: {type: series, dims: 1, empty: keep, time: {from: at, format: iso8601}}
label: {from: mood, type: class}
"""
EVENTS = """
sequences: {names: {type: tokens, from: name}}
group: {by: case, order_by: at, order_as: number}
label: {type: next_step}
"""
SECONDS = [f"2024-05-01T00:00:{i:02d}Z" for i in range(60)]


def record(i: int, **changes: Any) -> dict[str, Any]:
    words = "one two three " * (i % 5 + 1)
    return {"id": f"r{i}", "text": words, "frames": [[1.5]] * 2, "at": SECONDS[:2], "mood": "ab"[i % 2], **changes}


def write(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(item) + "\n" for item in records))
    return str(path)


def saved(manifest: Manifest) -> SavedModel:
    """What is looked at of a model folder."""
    return SavedModel(Path("model"), cast(Any, None), manifest, {}, [])


def stored(folder: Path, *splits: str) -> set[str]:
    return {item.values["id"][0].decode() for item in read_dataset(folder) if item.split in splits}


def test_the_rule_of_the_spec_says_what_is_held_out(tmp_path: Path) -> None:
    source = write(tmp_path / "raw.jsonl", [record(i) for i in range(100)])
    manifest = prepare(SPEC, source, tmp_path / "data")
    raw = held_out_records(saved(manifest))
    assert set(raw.columns["id"].to_pylist()) == stored(tmp_path / "data", "validation", "test")
    assert sorted(field.name for field in raw.fields) == ["frames", "frames/time", "id", "text"]
    Path(source).unlink()
    with pytest.raises(UsageError) as error:
        held_out_records(saved(manifest))
    rule = f"model: {source}, of which the data set was made, is not there"
    assert str(error.value) == f"{rule}; say --records with a file of raw records by which the export can be checked"


def test_files_of_another_split_are_held_out(tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", [record(i) for i in range(30)])
    test = write(tmp_path / "test.jsonl", [record(i) for i in range(100, 105)])
    manifest = prepare(SPEC, [f"train={train}", f"test={test}"], tmp_path / "data")
    assert held_out_records(saved(manifest)).columns["id"].to_pylist() == [f"r{i}" for i in range(100, 105)]


def test_events_are_put_together(tmp_path: Path) -> None:
    events = [{"case": f"c{i % 40}", "at": i, "name": "xyz"[i % 3]} for i in range(400)]
    manifest = prepare(EVENTS, write(tmp_path / "events.jsonl", events), tmp_path / "data")
    raw = held_out_records(saved(manifest))
    assert set(raw.columns["id"].to_pylist()) == stored(tmp_path / "data", "validation", "test")
    assert {len(names) for names in raw.columns["names"].to_pylist()} == {10}


def test_sessions_are_held_out_by_their_keys_and_without_their_event_time(tmp_path: Path) -> None:
    events = [{"case": f"c{i % 40}", "at": i, "seen": i, "name": "xyz"[i % 3]} for i in range(400)]
    cut = EVENTS.replace("number}", "number, max_events: 4}\nevent_time: {from: seen, format: unix_seconds}")
    manifest = prepare(cut, write(tmp_path / "events.jsonl", events), tmp_path / "data")
    raw = held_out_records(saved(manifest))
    assert set(raw.columns["id"].to_pylist()) == stored(tmp_path / "data", "validation", "test")
    assert sorted(raw.columns) == ["id", "names"]
    assert {len(names) for names in raw.columns["names"].to_pylist()} == {2, 4}


def test_given_records_need_neither_label_nor_id(tmp_path: Path) -> None:
    records = [{"text": "a", "frames": [], "at": []}, {"text": None}] * MOST_RECORDS
    manifest = Manifest(spec=parse_spec(SPEC))
    raw = given_records([write(tmp_path / "raw.jsonl", records)], saved(manifest))
    assert raw.columns["text"].to_pylist() == ["a", None] * (MOST_RECORDS // 2)
    empty = write(tmp_path / "empty.jsonl", [])
    Path(empty).write_text("\n")
    with pytest.raises(UsageError) as error:
        given_records([empty], saved(manifest))
    assert str(error.value) == f"--records {empty}: holds no record that can be read; name another file"


@pytest.mark.parametrize("longest", [4, 100_000])
def test_extremes(longest: int) -> None:
    spec = unlabelled_spec(parse_spec(SPEC))
    data = json.dumps(record(0, text="one two")).encode() + b"\n"
    made, names = extremes(parse_jsonl(data, fields_of(spec, for_training=False)), 0, 2, longest, spec)
    texts, frames, times = (made.columns[name].to_pylist() for name in ("text", "frames", "frames/time"))
    steps = [min(factor * longest, MOST_STEPS) for factor in (10, 100)]
    assert names == [
        "empty",
        "of one step",
        "10 times longer than any seen",
        "100 times longer than any seen",
        "of unknown tokens",
        "of characters beyond ASCII",
    ]
    assert texts[:2] == ["", "o"]
    assert [len(text.split()) for text in texts[2:5]] == [*steps, 2]
    assert not texts[5].isascii()
    assert [len(one) for one in frames] == [len(one) for one in times] == [0, 1, *steps, 2, 2]
    assert times[3] == sorted(times[3])
