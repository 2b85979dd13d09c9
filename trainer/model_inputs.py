"""Validated examples as batches of what a model takes: the tensors that stored records are parsed into."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec, Take
from schemas.manifest import length_feature, sizes_feature
from schemas.manifest_pb2 import Manifest
from schemas.ragged import Int64s, Ragged
from schemas.records.examples import ExampleBlock
from schemas.records.missing import fill_means
from schemas.spec import leaders
from schemas.vocabulary import Vocabulary
from trainer.batches.parsing import input_specs


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
        self._specs = input_specs(manifest)
        self._values: dict[str, npt.NDArray[Any]] = {}
        self._offsets: dict[str, Int64s] = {}
        self._lengths: dict[str, Int64s] = {}
        for name, sequence in block.sequences.items():
            if name not in vocabularies:
                sequence = fill_means(sequence, spec.sequences[name], manifest.moments[name].mean)
            self._add(name, sequence, vocabularies.get(name))
            per_step = block.beside[sizes_feature(name)] if _is_characters(name, spec) else sequence
            self._lengths[length_feature(name)] = per_step.lengths
        for name, steps in block.beside.items():
            self._add(name, steps, None)
        for name, column in block.context.items():
            self._values[name] = _numbers(column, vocabularies.get(name))
        self._characters = {name for name in spec.sequences if _is_characters(name, spec)}
        self.lengths: Int64s = np.max([self._lengths[length_feature(name)] for name in leaders(spec)], axis=0)

    def batch(self, rows: Int64s) -> dict[str, tf.Tensor]:
        """Returns the inputs of some examples, padded as `trainer.batches.opening.open_dataset` pads them."""
        return {
            name: tf.constant(self._of(name, rows).astype(spec.dtype.as_numpy_dtype, copy=False))
            for name, spec in self._specs.items()
        }

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
        shape = self._specs[name].shape
        dims = int(shape[2]) if shape.rank == 3 else 1
        offsets = self._offsets[name]
        padded = _padded(values, offsets[rows], offsets[rows + 1] - offsets[rows], width * dims)
        return padded.reshape(len(rows), width, dims) if shape.rank == 3 else padded

    def _tokens_of(self, name: str, rows: Int64s, width: int) -> npt.NDArray[Any]:
        """Returns the characters of each token of some examples, (rows, width, characters)."""
        all_sizes, of_rows = self._values[sizes_feature(name)], self._offsets[sizes_feature(name)]
        counts = of_rows[rows + 1] - of_rows[rows]
        sizes = _padded(all_sizes, of_rows[rows], counts, width).reshape(-1)
        starts = _padded(np.cumsum(all_sizes) - all_sizes, of_rows[rows], counts, width).reshape(-1)
        longest = int(sizes.max(initial=0))
        return _padded(self._values[name], starts, sizes, longest).reshape(len(rows), width, longest)


def _is_characters(name: str, spec: DatasetSpec) -> bool:
    return spec.sequences[name].derive.take == Take.characters


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
