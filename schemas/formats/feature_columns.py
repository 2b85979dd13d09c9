"""Columns of `tf.train.Example` and `tf.train.SequenceExample` messages.

A feature is a list of strings of bytes, of integers or of floats, and nothing says whether a list of one
is a single value: the field does. A feature list holds a feature for each step.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.example_pb2 import Feature, FeatureList
from schemas.formats.explain import WRONG_TYPE
from schemas.formats.fields import Field
from schemas.formats.packed_values import Steps, bytes_values, float_values, int64_values, step_values
from schemas.formats.typed_columns import Problem, ReadColumn, must_be, path_of, read_parts
from schemas.ragged import Int64s, count_in_rows

DUPLICATE_FIELD = "duplicate_field"

_VALUES: dict[str, Callable[[Sequence[Any]], tuple[pa.Array, Int64s]]] = {
    "bytes_list": bytes_values,
    "float_list": float_values,
    "int64_list": int64_values,
}
Mask = npt.NDArray[np.bool_]
Parts = list[tuple[Int64s, pa.Array]]


def feature_column(features: Sequence[Feature | None], field: Field) -> ReadColumn:
    """Returns the column of a field that each record holds as one feature.

    A feature without values is no value, but an empty list where a list is wanted.

    Args:
      features: That of each record; None where it has none.
      field: What to read.
    """
    parts: Parts = []
    problems: list[Problem] = []
    for kind, rows in _by_kind(features).items():
        values, sizes = _VALUES[kind]([getattr(features[row], kind) for row in rows])
        if _depth(field) == 0:
            parts.append((rows[sizes == 1], _of_rows(values, sizes, sizes == 1)))
            rule = f"{must_be(field)}; the feature holds several values"
            problems += _problem(rows[sizes > 1], WRONG_TYPE, rule)
        elif _depth(field) == 1:
            parts.append((rows[sizes > 0], _lists(values, sizes[sizes > 0])))
            # An empty list is of any type: writers give it the kind that comes first.
            parts.append((rows[sizes == 0], _lists(pa.nulls(0), sizes[sizes == 0])))
        else:
            rule = f"{must_be(field)}; a feature holds values without frames: say `layout: flat` in the spec"
            problems += _problem(rows, WRONG_TYPE, rule)
    return _read(parts, problems, len(features), field)


def feature_list_column(lists: Sequence[FeatureList | None], field: Field) -> ReadColumn:
    """Returns the column of a field that each record holds as a feature list, a feature for each step.

    Args:
      lists: That of each record; None where it has none.
      field: What to read: of a list a step holds one value, of a list of frames one frame.
    """
    there = np.array([row for row, one in enumerate(lists) if one is not None], np.int64)
    if _depth(field) == 0:
        rule = f"{must_be(field)}; it is a feature list, with a feature for each step"
        return _read([], _problem(there, WRONG_TYPE, rule), len(lists), field)
    every = [one for one in lists if one is not None]
    steps = step_values(every)
    if steps is None:
        return _steps_by_kind(there, every, len(lists), field)
    part, problems = _steps_part(there, steps, None, field)
    return _read([part], problems, len(lists), field)


def both_problem(rows: Int64s, field: Field) -> list[Problem]:
    """Returns the problem of records that hold a field in the context and in the feature lists."""
    rule = (
        f"field '{path_of(field)}' must stand in the context or in the feature lists; it stands in both; "
        "rename one of them"
    )
    return _problem(rows, DUPLICATE_FIELD, rule)


def plain_values(feature: Feature | FeatureList) -> Any:
    """Returns what a feature or feature list holds, as Python's values."""
    if isinstance(feature, FeatureList):
        return [plain_values(step) for step in feature.feature]
    kind = feature.WhichOneof("kind")
    return None if kind is None else list(getattr(feature, kind).value)


def _steps_by_kind(there: Int64s, lists: Sequence[FeatureList], count: int, field: Field) -> ReadColumn:
    """Returns the column of feature lists, which are read one step at a time."""
    problems: list[Problem] = []
    kinds: dict[str, list[int]] = {}
    for i, one in enumerate(lists):
        # A step without values is of any kind.
        found = {kind for step in one.feature if (kind := step.WhichOneof("kind")) and getattr(step, kind).value}
        if len(found) > 1:
            rule = f"{must_be(field)}; its steps are of the kinds {', '.join(sorted(found))}"
            problems += _problem(there[[i]], WRONG_TYPE, rule)
        else:
            kinds.setdefault(next(iter(found), ""), []).append(i)
    parts: Parts = []
    for kind, chosen in kinds.items():
        steps = [step for i in chosen for step in lists[i].feature]
        lengths = np.array([len(lists[i].feature) for i in chosen])
        missing = np.array([step.WhichOneof("kind") is None for step in steps], bool)
        empty = pa.nulls(0), np.zeros(len(steps), np.int64)
        values, sizes = _VALUES[kind]([getattr(step, kind) for step in steps]) if kind else empty
        part, wrong = _steps_part(there[chosen], Steps(values, sizes, lengths), missing, field)
        parts.append(part)
        problems += wrong
    return _read(parts, problems, count, field)


def _steps_part(
    rows: Int64s, steps: Steps, missing: Mask | None, field: Field
) -> tuple[tuple[Int64s, pa.Array], list[Problem]]:
    """Returns rows and their lists, and what is wrong with other rows; `missing`: steps that are null."""
    values, sizes, lengths = steps
    if _depth(field) == 2:
        return (rows, _lists(_lists(values, sizes, missing), lengths)), []
    bad = count_in_rows(sizes > 1, np.concatenate([[0], np.cumsum(lengths)])) > 0
    if not bad.any() and (sizes == 1).all():
        return (rows, _lists(values, lengths)), []
    kept = np.repeat(~bad, lengths)
    first = np.where(sizes == 1, np.cumsum(sizes) - sizes, 0)
    index = pa.array(first[kept], mask=(sizes != 1)[kept])
    remedy = "; say `layout: frames` in the spec" if pa.types.is_floating(field.types[0].value_type) else ""
    rule = f"{must_be(field)}, one for each step; a step holds several values{remedy}"
    return (rows[~bad], _lists(values.take(index), lengths[~bad])), _problem(rows[bad], WRONG_TYPE, rule)


def _by_kind(features: Sequence[Feature | None]) -> dict[str, Int64s]:
    rows: dict[str, list[int]] = {}
    for row, feature in enumerate(features):
        kind = None if feature is None else feature.WhichOneof("kind")
        if kind is not None:
            rows.setdefault(kind, []).append(row)
    return {kind: np.array(found) for kind, found in rows.items()}


def _read(parts: Parts, problems: list[Problem], count: int, field: Field) -> ReadColumn:
    read = read_parts(parts, count, field)
    return ReadColumn(read.column, [*problems, *read.problems])


def _depth(field: Field) -> int:
    """Returns how many lists are within one another."""
    kind, depth = field.types[0], 0
    while pa.types.is_list(kind):
        kind, depth = kind.value_type, depth + 1
    return depth


def _of_rows(values: pa.Array, sizes: Int64s, chosen: Mask) -> pa.Array:
    """Returns the values of the chosen lists, which hold one each."""
    return values if chosen.all() else values.take(pa.array((np.cumsum(sizes) - sizes)[chosen]))


def _lists(values: pa.Array, sizes: Int64s, missing: Mask | None = None) -> pa.ListArray:
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, values, mask=None if missing is None else pa.array(missing))


def _problem(rows: Int64s, reason: str, rule: str) -> list[Problem]:
    return [Problem(rows, reason, rule)] if len(rows) else []
