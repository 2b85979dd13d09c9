from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.infer.facts import collect_facts
from pipeline.infer.proposal import Proposal, propose
from schemas.errors import DataError, UsageError
from schemas.spec import parse_spec
from tests.pipeline.helpers import prepare, review_records, write_jsonl

SPLIT = {"by": "hash", "fractions": {"train": 0.8, "validation": 0.1, "test": 0.1}}
TEXT = {
    "type": "tokens",
    "tokenizer": "words",
    "lowercase": True,
    "vocabulary": {"top_k": 20000, "min_frequency": 2},
}
LIST = {"type": "tokens", "vocabulary": {"top_k": 20000, "min_frequency": 1}}


def proposed(tmp_path: Path, records: list[Any], name: str = "reviews.jsonl", split: str = "") -> Proposal:
    return propose([split + write_jsonl(tmp_path / name, records)])


def values(proposal: Proposal) -> dict[str, Any]:
    parse_spec(proposal.text)  # it is a spec as it stands
    result: dict[str, Any] = yaml.safe_load(proposal.text)
    return result


def texts(count: int) -> list[str]:
    return [record["text"] + " end of it" for record in review_records(count)]


def test_a_text_with_a_class(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, [{"id": f"r{i}", "text": t, "stars": i % 5} for i, t in enumerate(texts(60))])
    assert values(proposal) == {
        "name": "reviews",
        "id": "id",
        "sequences": {"text": TEXT},
        "label": {"from": "stars", "type": "class"},
        "split": SPLIT,
    }
    assert proposal.notes == ["looked at 60 records of 1 file(s)", "label: stars (class, 5 different values)"]


def test_frames_with_a_class(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    records = [
        {
            "frames": draw.normal(size=(i % 4 + 1, 3)).tolist(),
            "signal": draw.normal(size=i + 1).tolist(),
            "label": i % 2,
        }
        for i in range(30)
    ]
    assert values(proposed(tmp_path, records))["sequences"] == {
        "frames": {"type": "series", "dims": 3, "normalize": "zscore"},
        "signal": {"type": "series", "dims": 1, "layout": "flat", "normalize": "zscore"},
    }


def test_tokens_with_a_class_of_each(tmp_path: Path) -> None:
    records = [
        {"words": [f"w{i}-{j}" for j in range(i % 5 + 1)], "tags": ["NV"[j % 2] for j in range(i % 5 + 1)]}
        for i in range(40)
    ]
    result = values(proposed(tmp_path, records))
    assert result["sequences"] == {"words": LIST}
    assert result["label"] == {"from": "tags", "type": "per_step_class"}


def test_a_number_as_label(tmp_path: Path) -> None:
    records = [{"text": text, "target": i / 7} for i, text in enumerate(texts(40))]
    proposal = proposed(tmp_path, records)
    assert values(proposal)["label"] == {"from": "target", "type": "number"}


def test_fields_within_fields(tmp_path: Path) -> None:
    records = [
        {"review": {"text": text, "meta": {"label": "ab"[i % 2]}}, "title": {"text": f"{text} {i}"}}
        for i, text in enumerate(texts(40))
    ]
    result = values(proposed(tmp_path, records))
    assert result["sequences"] == {
        "review_text": {**TEXT, "from": "review.text"},
        "title_text": {**TEXT, "from": "title.text"},
    }
    assert result["label"] == {"from": "review.meta.label", "type": "class"}


def test_where_it_is_unsure_a_person_chooses(tmp_path: Path) -> None:
    records = [{"text": text, "colour": "rgb"[i % 3], "size": i % 2} for i, text in enumerate(texts(40))]
    proposal = proposed(tmp_path, records)
    assert "label" not in values(proposal)
    assert proposal.text.endswith(
        "# Which field is the label? Remove the # of one, or keep all to prepare data without.\n"
        "# label: {from: colour, type: class}\n"
        "# label: {from: size, type: class}\n"
    )
    chosen = proposal.text.replace("# label: {from: size", "label: {from: size")
    assert parse_spec(chosen).HasField("label")


def test_no_field_looks_like_a_label(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, [{"text": text} for text in texts(20)])
    assert proposal.text.endswith("# No field looks like a label; name one: label: {from: FIELD, type: class}\n")
    assert values(proposal)["sequences"] == {"text": TEXT}


def test_empty_and_missing_values_are_noted(tmp_path: Path) -> None:
    records: list[Any] = [{"text": text, "label": i % 2} for i, text in enumerate(texts(40))]
    records[3]["text"] = " "
    del records[5]["text"]
    proposal = proposed(tmp_path, [*records, b"oops", b""])
    assert values(proposal)["sequences"]["text"]["empty"] == "drop"
    assert proposal.notes[0] == "looked at 40 records of 1 file(s), 1 lines hold no JSON object"
    assert "text: 1 records are empty; proposed is to drop and count them" in proposal.notes
    assert "text: 1 records lack it and would be rejected" in proposal.notes


def test_files_of_splits_need_no_fractions(tmp_path: Path) -> None:
    records = [{"text": text, "label": i % 2} for i, text in enumerate(texts(20))]
    assert "split" not in values(proposed(tmp_path, records, split="train="))


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("größe.jsonl", "gr__e"),
        ("2024 part-1.jsonl", "part-1"),
        ("日本.jsonl", "data"),
        ("_.jsonl", "data"),
        ("a.b.jsonl", "a_b"),
    ],
)
def test_the_name_comes_from_the_file(tmp_path: Path, file: str, name: str) -> None:
    assert values(proposed(tmp_path, [{"text": text} for text in texts(20)], name=file))["name"] == name


def test_several_files_are_named_after_their_folder(tmp_path: Path) -> None:
    (tmp_path / "reviews" / "test").mkdir(parents=True)
    for name in ("test/a.jsonl", "train.jsonl"):
        write_jsonl(tmp_path / "reviews" / name, [{"text": text} for text in texts(20)])
    assert values(propose([str(tmp_path / "reviews")]))["name"] == "reviews"


@pytest.mark.parametrize("field", ["größe", "label", "1st", "a b", "-", "日本"])
def test_any_name_of_a_field_becomes_a_name_of_a_sequence(tmp_path: Path, field: str) -> None:
    records = [{field: text, "k": i % 2} for i, text in enumerate(texts(20))]
    sequences = values(proposed(tmp_path, records))["sequences"]
    assert [feature.get("from", name) for name, feature in sequences.items()] == [field]


def test_fields_whose_names_become_one_are_kept_apart(tmp_path: Path) -> None:
    records = [{"a b": text, "a_b": f"{text} x", "a-b": f"{text} y", "ä_b": text} for text in texts(20)]
    sequences = values(proposed(tmp_path, records))["sequences"]
    assert sorted(feature.get("from", name) for name, feature in sequences.items()) == ["a b", "a-b", "a_b", "ä_b"]


def test_no_record(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        proposed(tmp_path, [b"oops", b"[1]"])
    assert str(caught.value) == (f"{tmp_path}/reviews.jsonl: holds no JSON object; a JSONL file has one on every line")


def test_no_sequence(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        proposed(tmp_path, [{"a": 1, "b": 0.5}] * 9)
    assert str(caught.value) == (
        "no field holds a sequence (a text, a list of tokens or frames): a (integer), b (number)"
    )
    with pytest.raises(DataError, match="the records have no fields"):
        proposed(tmp_path, [{"a": None}])


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="matches no file"):
        propose([str(tmp_path / "*.jsonl")])


scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text("ab c.ü", max_size=12)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.", max_size=2), inner, max_size=3)
)


@given(st.lists(st.dictionaries(st.sampled_from(["id", "label", "text", "a.b", "", "x y"]), anything), max_size=6))
def test_whatever_the_records_hold_the_proposal_is_a_spec(records: list[dict[str, Any]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        try:
            proposal = proposed(Path(folder), [*records, b""])
        except DataError as error:
            assert "holds a sequence" in str(error) or "no JSON object" in str(error)
        else:
            parse_spec(proposal.text)


def test_a_proposal_runs_as_it_stands(tmp_path: Path) -> None:
    records = review_records(80)
    proposal = proposed(tmp_path, records)
    manifest = prepare(proposal.text, str(tmp_path / "reviews.jsonl"), tmp_path / "data")
    assert manifest.counts.kept == 80


def test_names_that_no_path_can_say_are_passed_over() -> None:
    records = [{"": "a", "a.b": "c", "x": {"": 1, "y.z": 2, "ok": 3}, "p.q": {"r": 1}}]
    assert list(collect_facts(records)) == ["x.ok"]


def test_a_candidate_of_any_name_can_be_chosen(tmp_path: Path) -> None:
    strange = ["a: b", "{x}", "c # d", "e\nf"]
    records = [{"text": text, **dict.fromkeys(strange, i % 2)} for i, text in enumerate(texts(20))]
    lines = proposed(tmp_path, records).text.split("\n")
    candidates = [line.removeprefix("# ") for line in lines if line.startswith("# label: ")]
    assert [yaml.safe_load(line)["label"] for line in candidates] == [
        {"from": name, "type": "class"} for name in strange
    ]


def test_kinds_of_fields() -> None:
    records = [
        {"a": "x y", "b": [1, 2], "c": [[1, 2.5], [3, 4]], "d": True, "e": {"f": 1}, "g": [1], "h": ["x"], "i": 1},
        {"a": "z", "b": [], "c": [[1, 2]], "d": None, "e": {"f": 2.5}, "g": [0.5], "h": ["y"], "i": "x"},
    ]
    facts = collect_facts(records)
    assert {path: fact.kind for path, fact in facts.items()} == {
        "a": "string",
        "b": "integers",
        "c": "frames",
        "d": "boolean",
        "e.f": "number",
        "g": "numbers",
        "h": "strings",
    }
    assert (facts["c"].dims, facts["g"].dims, facts["b"].dims) == (2, 1, 0)
    assert (facts["b"].present, facts["b"].empty, facts["d"].present) == (2, 1, 1)
    assert (facts["a"].lengths, facts["h"].values) == ([2, 1], {"x", "y"})


def test_frames_of_different_widths_are_no_series() -> None:
    assert collect_facts([{"a": [[1.0], [1.0, 2.0]]}]) == {}
    assert collect_facts([{"a": [[1.0]]}, {"a": [[1.0, 2.0]]}]) == {}
