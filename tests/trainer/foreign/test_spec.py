"""The spec of records of others: read strictly, with every default, and one line for what cannot mean anything."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.buckets import bucket_index, exclusive_boundaries
from schemas.errors import UsageError
from trainer.foreign.spec import buckets_of, load_record_spec, parse_record_spec, stored_features

ONE = "features: {ids: {type: tokens}}\n"
TWO = "features: {ids: {type: tokens}, wave: {type: series, dims: 3}}\n"


def test_defaults() -> None:
    spec = parse_record_spec(TWO + "label: {type: class}")
    assert (spec.stored_as, spec.compression) == (1, 1)
    assert (spec.features["ids"].feature, spec.features["ids"].dims, spec.features["wave"].dims) == ("ids", 1, 3)
    assert spec.label.feature == "label"
    assert {name: (stored.dtype, stored.many) for name, stored in stored_features(spec).items()} == {
        "ids": ("int64", True),
        "wave": ("float", True),
        "label": ("int64", False),
    }


def test_a_per_step_label_belongs_to_the_only_sequence() -> None:
    assert parse_record_spec(ONE + "label: {type: per_step_class}").label.of == "ids"


def test_one_feature_may_be_read_twice_in_one_way() -> None:
    spec = parse_record_spec(
        "features: {a: {type: tokens, feature: x, length: n}, b: {type: tokens, feature: x, length: n}}"
    )
    assert sorted(stored_features(spec)) == ["n", "x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "features: name one sequence or more (type: tokens, series or text)"),
        ("features: [ids]", "features: expected named fields; received ['ids'] (list)"),
        ("feature: {}", "feature: no such field; did you mean 'features'?"),
        (
            "a: [",
            "is no valid YAML: while parsing a flow node expected the node content, but found '<stream end>' "
            'in "<unicode string>", line 1, column 5: a: [ ^',
        ),
        (ONE + "bucket_by: idz", "bucket_by: 'idz' is no sequence of features; did you mean 'ids'?"),
        (ONE + "compression: zip", "compression: 'zip' (str) is no valid value; did you mean 'gzip'?"),
        (ONE + "boundaries: [8, 4]", "boundaries: 4 follows 8; they must rise"),
        (ONE + "boundaries: [8, 8]", "boundaries: 8 follows 8; they must rise"),
        (ONE + "boundaries: [-1]", "boundaries[0]: -1 is out of range; a length is 0 or more"),
        (ONE + "boundaries: [0.5]", "boundaries[0]: expected a whole number; received 0.5 (float)"),
        (ONE + "boundaries: [8]\nlongest: 8", "longest: 8 is out of range; the last bucket begins at 9"),
        (ONE + "longest: 0", "longest: 0 is out of range; the last bucket begins at 1"),
        ("features: {ids: {}}", "features.ids.type: must be said; valid: tokens, series, text, number, category, id"),
        (
            "features: {ids: {type: token}}",
            "features.ids.type: 'token' (str) is no valid value; did you mean 'tokens'?",
        ),
        (
            "features: {a/b: {type: tokens}}",
            "features.a/b: 'a/b' is no name; use letters, digits, '_' and '-', beginning with a letter",
        ),
        ("features: {a: {type: number}}", "features: name one sequence or more (type: tokens, series or text)"),
        ("features: {a: {type: series}}", "features.a.dims: say how many numbers a step of the series has, 1 or more"),
        ("features: {a: {type: tokens, dims: 1}}", "features.a.dims: means nothing without type: series; remove it"),
        ("features: {a: {type: id, length: n}}", "features.a.length: means nothing without steps; remove it"),
        (
            "features: {a: {type: tokens}, b: {type: category, feature: a}}",
            "features.b: reads 'a' as exactly one int64, and another feature as a list of int64; say one of them",
        ),
        (ONE + "label: {}", "label.type: must be said; valid: class, number, per_step_class"),
        (
            ONE + "label: {type: next_step}",
            "label.type: next_step is made of prepared data sets only; leave the label out",
        ),
        (ONE + "label: {type: class, of: ids}", "label.of: means nothing without type: per_step_class; remove it"),
        (TWO + "label: {type: per_step_class}", "label.of: say whose steps have the classes; valid: ids, wave"),
        (
            TWO + "label: {type: per_step_class, of: id}",
            "label.of: 'id' is no sequence of features; did you mean 'ids'?",
        ),
        (
            ONE + "label: {type: number, feature: ids}",
            "label: reads 'ids' as exactly one float, and another feature as a list of int64; say one of them",
        ),
    ],
)
def test_what_cannot_mean_anything(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_record_spec(text)
    assert str(error.value) == message


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "features.yaml"
    with pytest.raises(UsageError) as error:
        load_record_spec(path)
    assert str(error.value) == f"features {path}: no such file; docs/training.md shows one"
    path.write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"cannot be read: 'utf-8' codec"):
        load_record_spec(path)
    path.write_text(ONE + "longest: 0")
    with pytest.raises(UsageError) as error:
        load_record_spec(path)
    assert str(error.value) == f"features {path}: longest: 0 is out of range; the last bucket begins at 1"
    path.write_text(ONE)
    assert list(load_record_spec(path).features) == ["ids"]


def test_the_example_of_the_documentation() -> None:
    text = (Path(__file__).parents[3] / "docs" / "training.md").read_text()
    example = text.split("## TFRecords of others")[1].split("```yaml\n")[1].split("```")[0]
    spec = parse_record_spec(example)
    assert sorted(spec.features) == ["age", "country", "ids", "name", "wave", "words"]
    assert (spec.features["name"].feature, spec.label.feature, list(spec.boundaries)) == ("meta/key", "y", [16, 32, 64])


@given(st.sets(st.integers(0, 50), max_size=6), st.lists(st.integers(0, 60), max_size=20))
def test_a_bucket_holds_its_upper_bound(bounds: set[int], lengths: list[int]) -> None:
    boundaries = sorted(bounds)
    buckets = buckets_of(boundaries)
    for length in lengths:
        (inside,) = bucket_index(np.array([length]), buckets).tolist()
        assert buckets[inside].min_length <= length
        assert inside == len(boundaries) or length <= buckets[inside].max_length
    assert exclusive_boundaries(buckets) == [bound + 1 for bound in boundaries]
