"""Which fields a spec reads, and specs that read one field in two ways."""

import pyarrow as pa
import pytest

from schemas.errors import UsageError
from schemas.formats.fields import Field, fields_of, nested_types
from schemas.spec import parse_spec

NAMES = (pa.string(), pa.int64(), pa.bool_())
NAME_LISTS = tuple(pa.list_(kind) for kind in NAMES)


def test_the_fields_of_a_spec() -> None:
    spec = parse_spec("""
id: meta.id
sequences:
  words: {type: tokens, from: review.text, tokenizer: words}
  ready: {type: tokens}
  frames: {type: series, dims: 3}
  flat: {type: series, dims: 3, layout: flat, from: review.x}
label: {type: class, from: meta.stars}
""")
    fields = fields_of(spec)
    assert [(field.name, field.path, field.types, field.expected) for field in fields] == [
        ("flat", ("review", "x"), (pa.list_(pa.float64()),), "a list of numbers"),
        ("frames", ("frames",), (pa.list_(pa.list_(pa.float64())),), "a list of frames, each a list of numbers"),
        ("id", ("meta", "id"), NAMES, "a string, an integer of 64 bits or a boolean"),
        ("label", ("meta", "stars"), NAMES, "a string, an integer of 64 bits or a boolean"),
        ("ready", ("ready",), NAME_LISTS, "a list of strings, of integers of 64 bits or of booleans"),
        ("words", ("review", "text"), (pa.string(),), "a string"),
    ]
    assert [field.name for field in fields_of(spec, for_training=False)] == ["flat", "frames", "id", "ready", "words"]
    assert nested_types(fields, {field.name: field.types[0] for field in fields}) == {
        "review": {"x": pa.list_(pa.float64()), "text": pa.string()},
        "frames": pa.list_(pa.list_(pa.float64())),
        "meta": {"id": pa.string(), "stars": pa.string()},
        "ready": pa.list_(pa.string()),
    }


def test_the_fields_of_a_series() -> None:
    spec = parse_spec("""
sequences:
  x:
    type: series
    layout: columns
    columns: [gps.lat, gps.lon]
    time: {from: gps.at, format: iso8601, zone: UTC}
  y: {type: series, dims: 1, time: {from: at, format: unix_milliseconds}}
""")
    assert [(field.name, field.path, field.types, field.expected) for field in fields_of(spec)] == [
        ("x/time", ("gps", "at"), (pa.list_(pa.string()),), "a list of strings"),
        ("x[0]", ("gps", "lat"), (pa.list_(pa.float64()),), "a list of numbers"),
        ("x[1]", ("gps", "lon"), (pa.list_(pa.float64()),), "a list of numbers"),
        ("y", ("y",), (pa.list_(pa.list_(pa.float64())),), "a list of frames, each a list of numbers"),
        ("y/time", ("at",), (pa.list_(pa.float64()),), "a list of numbers"),
    ]
    assert all(field.required for field in fields_of(spec, for_training=False))


@pytest.mark.parametrize(
    ("kind", "types", "expected"),
    [
        ("class", NAMES, "a string, an integer of 64 bits or a boolean"),
        ("number", (pa.float64(),), "a number"),
        ("per_step_class", NAME_LISTS, "a list of strings, of integers of 64 bits or of booleans"),
    ],
)
def test_the_field_of_a_label(kind: str, types: tuple[pa.DataType, ...], expected: str) -> None:
    spec = parse_spec(f"sequences: {{t: {{type: tokens}}}}\nlabel: {{type: {kind}}}")
    label = fields_of(spec)[0]
    assert label == Field("label", ("label",), types)
    assert label.expected == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "sequences: {a: {type: tokens, from: x}, b: {type: series, dims: 1, from: x}}",
            "'x' is read as a list of frames, each a list of numbers for 'b' and as something else elsewhere "
            "in the spec; correct one `from`",
        ),
        (
            "sequences: {a: {type: tokens, from: x}, b: {type: tokens, from: x.y}}",
            "'x.y' is read as a list of strings, of integers of 64 bits or of booleans for 'b' and as something else "
            "elsewhere in the spec; correct one `from`",
        ),
        (
            "sequences: {a: {type: tokens, from: x.y}, b: {type: tokens, tokenizer: words, from: x}}",
            "'x' is read as a string for 'b' and as something else elsewhere in the spec; correct one `from`",
        ),
        (
            "id: t\nsequences: {t: {type: tokens}}",
            "'t' is read as a list of strings, of integers of 64 bits or of booleans for 't' and as something else "
            "elsewhere in the spec; correct one `from`",
        ),
    ],
)
def test_one_field_read_in_two_ways(text: str, error: str) -> None:
    with pytest.raises(UsageError) as raised:
        fields_of(parse_spec(text))
    assert str(raised.value) == error


def test_one_field_may_serve_twice_as_one_type() -> None:
    spec = parse_spec(
        "id: n\nsequences: {a: {type: tokens, tokenizer: characters, from: n}}\nlabel: {type: class, from: n}"
    )
    assert [field.name for field in fields_of(spec)] == ["a", "id", "label"]
