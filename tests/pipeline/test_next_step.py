"""Data sets whose label is the next step: nothing of it is read or stored, and all else is as without a label."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.verify import verify
from schemas.next_step import labelled_values_of
from tests.pipeline.helpers import prepare, read_dataset, write_jsonl

TOKENS = "id: id\nsequences: {t: {type: tokens, empty: keep}}\n"
FRAMES = "id: id\nsequences: {s: {type: series, dims: 2, missing: forward}}\n"
TRAIN_ONLY = "split: {fractions: {train: 1.0}}\n"
NEXT = "label: {type: next_step, end: true, after: 2}\n"


def test_records_are_those_of_a_data_set_without_a_label(tmp_path: Path) -> None:
    rows = [{"id": str(n), "t": list("abcde")[:n], "label": {"of": "nobody"}} for n in range(6)]
    write_jsonl(tmp_path / "in.jsonl", rows)
    found = {}
    for name, label in (("with", NEXT), ("without", "")):
        manifest = prepare(TOKENS + TRAIN_ONLY + label, str(tmp_path / "in.jsonl"), tmp_path / name)
        found[name] = (manifest.data_fingerprint, [record.values for record in read_dataset(tmp_path / name)])
        verify(str(tmp_path / name))
        assert dict(manifest.counts.rejected) == {}
    assert found["with"] == found["without"]
    manifest = prepare(TOKENS + TRAIN_ONLY + NEXT, str(tmp_path / "in.jsonl"), tmp_path / "again")
    assert labelled_values_of(manifest, "train") == 1 + 2 + 3 + 4
    assert not manifest.HasField("classes")


@pytest.mark.parametrize("stored_as", ["example", "sequence_example"])
def test_events_become_the_sequences_that_are_predicted(tmp_path: Path, stored_as: str) -> None:
    events: list[dict[str, Any]] = [{"k": k, "o": i, "t": "ab"[i % 2], "x": i} for k in "uv" for i in range(4)]
    write_jsonl(tmp_path / "in.jsonl", [*events, {"k": "u", "o": 9, "t": None, "x": 1}])
    spec = f"stored_as: {stored_as}\n{TRAIN_ONLY}group: {{by: k, order_by: o}}\n" + (
        "sequences: {t: {type: tokens}, x: {type: series, dims: 1, layout: flat, aligned_with: t}}\n"
    )
    manifest = prepare(
        f"{spec}label: {{type: next_step, of: x, horizon: 2}}",
        str(tmp_path / "in.jsonl"),
        tmp_path / "data",
        max_rejected=1,
    )
    assert dict(manifest.counts.events.rejected) == {"missing_field": 1}
    assert labelled_values_of(manifest, "train") == 2 * (3 + 2)
    verify(str(tmp_path / "data"))


def test_series_with_missing_numbers_and_windows(tmp_path: Path) -> None:
    rows = [{"id": "a", "s": [[1, None], [2, 3], [4, 5], [6, 7], [8, 9]]}]
    write_jsonl(tmp_path / "in.jsonl", rows)
    spec = f"{FRAMES}{TRAIN_ONLY}window: {{length: 3}}\nlabel: {{type: next_step, horizon: 2, after: 2}}\n"
    manifest = prepare(spec, str(tmp_path / "in.jsonl"), tmp_path / "data")
    assert [record.values["s/length"] for record in read_dataset(tmp_path / "data")] == [[2], [3]]
    # After two of the three steps of the first window, the third: two numbers. The second window has two steps.
    assert labelled_values_of(manifest, "train") == 2
