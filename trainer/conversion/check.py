"""Compares a converted model with the fixed one, on drawn records, before anything is written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from schemas.errors import DataError
from trainer.conversion.convert import Conversion
from trainer.conversion.walk import graph_of
from trainer.keras_file import first_line

ANY = 8  # steps of drawn records where the fixed model takes any number
RECORDS = 2  # of each length
# Sums in another order differ by the rounding of their type, which grows with the number of their terms.
LIMIT = 1e-5
COARSE_LIMIT = 2e-2  # of half precision
SENTINEL_RATE = 0.1


@dataclass(frozen=True)
class _Drawn:
    """Records of one length, for each input: (records, steps, ...), or (records, ...) of a vector."""

    arrays: list[Any]
    lengths: list[int]  # of each sequence


def greatest_difference(fixed: Any, conversion: Conversion, name: str) -> float:
    """Returns the greatest difference between what both models say of drawn records of several lengths.

    The fixed model reads each length alone, without padding; the converted one reads them padded to full length, with
    numbers behind their steps that must change nothing.

    Args:
      fixed: The model of a fixed number of steps.
      conversion: Of it.
      name: What the error calls it.

    Raises:
      DataError: They differ by more than rounding.
    """
    graph, draw = graph_of(fixed), np.random.default_rng(0)
    differences = []
    for share in (1.0, 0.5, 0.0):
        drawn = _drawn(fixed, graph, conversion, share, draw)
        alone = _alone(graph, drawn, conversion, name, full=share == 1.0)
        if alone is not None:
            differences.append(_difference(alone, _answers(graph, conversion, drawn, draw, name)))
    difference, scale = max(one for one, _ in differences), max(scale for _, scale in differences)
    limit = LIMIT if _exact(fixed) else COARSE_LIMIT
    if not difference <= limit * max(scale, 1.0):
        raise DataError(
            f"{name}: the converted model differs by {difference:.3g} from it, and by rounding alone it would not; "
            "nothing is written; please report the model"
        )
    return difference


def steps_at(count: int | None, share: float) -> int:
    """Returns the steps of records that have this share of the fixed number of steps, at least one."""
    return max(1, round((count or ANY) * share))


def _drawn(fixed: Any, graph: Any, conversion: Conversion, share: float, draw: np.random.Generator) -> _Drawn:
    arrays, lengths = [], []
    for tensor, sequence in zip(graph.inputs, conversion.sequences, strict=True):
        shape = [size or 1 for size in tensor.shape[1:]]
        if sequence:
            shape[0] = steps_at(tensor.shape[1], share)
            lengths.append(shape[0])
        arrays.append(_numbers(fixed, tensor, (RECORDS, *shape), not conversion.sentinel_is_data, draw))
    return _Drawn(arrays, lengths)


def _numbers(fixed: Any, tensor: Any, shape: tuple[int, ...], sentinels: bool, draw: np.random.Generator) -> Any:
    """Returns ids where an Embedding may read them, else frames; with sentinels among both, or none."""
    parts = list(fixed._flatten_layers())
    ids = [part.input_dim for part in parts if isinstance(part, keras.layers.Embedding)]
    if ids and (len(shape) == 2 or not keras.backend.is_float_dtype(tensor.dtype)):
        least = 0 if sentinels or min(ids) == 1 else 1
        return draw.integers(least, min(ids), shape).astype(tensor.dtype)
    numbers = draw.normal(size=shape)
    for part in parts:
        if sentinels and isinstance(part, keras.layers.Masking) and len(shape) > 2:
            numbers[draw.random(shape[:2]) < SENTINEL_RATE] = part.mask_value
    return numbers.astype(tensor.dtype)


def _alone(graph: Any, drawn: _Drawn, conversion: Conversion, name: str, full: bool) -> Any:
    """Returns what the fixed model says of records that have this many steps; None where it takes none so short."""
    counts = [tensor.shape[1] for tensor, is_one in zip(graph.inputs, conversion.sequences, strict=True) if is_one]
    times = dict(zip(counts, drawn.lengths, strict=True))
    try:
        return _run(graph, [ops.convert_to_tensor(array) for array in drawn.arrays], conversion.notes.repeats, times)
    except Exception as error:
        # Keras raises whatever its backend does where a window is longer than the record.
        if full:
            raise DataError(f"{name}: cannot answer by itself ({first_line(error)}); mend the model first") from error
        return None


def _run(graph: Any, tensors: Any, repeats: list[str], times: dict[int | None, int]) -> Any:
    """Runs the layers of a model on another number of steps than it was built for."""

    def operation(layer: Any) -> Callable[..., Any]:
        inner = graph_of(layer)
        if inner is not None:
            return lambda *args, **_: _run(inner, list(args), repeats, times)
        if isinstance(layer, keras.layers.RepeatVector) and layer.name in repeats:
            return lambda vector: ops.repeat(ops.expand_dims(vector, 1), times[layer.n], axis=1)
        return layer  # type: ignore[no-any-return]

    return graph._run_through_graph(tensors, operation_fn=operation)


def _answers(graph: Any, conversion: Conversion, drawn: _Drawn, draw: np.random.Generator, name: str) -> Any:
    try:
        return _padded_out(graph, conversion, drawn, draw)
    # Keras raises whatever its backend does, in many lines.
    except Exception as error:
        raise DataError(
            f"{name}: the converted model cannot answer ({first_line(error)}); nothing is written; "
            "please report the model"
        ) from error


def _padded_out(graph: Any, conversion: Conversion, drawn: _Drawn, draw: np.random.Generator) -> Any:
    arrays = []
    for array, tensor, sequence in zip(drawn.arrays, graph.inputs, conversion.sequences, strict=True):
        missing = (tensor.shape[1] or ANY) - array.shape[1] if sequence else 0
        if missing:
            poison = draw.integers(1, 10**6, (len(array), missing, *array.shape[2:])).astype(array.dtype)
            array = np.concatenate([array, poison], axis=1)
        arrays.append(array)
    return conversion.model([*arrays, *(np.full(RECORDS, length, "int32") for length in drawn.lengths)])


def _difference(alone: Any, padded: Any) -> tuple[float, float]:
    """Returns the greatest difference of any output at a real step, and the greatest number among them."""
    difference, scale = 0.0, 0.0
    for one, other in zip(keras.tree.flatten(alone), keras.tree.flatten(padded), strict=True):
        mine, theirs = (np.asarray(ops.cast(tensor, "float64")) for tensor in (other, one))
        mine = mine[:, : theirs.shape[1]] if mine.ndim > 1 else mine
        same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
        difference = max(difference, float(np.max(np.where(same, 0.0, np.abs(mine - theirs)), initial=0.0)))
        scale = max(scale, float(np.max(np.abs(np.nan_to_num(theirs)), initial=0.0)))
    return difference, scale


def _exact(model: Any) -> bool:
    """Says whether every layer computes with at least 32 bits."""
    kinds = {part.compute_dtype for part in model._flatten_layers()}
    return not kinds & {"float16", "bfloat16"}
