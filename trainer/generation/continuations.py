"""Continuations as tables: the same columns for Parquet and JSONL, whatever the records are."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.explain import NOT_FINITE
from schemas.predictions import LENGTH, Outputs, cuts_steps, in_order
from schemas.ragged import Int64s
from trainer.generation.rules import beginnings_spec, continues_series

GENERATED, ENDED, BROKEN = "generated", "ended", "broken"


def continuation_schema(spec: DatasetSpec) -> pa.Schema:
    """Returns the columns of continuations, which follow from the data set alone.

    id: string; null of a record that has no beginning.
    file: string, line: int64; of a record without a continuation: where it stands, from 1 within its file.
    generated: list<string> (tokens), list<list<float32>> (frames, in the series' own units).
    ended: bool; where the label has an end: whether the sequence has ended.
    cut_steps: int64; steps of the record that are not read, where the spec can leave out any.
    error, reason: string; of a record without a continuation: what is wrong, in words and as a code.

    Args:
      spec: Resolved, of the data set that the model was trained on.
    """
    step = pa.list_(pa.float32()) if continues_series(spec) else pa.string()
    columns = [("id", pa.string()), ("file", pa.string()), ("line", pa.int64()), (GENERATED, pa.list_(step))]
    if spec.label.end:
        columns.append((ENDED, pa.bool_()))
    if cuts_steps(beginnings_spec(spec)):
        columns.append(("cut_steps", pa.int64()))
    return pa.schema([*columns, ("error", pa.string()), ("reason", pa.string())])


def continuations_of(
    batches: Sequence[tuple[Int64s, Outputs]], tell: Callable[[npt.NDArray[Any]], pa.Array]
) -> pa.Table:
    """Returns the columns generated, ended, error and reason, one row an example, in the order of the examples.

    Args:
      batches: One or more: the examples, int64 (batch,), and "generated", (batch, steps, ...), of which each row has
        "length"; "ended" and "broken", bool (batch,): whether it has ended, or an answer was no finite number.
      tell: Returns steps, (steps of all examples, ...), in plain values.
    """
    steps = in_order([(rows, {name: outputs[name] for name in (LENGTH, GENERATED)}) for rows, outputs in batches])
    flags = in_order([(rows, {name: outputs[name] for name in (ENDED, BROKEN)}) for rows, outputs in batches])
    counts, broken = steps[LENGTH], flags[BROKEN]
    offsets = pa.array(np.append(0, np.cumsum(counts)), pa.int32())
    kept = pa.array(np.arange(len(counts)), mask=broken)
    told = zip(broken.tolist(), counts.tolist(), strict=True)
    errors = [_not_finite_rule(count) if bad else None for bad, count in told]
    return pa.table(
        {
            GENERATED: pa.ListArray.from_arrays(offsets, tell(steps[GENERATED])).take(kept),
            ENDED: pa.array(flags[ENDED], mask=broken),
            "error": pa.array(errors, pa.string()),
            "reason": pa.array([error and NOT_FINITE for error in errors], pa.string()),
        }
    )


def _not_finite_rule(count: int) -> str:
    return f"the model's answer is no finite number after {count} generated steps"
