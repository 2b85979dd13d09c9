"""The same records in every format have the same predictions, in the order of the input, each bad one in its place."""

import gzip
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.errors import DataError, UsageError
from schemas.formats.sources import find_sources, read_sources
from schemas.manifest import load_manifest
from schemas.prediction_lines import prediction_lines
from schemas.predictions import prediction_schema
from tests.pipeline.formats import COMPRESSORS, SUFFIXES, WRITERS
from tests.trainer.dataset_builder import build_dataset
from tests.trainer.properties.cases import write_untrained
from trainer import load
from trainer.prediction import files
from trainer.prediction.files import predict_files
from trainer.prediction.predictor import Predictor
from trainer.prediction.progress import Watched

SPEC = """
id: id
sequences: {text: {type: tokens, tokenizer: whitespace}, tags: {type: tokens, empty: keep}}
context: {age: {type: number, normalize: zscore}}
label: {from: stars, type: class}
"""
WORDS = ["a", "bé", "東京", 'say "hi"', "c,d", "x"]
CASES = [(name, "") for name in WRITERS] + [("jsonl", suffix) for suffix in COMPRESSORS if suffix] + [("csv", ".gz")]

Load = Callable[[str | Path], Predictor]


def reviews(count: int = 40) -> list[dict[str, Any]]:
    return [
        {
            "id": f"r{i}",
            "text": " ".join(WORDS[(i + k) % 6] for k in range(1 + i * 7 % 11)),
            "tags": ["N", "V"][: i % 3],
            "frames": [[1.0, 2.0]],
            "age": float(i),
            "stars": i % 2,
        }
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def review_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reviews")
    build_dataset(folder / "data", SPEC, {"train": reviews()})
    return write_untrained(folder / "data", folder / "model")


@pytest.fixture(scope="module")
def loaded() -> Load:
    """Loads each model once: a predictor that is called again has no graphs to trace."""
    return cache(load)


@pytest.fixture
def once(loaded: Load, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Lets files be predicted for with the models that are loaded already."""
    monkeypatch.setattr(files, "load", loaded)
    return loaded


def write(folder: Path, name: str, suffix: str = "", rows: list[dict[str, Any]] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"in.{SUFFIXES.get(name, name)}{suffix}"
    path.write_bytes(COMPRESSORS[suffix](WRITERS[name](reviews() if rows is None else rows)))
    return path


def entries_of(model: Path, inputs: list[Any], folder: Path, **options: Any) -> list[dict[str, Any]]:
    predict_files(model, [str(path) for path in inputs], folder / "predictions.jsonl", **options)
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_bytes().splitlines()]


def near(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**entry, "probabilities": pytest.approx(entry["probabilities"], abs=1e-6)} for entry in entries]


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_every_format_has_the_same_predictions(
    review_model: Path, tmp_path: Path, name: str, suffix: str, once: Load
) -> None:
    expected = once(review_model).predict(reviews())
    assert [entry["id"] for entry in expected] == [f"r{i}" for i in range(40)]
    options = {"format": name} if name in SUFFIXES else {}
    assert entries_of(review_model, [write(tmp_path, name, suffix)], tmp_path, **options) == near(expected)


def test_lines_and_texts_and_encodings(token_model: Path, tmp_path: Path, once: Load) -> None:
    texts = ["a good b", "bad bad é", "c"]
    expected = [entry["probabilities"] for entry in once(token_model).predict({"text": text} for text in texts)]
    (tmp_path / "in.txt").write_text("\n".join(texts))
    (tmp_path / "in16.txt").write_text("\n".join(texts), encoding="utf-16")
    (tmp_path / "texts").mkdir()
    for i, text in enumerate(texts):
        (tmp_path / "texts" / f"{i}.log").write_text(text)
    for inputs, options in [
        ("in.txt", {}),
        ("in16.txt", {"encoding": "utf-16"}),
        ("texts", {"format": "text_files"}),
    ]:
        entries = entries_of(token_model, [tmp_path / inputs], tmp_path, **options)
        assert [entry["probabilities"] for entry in entries] == [pytest.approx(one, abs=1e-6) for one in expected]


@pytest.mark.usefixtures("once")
def test_files_folders_and_patterns_stand_in_their_order(review_model: Path, tmp_path: Path) -> None:
    rows = reviews(10)
    write(tmp_path / "b", "csv", rows=rows[4:6])
    write(tmp_path / "a", "parquet", rows=rows[:2])
    write(tmp_path / "a" / "c", "jsonl", ".gz", rows=rows[2:4])
    inputs = [tmp_path / "b", tmp_path / "a" / "*" / "*.gz", tmp_path / "a" / "c", tmp_path / "a" / "in.parquet"]
    found = [entry["id"] for entry in entries_of(review_model, inputs, tmp_path)]
    assert found == ["r4", "r5", "r2", "r3", "r0", "r1"]


def test_parts_of_files_are_one_input(review_model: Path, tmp_path: Path, once: Load) -> None:
    rows: list[Any] = reviews()
    rows[7] = {"id": "bad", "text": 5}
    paths = [write(tmp_path / "a", "jsonl", rows=rows[:25]), write(tmp_path / "b", "jsonl", rows=rows[25:])]
    predictor = once(review_model)
    given = predictor.manifest.spec.input
    sources = find_sources(map(str, paths), given)
    told: list[tuple[int, int]] = []
    parts = read_sources(sources, given, predictor.raw_fields, part_bytes=300)
    tables = list(predictor.predict_parts(parts, Watched(lambda *how_far: told.append(how_far))))
    assert len(tables) > 5
    assert len(told) >= 2 * len(tables)
    assert told == sorted(told)
    assert told[-1] == (len(rows), sum(path.stat().st_size for path in paths))
    said = [json.loads(line) for table in tables for line in prediction_lines(table).splitlines()]
    expected = predictor.predict(rows)
    assert [entry["id"] for entry in said] == [entry["id"] for entry in expected]
    assert said[7] == {**expected[7], "file": str(paths[0])}
    assert (said[7]["line"], said[7]["reason"]) == (8, "missing_field")
    assert said[:7] + said[8:] == near(expected[:7] + expected[8:])


@pytest.mark.usefixtures("once")
def test_bad_records_keep_their_place(token_model: Path, tmp_path: Path, capsys: Any) -> None:
    source, other, output = tmp_path / "raw.jsonl", tmp_path / "raw.csv", tmp_path / "predictions.jsonl"
    lines = [b'{"id": "a", "text": "good"}', b"nonsense", b"", b'{"id": "b", "text": 5}', b'{"id": "c", "text": "bad"}']
    source.write_bytes(b"\n".join(lines))
    other.write_text("id,text\nd,good\ne\n")
    result = predict_files(token_model, [str(source), str(other)], output)
    assert result == {
        "output": str(output),
        "records": 6,
        "predicted": 3,
        "rejected": 3,
        "reasons": {"invalid_json": 1, "wrong_cells": 1, "wrong_type": 1},
    }
    entries = [json.loads(line) for line in output.read_text().splitlines()]
    assert [entry["id"] for entry in entries] == ["a", None, None, "c", "d", None]
    assert [entry.get("reason") for entry in entries] == [
        *[None, "invalid_json", "wrong_type"],
        *[None, None, "wrong_cells"],
    ]
    assert [entry.get("line") for entry in entries] == [None, 2, 4, None, None, 3]
    assert [entry.get("file") for entry in entries] == [None, str(source), str(source), None, None, str(other)]
    assert entries[2]["error"] == "field 'text' must be a string; it is 5"
    assert f"{source}, line 4: wrong_type: field 'text' must be a string; it is 5\n" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("once")
def test_only_the_first_bad_records_are_shown(token_model: Path, tmp_path: Path, capsys: Any) -> None:
    source, output = tmp_path / "raw.jsonl", tmp_path / "predictions.jsonl"
    source.write_text("nonsense\n" * 50)
    assert predict_files(token_model, [str(source)], output)["rejected"] == 50
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == f"... and 30 more; each says why in its row of {output}"


@pytest.mark.usefixtures("once")
def test_parquet_says_what_lines_say(token_model: Path, tmp_path: Path) -> None:
    source = tmp_path / "raw.jsonl"
    source.write_text('{"id": "a", "text": "good"}\nnonsense\n{"id": "b", "text": ""}\n')
    expected = entries_of(token_model, [source], tmp_path)
    predict_files(token_model, [str(source)], tmp_path / "predictions.parquet")
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert table.schema.equals(prediction_schema(load_manifest(token_model)))
    assert [json.loads(line) for line in prediction_lines(table).splitlines()] == expected
    assert table["probabilities"].type == pa.map_(pa.string(), pa.float32())


@pytest.mark.usefixtures("once")
def test_a_damaged_file_is_one_error_and_nothing_is_written(token_model: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "raw.jsonl.gz", tmp_path / "predictions.jsonl"
    source.write_bytes(gzip.compress(b'{"id": "a", "text": "good"}\n' * 100)[:-20])
    with pytest.raises(DataError) as error:
        predict_files(token_model, [str(source)], output)
    assert str(error.value).startswith(f"{source}: ")
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["raw.jsonl.gz"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty (0 bytes), as is all input; check what should write it"),
        (b"\n \n", "holds no record, as all input; give files with one or more records"),
    ],
)
@pytest.mark.usefixtures("once")
def test_inputs_without_records(token_model: Path, tmp_path: Path, content: bytes, expected: str) -> None:
    source, output = tmp_path / "raw.jsonl", tmp_path / "predictions.jsonl"
    source.write_bytes(content)
    with pytest.raises(DataError) as error:
        predict_files(token_model, [str(source)], output)
    assert str(error.value) == f"{source}: {expected}"
    assert not output.exists()


@pytest.mark.usefixtures("once")
def test_an_output_that_cannot_be_written(token_model: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "raw.jsonl", tmp_path / "nowhere" / "predictions.jsonl"
    source.write_text('{"id": "a", "text": "good"}\n')
    with pytest.raises(UsageError) as error:
        predict_files(token_model, [str(source)], output)
    assert str(error.value) == (f"--output {output}: there is no folder {output.parent}; make it, or name another file")


def test_memory_that_does_not_suffice_costs_one_record(token_model: Path, monkeypatch: Any, once: Load) -> None:
    import tensorflow as tf

    predictor = once(token_model)
    run, widths = predictor._answering._run, []

    def limited(batch: Any) -> Any:
        rows, width = batch["text"].shape
        if rows * width > 1_000:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
        widths.append((rows, width))
        return run(batch)

    monkeypatch.setattr(predictor._answering, "_run", limited)
    records = [{"id": str(i), "text": "good " * size} for i, size in enumerate([3, 1_100, 2, 600, 500])]
    entries = predictor.predict(records)
    assert [entry["id"] for entry in entries] == ["0", "1", "2", "3", "4"]
    assert entries[1] == {
        "id": "1",
        "line": 2,
        "error": "the machine has no memory for a sequence of 1,100 steps; predict on a larger one, or train with a "
        "length policy or a window",
        "reason": "out_of_memory",
    }
    assert ["prediction" in entry for entry in entries] == [True, False, True, True, True]
    monkeypatch.undo()
    assert entries[3] == near(predictor.predict(records[3:4]))[0]


def test_a_record_far_longer_than_any_in_training(token_model: Path, once: Load) -> None:
    short, long = once(token_model).predict([{"id": "s", "text": "good"}, {"id": "l", "text": "good " * 40_000}])
    assert [short["prediction"], long["prediction"]] == ["bright", "bright"]


EVENTS = """
sequences: {word: {type: tokens}}
label: {from: mood, type: class}
group: {by: who, order_by: at, order_as: number}
"""


def test_events_become_records_where_their_keys_first_occur(tmp_path: Path) -> None:
    whole = [{"who": f"w{i}", "word": ["a", "b"], "mood": str(i % 2)} for i in range(4)]
    build_dataset(tmp_path / "data", EVENTS.replace("group:", "id: who #"), {"train": whole})
    manifest_with_events(tmp_path / "data")
    write_untrained(tmp_path / "data", tmp_path / "model")
    events: list[Any] = [
        {"who": "x", "at": 2, "word": "b"},
        {"who": "y", "at": 1, "word": "a", "mood": "1"},
        {"who": "x", "at": 1, "word": "a"},
        {"who": "y", "at": "noon", "word": "a"},
        {"who": "z", "at": 1, "word": "b"},
        {"who": "y", "at": 3, "word": "c"},
    ]
    predictor = load(tmp_path / "model")
    entries = predictor.predict(events)
    assert [entry["id"] for entry in entries] == ["x", "y", None, "z"]
    assert (entries[2]["line"], entries[2]["reason"]) == (4, "wrong_type")
    alone = predictor.predict([events[2], events[0]])
    assert entries[0] == near(alone)[0]
    other = predictor.predict([events[0] | {"at": 0}, events[2]])
    assert other[0]["probabilities"] != pytest.approx(alone[0]["probabilities"], abs=1e-7)
    paths = [tmp_path / "1.jsonl", tmp_path / "2.jsonl"]
    for path, some in zip(paths, (events[:3], events[3:]), strict=True):
        path.write_text("".join(json.dumps(event) + "\n" for event in some))
    from_files = entries_of(tmp_path / "model", paths, tmp_path)
    assert [entry["id"] for entry in from_files] == ["x", "y", None, "z"]
    assert (from_files[2]["file"], from_files[2]["line"]) == (str(paths[1]), 1)


def test_sessions_of_a_key_are_predicted_for_apart(tmp_path: Path) -> None:
    """Each stands where the first of its events does, whatever lies between; nobody asks for their event time."""
    whole = [{"who": f"w{i}", "word": ["a", "b"], "mood": str(i % 2)} for i in range(4)]
    build_dataset(tmp_path / "data", EVENTS.replace("group:", "id: who #"), {"train": whole})
    by_time = EVENTS.replace("number", "time, time_format: unix_seconds, session_gap: 1m, max_events: 2")
    manifest_with_events(tmp_path / "data", by_time)
    write_untrained(tmp_path / "data", tmp_path / "model")
    events: list[Any] = [
        {"who": "x", "at": 500, "word": "b"},
        {"who": "y", "at": 30, "word": "a"},
        {"who": "x", "at": 7, "word": "a"},
        {"who": "y", "at": 10},
        {"who": "x", "at": 550.5, "word": "c"},
        {"who": "y", "at": 0, "word": "b"},
        {"who": "x", "at": 551, "word": "a"},
    ]
    predictor = load(tmp_path / "model")
    entries = predictor.predict(events)
    names = ["x@1970-01-01T00:08:20Z", "y@1970-01-01T00:00:00Z", "x@1970-01-01T00:00:07Z", None]
    assert [entry["id"] for entry in entries] == [*names, "x@1970-01-01T00:09:11Z"]
    assert (entries[3]["line"], entries[3]["reason"]) == (4, "missing_field")
    for entry, own in zip(entries, [[0, 4], [1, 5], [2], None, [6]], strict=True):
        assert own is None or entry == near(predictor.predict([events[i] for i in own]))[0]


def manifest_with_events(folder: Path, spec: str = EVENTS) -> None:
    """Says that the records of a data set were made of events."""
    from schemas.manifest import MANIFEST_NAME, dump_manifest, load_manifest, seal
    from schemas.spec import parse_spec

    manifest = load_manifest(folder)
    manifest.spec.CopyFrom(parse_spec(spec))
    (folder / MANIFEST_NAME).write_bytes(dump_manifest(seal(manifest)))
