"""Records unlike any that were seen: empty, of one step, far too long, of unknown tokens, beyond ASCII."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.dataset_pb2 import DatasetSpec, Layout, SequenceType
from schemas.formats.explain import MISSING_FIELD
from schemas.formats.fields import ID, Field, sequence_of
from schemas.formats.raw import RawBlock

MOST_STEPS = 20_000  # of a record that is made longer than any seen: a step takes some 0.1 ms wherever it is read
LONGER = (10, 100)
_UNKNOWN = "qzxv0\u00b7never"
_BEYOND_ASCII = "\u00dcber \u0130stanbul \u6f22\u5b57 \u1e9e\u03a3 e\u0301 \U0001f642 \U00010400\u00a0z\u2028"

Record = dict[str, Any]


def extremes(raw: RawBlock, row: int, steps: int, longest: int, spec: DatasetSpec) -> tuple[RawBlock, list[str]]:
    """Returns records that are made of one, and what each of them is.

    Args:
      raw: Records.
      row: Of the record to begin with, which has all values.
      steps: Of this record.
      longest: Steps of the longest record seen.
      spec: A resolved spec.
    """
    fields = raw.fields
    seen = {name: column[row].as_py() for name, column in raw.columns.items()}
    made = {"empty": _each(seen, fields, spec, _none), "of one step": _each(seen, fields, spec, _first)}
    for factor in LONGER:
        times = max(1, min(factor * longest, MOST_STEPS // overlap(spec)) // max(steps, 1))
        made[f"{factor} times longer than any seen"] = _each(seen, fields, spec, _repeated(times))
    made["of unknown tokens"] = _each(seen, fields, spec, _instead(_UNKNOWN))
    made["of characters beyond ASCII"] = _each(seen, fields, spec, _instead(_BEYOND_ASCII))
    return _block(list(made.values()), raw), list(made)


def overlap(spec: DatasetSpec) -> int:
    """Returns in how many windows a step is, about; 1 where there are none."""
    return -(-spec.window.length // spec.window.stride) if spec.HasField("window") else 1


def _each(seen: Record, fields: list[Field], spec: DatasetSpec, change: Callable[..., Any]) -> Record:
    changed = dict(seen)
    for field in fields:
        feature = sequence_of(field, spec)
        if field.name == ID or (feature is None and not isinstance(seen[field.name], str)):
            continue
        flat = feature is not None and feature.layout == Layout.flat and feature.type == SequenceType.series
        frame = feature.dims if feature is not None and flat and "/" not in field.name else 1
        changed[field.name] = change(seen[field.name], field, frame, feature is None)
    return changed


def _none(value: Any, field: Field, frame: int, alone: bool) -> Any:
    return value if alone else value[:0]


def _first(value: Any, field: Field, frame: int, alone: bool) -> Any:
    if alone:
        return value
    return value[:frame] if isinstance(value, list) else (value.split() or [""])[0][:1]


def _repeated(times: int) -> Callable[..., Any]:
    def change(value: Any, field: Field, frame: int, alone: bool) -> Any:
        if alone:
            return value
        if isinstance(value, str):
            return " ".join([value] * times)
        if field.name.endswith("/time"):  # which must not fall back
            return value + value[-1:] * (len(value) * (times - 1))
        return value * times

    return change


def _instead(text: str) -> Callable[..., Any]:
    """Returns what puts other words in the place of tokens, as many of them, and of categories."""

    def change(value: Any, field: Field, frame: int, alone: bool) -> Any:
        if isinstance(value, str):
            return text if alone else " ".join([text, *(f"{text}{i}" for i in range(len(value.split()) - 1))])
        is_token = bool(value) and isinstance(value[0], str) and not field.name.endswith("/time")
        return [f"{text}{i}" for i in range(len(value))] if is_token else value

    return change


def _block(records: list[Record], raw: RawBlock) -> RawBlock:
    columns = {
        name: pa.array([record[name] for record in records], column.type) for name, column in raw.columns.items()
    }
    places = np.arange(len(records))
    return replace(
        raw,
        columns=columns,
        offsets=places,
        lines=places,
        rejected=[],
        line_count=len(records),
        received=lambda i: b"",
        explain=lambda i: (MISSING_FIELD, "a field must have a value"),
    )
