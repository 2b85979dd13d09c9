"""The parser of whole batches and the check of one record refuse the same records, and read the same lengths."""

from typing import Any

import pytest
import tensorflow as tf
from hypothesis import event, given
from hypothesis import strategies as st

from tests.trainer.foreign.foreign_files import example, sequence_example
from trainer.foreign.faults import record_fault
from trainer.foreign.parser import RecordParser
from trainer.foreign.spec import record_spec_from

SPEC: dict[str, Any] = {
    "features": {
        "ids": {"type": "tokens", "length": "n"},
        "wave": {"type": "series", "dims": 2},
        "words": {"type": "text"},
        "age": {"type": "number"},
        "country": {"type": "category"},
        "name": {"type": "id"},
    },
    "label": {"feature": "tags", "type": "per_step_class", "of": "words"},
}
INTS = st.integers(-3, 5) | st.sampled_from([2**31 - 1, 2**31, -(2**40)])
WRONG = st.sampled_from([[1], [0.5], ["a"], [], None])


def some(values: Any, usual: list[Any]) -> Any:
    """Mostly what fits, now and then something else, or nothing at all."""
    return st.one_of(st.just(usual), st.just(usual), st.just(usual), values)


@st.composite
def records(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns what has one value, and steps of what has many, each a list of values; None is left out."""
    steps = {name: draw(st.integers(0, 3)) for name in ("ids", "wave", "words")}
    one = {
        "n": draw(some(WRONG | st.lists(INTS, max_size=2), [steps["ids"]])),
        "age": draw(some(WRONG, [0.5])),
        "country": draw(some(WRONG | st.lists(INTS, max_size=2), [1])),
        "name": draw(some(WRONG, ["a"])),
    }
    many: dict[str, Any] = {
        "ids": draw(some(st.lists(some(st.lists(INTS, max_size=2), [1]), max_size=3), [[1]] * steps["ids"])),
        "wave": draw(
            some(st.lists(st.lists(st.just(0.5), min_size=1, max_size=3), max_size=3), [[0.5] * 2] * steps["wave"])
        ),
        "words": draw(some(st.none() | st.just([[1]]), [["w"]] * steps["words"])),
        "tags": draw(some(st.none() | st.lists(st.lists(INTS, max_size=2), max_size=3), [[1]] * steps["words"])),
    }
    return {k: v for k, v in one.items() if v is not None}, {k: v for k, v in many.items() if v is not None}


def parses(parser: RecordParser, record: bytes) -> Any:
    try:
        return parser(tf.constant([record]))
    except tf.errors.OpError:
        return None


@pytest.mark.parametrize("stored_as", ["example", "sequence_example"])
@given(record=records())
def test_a_record_parses_where_no_fault_is_found(stored_as: str, record: tuple[dict[str, Any], dict[str, Any]]) -> None:
    one, many = record
    spec = record_spec_from({**SPEC, "stored_as": stored_as})
    parser = RecordParser(spec)
    flat = {name: [value for step in steps for value in step] for name, steps in many.items()}
    serialized = example({**one, **flat}) if stored_as == "example" else sequence_example(one, many)
    parsed = parses(parser, serialized)
    fault = record_fault(serialized, spec)
    event(str(fault))
    assert (fault is None) == (parsed is not None), fault
    if parsed is not None:
        lengths = [int(parsed[0][f"{name}/length"][0]) for name in ("ids", "wave", "words")]
        held = {name: len(flat.get(name, [])) // dims for name, dims in (("ids", 1), ("wave", 2), ("words", 1))}
        assert lengths == list(held.values())
        assert parser.bucket_lengths(tf.constant([serialized])).numpy().tolist() == [max(lengths)]
