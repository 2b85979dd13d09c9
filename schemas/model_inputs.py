"""Validated examples as batches of what a model takes: the arrays that stored records are parsed into."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.dataset_pb2 import DatasetSpec, Take
from schemas.formats.fields import ID, LABEL
from schemas.manifest import PARENT_FEATURE, START_FEATURE, length_feature, missing_feature, sizes_feature
from schemas.manifest_pb2 import Manifest, StoredFeature
from schemas.ragged import Int64s, Ragged
from schemas.records.examples import ExampleBlock
from schemas.records.missing import fill_means
from schemas.spec import leaders, series_sequences
from schemas.vocabulary import Vocabulary

NO_INPUTS = frozenset({ID, PARENT_FEATURE, START_FEATURE, LABEL})  # stored features that no model takes


class InputShape(NamedTuple):
    """What one input of a model looks like.

    Attributes:
      dtype: "int32" or "float32".
      dims: Of one example; None: as many as the longest of the batch has.
    """

    dtype: str
    dims: tuple[int | None, ...]


def input_shapes(manifest: Manifest) -> dict[str, InputShape]:
    """Returns the features of a batch that a model may take, by name: all that are stored but ids and label."""
    stored = [feature for feature in manifest.features if feature.name not in NO_INPUTS]
    return {feature.name: _shape(feature, manifest.spec) for feature in stored}


def is_characters(name: str, spec: DatasetSpec) -> bool:
    """Returns whether a stored feature holds the characters of each token."""
    return name in spec.sequences and spec.sequences[name].derive.take == Take.characters


def _shape(feature: StoredFeature, spec: DatasetSpec) -> InputShape:
    framed = {kind for name in series_sequences(spec) for kind in (name, missing_feature(name))}
    dtype = "float32" if feature.name in framed or feature.dtype == "float" else "int32"
    if not feature.variable:
        return InputShape(dtype, ())
    if feature.name in framed:
        return InputShape(dtype, (None, feature.dims))
    return InputShape(dtype, (None, None) if is_characters(feature.name, spec) else (None,))


class ModelInputs:
    """The inputs of all examples of a block, to be taken row by row."""

    def __init__(self, block: ExampleBlock, manifest: Manifest, vocabularies: Mapping[str, Vocabulary]) -> None:
        """Encodes the examples.

        Args:
          block: The examples.
          manifest: Of the data set that the model was trained on.
          vocabularies: By name of the token sequence or category.
        """
        spec = manifest.spec
        self._shapes = input_shapes(manifest)
        self._values: dict[str, npt.NDArray[Any]] = {}
        self._offsets: dict[str, Int64s] = {}
        self._lengths: dict[str, Int64s] = {}
        for name, sequence in block.sequences.items():
            if name not in vocabularies:
                sequence = fill_means(sequence, spec.sequences[name], manifest.moments[name].mean)
            self._add(name, sequence, vocabularies.get(name))
            per_step = block.beside[sizes_feature(name)] if is_characters(name, spec) else sequence
            self._lengths[length_feature(name)] = per_step.lengths
        for name, steps in block.beside.items():
            self._add(name, steps, None)
        for name, column in block.context.items():
            self._values[name] = _numbers(column, vocabularies.get(name))
        self._characters = {name for name in spec.sequences if is_characters(name, spec)}
        self.lengths: Int64s = np.max([self._lengths[length_feature(name)] for name in leaders(spec)], axis=0)

    def batch(self, rows: Int64s) -> dict[str, npt.NDArray[Any]]:
        """Returns the inputs of some examples, of `input_shapes`: padded at the end, to one step at least."""
        return {name: self._of(name, rows).astype(shape.dtype, copy=False) for name, shape in self._shapes.items()}

    def _add(self, name: str, sequence: Ragged, vocabulary: Vocabulary | None) -> None:
        self._values[name] = _numbers(sequence.values, vocabulary)
        self._offsets[name] = sequence.offsets

    def _of(self, name: str, rows: Int64s) -> npt.NDArray[Any]:
        if name in self._lengths:
            return self._lengths[name][rows]
        values = self._values[name]
        if name not in self._offsets:
            return values[rows]
        width = max(int(self._lengths[length_feature(name.split("/")[0])][rows].max()), 1)
        if name in self._characters:
            return self._tokens_of(name, rows, width)
        frame = self._shapes[name].dims[1:]
        dims = frame[0] or 1 if frame else 1
        offsets = self._offsets[name]
        padded = _padded(values, offsets[rows], offsets[rows + 1] - offsets[rows], width * dims)
        return padded.reshape(len(rows), width, dims) if frame else padded

    def _tokens_of(self, name: str, rows: Int64s, width: int) -> npt.NDArray[Any]:
        """Returns the characters of each token of some examples, (rows, width, characters)."""
        all_sizes, of_rows = self._values[sizes_feature(name)], self._offsets[sizes_feature(name)]
        counts = of_rows[rows + 1] - of_rows[rows]
        sizes = _padded(all_sizes, of_rows[rows], counts, width).reshape(-1)
        starts = _padded(np.cumsum(all_sizes) - all_sizes, of_rows[rows], counts, width).reshape(-1)
        longest = int(sizes.max(initial=0))
        return _padded(self._values[name], starts, sizes, longest).reshape(len(rows), width, longest)


def _numbers(values: Any, vocabulary: Vocabulary | None) -> npt.NDArray[Any]:
    """Returns the ids of names, or numbers as they are."""
    if vocabulary is not None:
        return vocabulary.encode(values)
    numbers: npt.NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return numbers


def _padded(values: npt.NDArray[Any], starts: Int64s, sizes: Int64s, width: int) -> npt.NDArray[Any]:
    """Returns sizes[i] values from starts[i] on in row i, and 0 behind them, (rows, width)."""
    column = np.arange(width)
    real = column < sizes[:, None]
    padded = np.zeros((len(starts), width), values.dtype)
    padded[real] = values[(starts[:, None] + column)[real]]
    return padded
