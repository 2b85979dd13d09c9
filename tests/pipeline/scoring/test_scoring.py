"""Raw records become predictions: those of `predict`, in their order, whoever works on them."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow.parquet as pq
import pytest
from apache_beam.metrics.metric import MetricsFilter

from pipeline import ScoreRecords
from pipeline.runners.options import beam_options
from pipeline.scoring import handler
from pipeline.scoring.job import plan_scoring
from pipeline.scoring.model import open_model
from pipeline.scoring.run import run_scoring
from schemas.errors import DataError
from schemas.formats.fields import fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.manifest import load_manifest
from schemas.model_inputs import ModelInputs
from schemas.records.unlabelled import unlabelled_spec, validate_unlabelled
from tests.pipeline.helpers import failures, jsonl, prepare, quiet, tree, write_jsonl
from tests.pipeline.scoring.conftest import Models
from tests.pipeline.scoring.exports import (
    as_written,
    close,
    predicted_by_trainer,
    write_export,
    write_models,
    write_pieces_model,
)
from tests.pipeline.scoring.shelf import PREFIX
from tests.trainer.properties.cases import QUICK_TO_TRACE, write_untrained
from tests.trainer.properties.data_sets import records_of
from trainer.saved import load_saved

LENGTHS = [3, 1, 12, 2, 0, 30, 7, 5, 1, 1, 9, 4] * 8


def score(model: str, inputs: str | Sequence[str], output: Path, *flags: str, **settings: Any) -> dict[str, Any]:
    """Scores in small blocks, and returns the content of predictions.json."""
    settings.setdefault("block_bytes", 5_000)
    patterns = [inputs] if isinstance(inputs, str) else inputs
    run_scoring(plan_scoring(open_model(model), patterns, str(output), **settings), beam_options(flags), quiet())
    found: dict[str, Any] = json.loads((output / "predictions.json").read_text())
    return found


def content(output: Path, result: dict[str, Any]) -> bytes:
    return b"".join((output / file["path"]).read_bytes() for file in result["files"])


@pytest.mark.parametrize("task", ["class", "binary", "per_step_class", "next_token", "forecast"])
def test_predictions_are_those_of_predict(task: str, tmp_path: Path) -> None:
    trained, export = write_models(task, tmp_path)
    source = write_jsonl(tmp_path / "in.jsonl", records_of("new", LENGTHS))
    result = score(str(export), source, tmp_path / "out")
    found = as_written(content(tmp_path / "out", result))
    assert [entry["id"] for entry in found] == [f"new-{i}" for i in range(len(LENGTHS))]
    assert close(found, predicted_by_trainer(trained, source, tmp_path / "predicted.jsonl"))
    assert len(result["files"]) > 1
    assert result["counts"] == {
        "read": len(LENGTHS),
        "predicted": len(LENGTHS),
        "predictions": len(LENGTHS),
        "rejected": {},
    }
    assert tree(tmp_path / "out") == {"predictions.json", *(file["path"] for file in result["files"])}


def test_predictions_are_the_same_whether_inputs_are_in_the_graph(
    classes: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [*records_of("new", LENGTHS), {"id": "bad"}]
    source = [write_jsonl(tmp_path / f"{i}.jsonl", records[i::5]) for i in range(5)]
    wanted = score(classes.export, source, tmp_path / "few")
    monkeypatch.setattr("pipeline.job.FEW_INPUTS", 1)
    assert score(classes.export, source, tmp_path / "many") == wanted
    assert tree(tmp_path / "many") == tree(tmp_path / "few")


@pytest.mark.parametrize(
    "flags",
    [
        ["--direct_runner_bundle_repeat=2"],
        ["--direct_num_workers=2", "--direct_running_mode=multi_threading"],
        ["--direct_num_workers=2", "--direct_running_mode=multi_processing"],
    ],
)
def test_bytes_do_not_depend_on_the_workers(flags: list[str], classes: Models, tmp_path: Path) -> None:
    records = [*records_of("new", LENGTHS), {"id": "bad"}, b"no json"]
    source = write_jsonl(tmp_path / "in.jsonl", records)
    one = score(classes.export, source, tmp_path / "one")
    other = score(classes.export, source, tmp_path / "other", *flags)
    assert one == other
    assert len(one["files"]) > 3
    assert tree(tmp_path / "one") == tree(tmp_path / "other")
    for path in tree(tmp_path / "one"):
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "other" / path).read_bytes()


def test_threads_change_nothing(classes: Models, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", records_of("new", LENGTHS * 20))
    one = score(classes.export, source, tmp_path / "one", block_bytes=1 << 20)
    assert one == score(classes.export, source, tmp_path / "other", threads=3, block_bytes=1 << 20)


def test_files_are_in_order_and_parquet_says_the_same(classes: Models, tmp_path: Path) -> None:
    records = records_of("new", LENGTHS)
    write_jsonl(tmp_path / "in" / "b.jsonl", records[60:])
    write_jsonl(tmp_path / "in" / "a.jsonl", records[:40])
    (tmp_path / "in" / "a2.jsonl.gz").write_bytes(gzip.compress(jsonl(records[40:60])))
    lines = score(classes.export, str(tmp_path / "in"), tmp_path / "lines")
    tables = score(classes.export, str(tmp_path / "in"), tmp_path / "tables", output_format="parquet")
    found = as_written(content(tmp_path / "lines", lines))
    assert [entry["id"] for entry in found] == [record["id"] for record in records]
    rows = [row for file in tables["files"] for row in pq.read_table(tmp_path / "tables" / file["path"]).to_pylist()]
    assert [row["id"] for row in rows] == [entry["id"] for entry in found]
    assert [row["prediction"] for row in rows] == [entry["prediction"] for entry in found]
    assert dict(rows[5]["probabilities"]) == pytest.approx(found[5]["probabilities"])
    count = len(lines["files"])
    names = [f"predictions-{i:05d}-of-{count:05d}-{file['sha256'][:12]}.jsonl" for i, file in enumerate(lines["files"])]
    assert [file["path"] for file in lines["files"]] == names
    assert [(Path(file["path"]).name, file["records"]) for file in lines["inputs"]] == [
        ("a.jsonl", 40),
        ("a2.jsonl.gz", 20),
        ("b.jsonl", 36),
    ]


def test_a_trained_model_is_exported_first(classes: Models, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", records_of("new", LENGTHS))
    result = score(classes.trained, source, tmp_path / "out")
    assert tree(tmp_path / "out") == {"predictions.json", *(file["path"] for file in result["files"])}
    assert close(
        as_written(content(tmp_path / "out", result)),
        predicted_by_trainer(Path(classes.trained), source, tmp_path / "predicted.jsonl"),
    )
    assert result["model"]["manifest_fingerprint"] == load_manifest(classes.trained).fingerprint


def test_bad_records_are_told_and_are_not_fatal(classes: Models, tmp_path: Path) -> None:
    good = records_of("new", [2] * 150)
    records: list[Any] = [*good[:100], {"id": "bad", "text": 7}, b"{", *good[100:]]
    source = write_jsonl(tmp_path / "in.jsonl", records)
    result = score(classes.export, source, tmp_path / "out")
    assert result["counts"] == {
        "read": 152,
        "predicted": 150,
        "predictions": 150,
        "rejected": {"invalid_json": 1, "wrong_type": 1},
    }
    [file] = result["rejected_files"]
    rejected = [json.loads(line) for line in (tmp_path / "out" / file["path"]).read_text().splitlines()]
    assert [(item["file"], item["line"], item["reason"]) for item in rejected] == [
        (source, 101, "wrong_type"),
        (source, 102, "invalid_json"),
    ]
    with pytest.raises(DataError) as raised:
        score(classes.export, source, tmp_path / "strict", max_rejected=1)
    assert str(raised.value).startswith(
        "2 of 152 records rejected (invalid_json 1, wrong_type 1), --max_rejected allows 1; mend the records or the "
        f"spec, or allow more; first: {source}, line 102 "
    )
    assert [path.name for path in failures(tmp_path / "strict")] == ["error.json", "rejected.jsonl"]
    assert [path.split("/")[0] for path in tree(tmp_path / "strict")] == ["failed", "failed"]


def test_records_that_the_model_cannot_answer_for(
    classes: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = handler._load_signature

    def limited(folder: str) -> Any:
        ask = load(folder)

        def answer(inputs: Any) -> Any:
            if inputs["text_length"].max() > 12:
                raise MemoryError("12 steps fit")
            said = ask(inputs)
            said["probabilities"] = np.where(inputs["text_length"][:, None] == 5, np.nan, said["probabilities"])
            return said

        return answer

    monkeypatch.setattr(handler, "_load_signature", limited)
    source = write_jsonl(tmp_path / "in.jsonl", records_of("new", [3, 30, 5, 2, 12]))
    result = score(classes.export, source, tmp_path / "out")
    rejected = (tmp_path / "out" / result["rejected_files"][0]["path"]).read_bytes()
    assert [(item["line"], item["reason"], item["rule"], item["excerpt"]) for item in as_written(rejected)] == [
        (
            2,
            "out_of_memory",
            "the machine has no memory for a sequence of 30 steps; predict on a larger one, or train with a length "
            "policy or a window",
            '{"id":"new-1"}',
        ),
        (3, "not_finite", "the model's answer is no finite number", '{"id":"new-2"}'),
    ]
    assert [entry["id"] for entry in as_written(content(tmp_path / "out", result))] == ["new-0", "new-3", "new-4"]
    assert result["counts"]["rejected"] == {"not_finite": 1, "out_of_memory": 1}


def test_a_record_in_pieces_has_several_predictions(tmp_path: Path) -> None:
    trained, export = write_pieces_model(tmp_path)
    records = [
        {"id": f"n{i}", "x": [[float(step)] for step in range(length)]} for i, length in enumerate([9, 2, 4, 0, 13])
    ]
    source = write_jsonl(tmp_path / "in.jsonl", records)
    result = score(str(export), source, tmp_path / "out")
    found = as_written(content(tmp_path / "out", result))
    assert [(entry["parent"], entry["start"]) for entry in found] == [
        *(("n0", 0), ("n0", 4)),
        ("n2", 0),
        *(("n4", 0), ("n4", 4), ("n4", 8)),
    ]
    assert result["counts"] == {"read": 5, "predicted": 3, "predictions": 6, "rejected": {"too_short": 2}}
    assert close(found, predicted_by_trainer(trained, source, tmp_path / "predicted.jsonl"))


def test_composes_with_a_pipeline_of_ones_own(classes: Models, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", records_of("new", LENGTHS))
    pipeline = beam.Pipeline(runner="FnApiRunner")
    result = pipeline | ScoreRecords(classes.export, inputs=[source], output=str(tmp_path / "out"))
    _ = result | beam.Map(lambda said: (tmp_path / "said").write_text(json.dumps(said)))
    metrics = pipeline.run().metrics().query(MetricsFilter().with_name("num_inferences"))
    said = json.loads((tmp_path / "said").read_text())
    assert said == json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [counter.committed for counter in metrics["counters"]] == [said["counts"]["predicted"]] == [len(LENGTHS)]


GROUPED = """
sequences:
  action: {type: tokens}
  amount: {type: series, dims: 1, layout: flat, aligned_with: action}
label: {type: class, from: churned}
group: {by: user, order_by: at}
split: {fractions: {train: 1.0}}
"""


def event(user: int, at: int, **more: Any) -> dict[str, Any]:
    return {"user": f"u{user}", "at": at, "action": "abc"[at % 3], "amount": at / 4, **more}


def test_events_are_grouped_into_the_records_that_are_predicted_for(tmp_path: Path) -> None:
    labelled = [event(user, at, churned=user % 2 == 0) for at in range(9) for user in range(12)]
    prepare(GROUPED, write_jsonl(tmp_path / "train.jsonl", labelled), tmp_path / "data")
    model = write_untrained(tmp_path / "data", tmp_path / "model", QUICK_TO_TRACE)
    events = [event(user, at) for at in range(7) for user in range(30) if (user + at) % 5] + [{"user": "u1", "at": 99}]
    source = write_jsonl(tmp_path / "in.jsonl", events[::-1])
    result = score(str(write_export(model, tmp_path / "export")), source, tmp_path / "out")
    found = as_written(content(tmp_path / "out", result))
    assert sorted(entry["id"] for entry in found) == sorted(f"u{user}" for user in range(30))
    assert result["counts"] == {
        "read": 30,
        "predicted": 30,
        "predictions": 30,
        "rejected": {},
        "events": {"read": len(events), "kept": len(events) - 1, "rejected": {"missing_field": 1}, "dropped": {}},
    }
    assert len(result["files"]) == len({entry["path"] for entry in result["files"]}) > 1
    records = []
    for user in range(30):
        own = [e for e in events if e["user"] == f"u{user}" and "action" in e]  # in the order of their times
        steps = {field: [e[field] for e in own] for field in ("action", "amount")}
        records.append({"user": f"u{user}", **steps})
    assert said_of(model, records) == {entry["id"]: entry["prediction"] for entry in found}


def said_of(model: Path, records: list[dict[str, Any]]) -> dict[str, str]:
    """Returns the predictions for whole records by id, without any of what scoring does."""
    saved = load_saved(model)
    spec = unlabelled_spec(saved.manifest.spec)
    raw = parse_jsonl(jsonl(records), fields_of(spec, for_training=False))
    examples = validate_unlabelled(raw, spec)
    features = ModelInputs(examples, saved.manifest, saved.vocabularies).batch(np.arange(len(examples)))
    best = np.argmax(saved.model.answer(features, training=False), axis=-1)
    names = [record["user"] for record in records]
    return dict(zip(names, [saved.classes[i] for i in best], strict=True))


def test_everything_may_lie_elsewhere_than_on_a_local_disk(classes: Models, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [*records_of("new", LENGTHS), {"id": "bad"}])
    here = score(classes.export, source, tmp_path / "here")
    places = [f"{PREFIX}{path}" for path in (classes.export, source, tmp_path / "there")]
    planned = plan_scoring(open_model(places[0]), places[1:2], places[2], block_bytes=5_000)
    run_scoring(planned, beam_options([]), quiet())
    there = json.loads((tmp_path / "there" / "predictions.json").read_text())
    assert there["files"] == here["files"]
    assert there["model"] == here["model"]
    assert [file["path"] for file in there["inputs"]] == [places[1]]
    assert content(tmp_path / "there", there) == content(tmp_path / "here", here)
    assert not list((tmp_path / "there").glob(".staging/**/*.jsonl"))
