"""Predictions as tables: what a model said of examples, in words; the same columns for Parquet and JSONL.

Nothing here goes through examples one by one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import DatasetSpec, Rest, TooLong
from schemas.formats.explain import NOT_FINITE
from schemas.formats.rejected import Rejected
from schemas.manifest_pb2 import Manifest
from schemas.ragged import Int64s
from schemas.records.examples import ExampleBlock
from schemas.spec import CLASS, NEXT_STEP, NUMBER, PER_STEP_CLASS, cuts_records, leaders, series_sequences

Outputs = Mapping[str, npt.NDArray[Any]]

PREDICTION, PROBABILITIES, LENGTH = "prediction", "probabilities", "length"
_NOT_FINITE_RULE = "the model's answer is no finite number"
_MOST_NUMBERS, _MOST_NAME_BYTES = 2**22, 2**28  # of a table: 16 MiB, and 256 MiB of names of classes
_NAMED = pa.map_(pa.string(), pa.float32())
_TRUNCATING = {TooLong.truncate_tail, TooLong.truncate_head, TooLong.truncate_both}


def prediction_schema(manifest: Manifest) -> pa.Schema:
    """Returns the columns of predictions, which follow from the manifest alone.

    id: string; null of a record that has no example. parent: string, start: int64; where the spec cuts records into
      pieces: the record's id, and its step with which the piece begins.
    file: string, line: int64; of a record without an answer: where it stands, from 1 within its file.
    prediction: float32 (a number), string (a class, or the next token; null where the end is more probable than any
      token), list<string> (a class for each step), list<list<float32>> (the next frames).
    probabilities: map<string, float32> (of every class, or of the next tokens that come closest), list<float32>
      (of the class of each step); none of numbers and frames.
    out_of_vocabulary, end: float32; of next tokens, the latter where a sequence may end.
    cut_steps: int64; steps of the record that a length policy left out, where the spec can leave out any: of a record
      in pieces with its last one.
    error, reason: string; of a record without an answer: what is wrong, in words and as a code.
    """
    spec = manifest.spec
    columns = [("id", pa.string())]
    if cuts_records(spec):
        columns += [("parent", pa.string()), ("start", pa.int64())]
    columns += [("file", pa.string()), ("line", pa.int64()), *_answer_types(spec).items()]
    if cuts_steps(spec):
        columns.append(("cut_steps", pa.int64()))
    return pa.schema([*columns, ("error", pa.string()), ("reason", pa.string())])


def cuts_steps(spec: DatasetSpec) -> bool:
    """Returns whether a resolved spec can leave out steps of a record that it keeps."""
    if spec.HasField("window"):
        return bool(spec.window.rest == Rest.drop)
    features = [spec.sequences[name] for name in leaders(spec)]
    return any(feature.HasField("max_length") and feature.too_long in _TRUNCATING for feature in features)


def examples_with_room(manifest: Manifest, classes: Sequence[str]) -> int:
    """Returns how many examples to make a table of at a time: as many as a model says some million numbers of.

    Args:
      manifest: Of the data set that the model was trained on.
      classes: Names of the classes, in the order of their ids.
    """
    label, numbers, size = manifest.spec.label, 1, 0
    if label.type == CLASS:
        numbers, size = len(classes), sum(len(name.encode()) for name in classes)
    elif label.type == NEXT_STEP and label.of in series_sequences(manifest.spec):
        numbers = label.horizon * manifest.spec.sequences[label.of].dims
    return max(1, min(_MOST_NUMBERS // numbers, _MOST_NAME_BYTES // max(1, size)))


def in_order(batches: Iterable[tuple[Int64s, Outputs]]) -> dict[str, npt.NDArray[Any]]:
    """Returns the outputs of batches in the order of the examples.

    Args:
      batches: One or more: the examples of each batch, int64 (batch,), each example once and none left out; and what
        the model says of them, (batch, ...) each.

    Returns:
      The same names, (examples, ...) each. Where there is a "length", int (examples,), the others were (batch, steps)
      with padded steps behind the real ones, and are (steps of all examples,), those of one after those of another.
    """
    rows, said = zip(*batches, strict=True)
    place = np.argsort(np.concatenate(rows), kind="stable")
    if LENGTH not in said[0]:
        return {name: np.concatenate([outputs[name] for outputs in said])[place] for name in said[0]}
    lengths = np.concatenate([outputs[LENGTH] for outputs in said]).astype(np.int64)
    steps = _moved(lengths, place)
    flat = {
        name: np.concatenate([_real(outputs[name], outputs[LENGTH]) for outputs in said])[steps]
        for name in said[0]
        if name != LENGTH
    }
    return flat | {LENGTH: lengths[place]}


def heads_of(block: ExampleBlock, spec: DatasetSpec) -> pa.Table:
    """Returns what is known of each example before a model has seen it: id, and as needed parent, start, cut_steps.

    Args:
      block: The examples.
      spec: That they were made by, resolved.
    """
    columns: dict[str, Any] = {"id": block.ids}
    if block.parents is not None:
        columns |= {"parent": block.parents.ids, "start": pa.array(block.parents.starts)}
    if cuts_steps(spec):
        left_out = [block.cut_steps[name] for name in leaders(spec)]
        columns["cut_steps"] = pa.array(np.sum(left_out, axis=0, dtype=np.int64))
    return pa.table(columns)


def answers_of(outputs: Outputs, manifest: Manifest, classes: Sequence[str]) -> pa.Table:
    """Returns what a model says of examples: the columns from prediction to end, error, reason.

    An example of whose numbers one is not finite has no answer: `error` and `reason` stand in its place.

    Args:
      outputs: As `in_order` returns them.
      manifest: Of the data set that the model was trained on.
      classes: Names of the classes, in the order of their ids.
    """
    spec = manifest.spec
    offsets = _offsets(outputs[LENGTH]) if LENGTH in outputs else None
    columns = _answer_columns(outputs, spec, classes, offsets)
    finite = _finite(outputs, offsets)
    if not finite.all():
        kept = pa.array(np.arange(len(finite)), mask=~finite)
        columns = {name: column.take(kept) for name, column in columns.items()}
    none, answered = pa.scalar(None, pa.string()), pa.array(finite)
    for name, text in (("error", _NOT_FINITE_RULE), ("reason", NOT_FINITE)):
        columns[name] = pc.if_else(answered, none, text)
    return pa.table(columns)


def refusals_of(refused: Sequence[Rejected], schema: pa.Schema) -> pa.Table:
    """Returns a row for each record without an example.

    Args:
      refused: Each `placed` in its file; of an empty path, none is said.
      schema: Columns of the table, such as those of `prediction_schema`; file, line, error and reason among them.
    """
    columns = {
        "file": pa.array([item.path or None for item in refused], pa.string()),
        "line": pa.array([item.line for item in refused], pa.int64()),
        "error": pa.array([item.rule for item in refused], pa.string()),
        "reason": pa.array([item.reason for item in refused], pa.string()),
    }
    return _completed(columns, len(refused), schema)


def failures_of(heads: pa.Table, errors: Sequence[str], reason: str, schema: pa.Schema) -> pa.Table:
    """Returns a row for each example that a model could not be asked about.

    Args:
      heads: Of `heads_of`.
      errors: What is wrong, in words, of each.
      reason: What is wrong, as a code.
      schema: As of `refusals_of`.
    """
    columns = {"error": pa.array(errors, pa.string()), "reason": pa.array([reason] * len(heads), pa.string())}
    return _completed({name: heads[name] for name in heads.column_names} | columns, len(heads), schema)


def placed(table: pa.Table, paths: Sequence[str], files: Int64s, lines: Int64s) -> pa.Table:
    """Returns predictions with the places of those examples that have no answer.

    Args:
      table: With such columns as `prediction_schema` has: file, line and reason among them.
      paths: Of files; of an empty path, none is said.
      files: int64, (examples,); the file of each example, as an index of `paths`.
      lines: int64, (examples,); from 1 within its file.
    """
    if table["reason"].null_count == len(table):
        return table
    bad = table["reason"].is_valid()
    names = pa.array([path or None for path in paths], pa.string()).take(pa.array(files))
    for name, column in (("file", names), ("line", pa.array(lines))):
        told = pc.if_else(bad, column, pa.scalar(None, column.type))
        table = table.set_column(table.schema.get_field_index(name), name, told)
    return table


def together(heads: pa.Table, answers: pa.Table, schema: pa.Schema) -> pa.Table:
    """Returns heads and answers of the same examples side by side, with the columns of a schema."""
    columns = {name: part[name] for part in (heads, answers) for name in part.column_names}
    return _completed(columns, len(heads), schema)


def _completed(columns: Mapping[str, Any], count: int, schema: pa.Schema) -> pa.Table:
    return pa.table([columns.get(kind.name, pa.nulls(count, kind.type)) for kind in schema], schema=schema)


def _answer_types(spec: DatasetSpec) -> dict[str, pa.DataType]:
    label = spec.label
    if label.type == NUMBER:
        return {PREDICTION: pa.float32()}
    if label.type == CLASS:
        return {PREDICTION: pa.string(), PROBABILITIES: _NAMED}
    if label.type == PER_STEP_CLASS:
        return {PREDICTION: pa.list_(pa.string()), PROBABILITIES: pa.list_(pa.float32())}
    if label.of in series_sequences(spec):
        return {PREDICTION: pa.list_(pa.list_(pa.float32()))}
    end = {"end": pa.float32()} if label.end else {}
    return {PREDICTION: pa.string(), PROBABILITIES: _NAMED, "out_of_vocabulary": pa.float32(), **end}


def _answer_columns(
    outputs: Outputs, spec: DatasetSpec, classes: Sequence[str], offsets: pa.Array | None
) -> dict[str, pa.Array]:
    prediction = outputs[PREDICTION]
    if offsets is not None:
        lists = {PREDICTION: _strings(prediction), PROBABILITIES: pa.array(outputs[PROBABILITIES], pa.float32())}
        return {name: pa.ListArray.from_arrays(offsets, values) for name, values in lists.items()}
    if spec.label.type == CLASS:
        probabilities = outputs[PROBABILITIES]
        keys = pa.array(classes, pa.string()).take(pa.array(np.tile(np.arange(len(classes)), len(probabilities))))
        return {PREDICTION: _strings(prediction), PROBABILITIES: _maps(keys, probabilities)}
    if spec.label.type == NEXT_STEP and prediction.ndim == 1:
        return _next_tokens(outputs)
    return {PREDICTION: _lists(prediction)}


def _next_tokens(outputs: Outputs) -> dict[str, pa.Array]:
    said = _strings(outputs[PREDICTION])
    columns = {
        PREDICTION: pc.if_else(pa.array(outputs["ends"]), pa.scalar(None, pa.string()), said),
        PROBABILITIES: _maps(_strings(outputs["tokens"].reshape(-1)), outputs[PROBABILITIES]),
    }
    alone = [name for name in ("out_of_vocabulary", "end") if name in outputs]
    return columns | {name: pa.array(outputs[name], pa.float32()) for name in alone}


def _strings(values: npt.NDArray[Any]) -> pa.Array:
    """Returns strings of bytes, as TensorFlow gives them, as text."""
    return pa.array(values, pa.binary()).cast(pa.string())


def _maps(keys: pa.Array, values: npt.NDArray[Any]) -> pa.Array:
    """Returns for each example as many names with a number each as `values`, (examples, names), has."""
    count, width = values.shape
    return pa.MapArray.from_arrays(_evenly(count, width), keys, pa.array(values.reshape(-1), pa.float32()))


def _lists(values: npt.NDArray[Any]) -> pa.Array:
    """Returns numbers, (examples, ...), as lists of lists, as deep as there are axes."""
    found = pa.array(values.reshape(-1), pa.float32())
    for axis in reversed(range(1, values.ndim)):
        found = pa.ListArray.from_arrays(_evenly(int(np.prod(values.shape[:axis])), values.shape[axis]), found)
    return found


def _evenly(count: int, width: int) -> pa.Array:
    return pa.array(np.arange(count + 1) * width, pa.int32())


def _offsets(lengths: npt.NDArray[Any]) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())


def _finite(outputs: Outputs, offsets: pa.Array | None) -> npt.NDArray[np.bool_]:
    """Returns for which examples all numbers are finite, (examples,)."""
    numbers = [values for values in outputs.values() if values.dtype.kind == "f"]
    if offsets is not None:
        bad = np.cumsum([0, *np.any([~np.isfinite(values) for values in numbers], axis=0)])[offsets.to_numpy()]
        return cast("npt.NDArray[np.bool_]", np.diff(bad) == 0)
    of_each = [np.isfinite(values.reshape(len(values), -1)).all(axis=1) for values in numbers]
    return cast("npt.NDArray[np.bool_]", np.all(of_each, axis=0))


def _real(values: npt.NDArray[Any], lengths: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns the real steps of a batch, (steps of all examples,), of (batch, steps)."""
    real: npt.NDArray[Any] = values[np.arange(values.shape[1]) < lengths[:, None]]
    return real


def _moved(lengths: Int64s, place: Int64s) -> Int64s:
    """Returns the places of steps, one example after another, from which they are taken in the order `place`."""
    starts = (np.cumsum(lengths) - lengths)[place]
    sizes = lengths[place]
    return cast("Int64s", np.arange(sizes.sum()) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes))
