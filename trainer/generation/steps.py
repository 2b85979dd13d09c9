"""What a model says of the next step becomes that step: a token or a frame, and what is read beside it."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec, Missing
from schemas.errors import DataError
from schemas.manifest import missing_feature
from schemas.vocabulary import PAD_ID
from trainer.generation.choosing import Chooser
from trainer.generation.derived import Derived, derived_from
from trainer.generation.options import GenerationOptions, check_for_series
from trainer.generation.rules import continues_series
from trainer.saved import SavedModel


class Steps(Protocol):
    """How the steps of a sequence are taken and read.

    Attributes:
      numbers: Of an answer.
      width: Numbers of a step.
    """

    numbers: int
    width: int

    def none(self, batch: Any) -> Any:
        """Returns what stands for no step, zeros, (batch, ...)."""

    def take(self, answers: Any, draws: Any) -> tuple[Any, Any]:
        """Returns the step that follows, (batch, ...), and which rows end instead, bool (batch,).

        Args:
          answers: Of the model, float32 (batch, outputs).
          draws: Random numbers in [0, 1), float64 (batch,); None where nothing is drawn.
        """

    def features(self, steps: Any) -> dict[str, Any]:
        """Returns what the model reads of such a step, (batch, 1, ...) by name."""

    def beside(self, steps: Any) -> dict[str, Any]:
        """Returns what its answer needs beside what it has read, (batch, ...) by name."""

    def tell(self, steps: npt.NDArray[Any]) -> pa.Array:
        """Returns steps, (steps, ...), in plain values."""


class TokenSteps:
    """The most probable token, or one that is drawn; never padding, nor an id that tokens out of vocabulary share."""

    def __init__(self, saved: SavedModel, options: GenerationOptions) -> None:
        """Prepares what is known of each token.

        Raises:
          DataError: The vocabulary holds no token.
        """
        spec = saved.manifest.spec
        self._of = spec.label.of
        self._end = spec.label.end
        self._vocabulary = saved.vocabularies[self._of]
        if not len(self._vocabulary.tokens):
            raise DataError(f"'{self._of}': the vocabulary of the model holds no token; train on more data")
        self._derived: list[Derived] = derived_from(spec, self._of, saved.vocabularies)
        self._chooser = Chooser(options)
        self.numbers, self.width = self._vocabulary.first_id + len(self._vocabulary.tokens), 1

    def none(self, batch: Any) -> Any:
        """Returns the id of padding, int32 (batch,)."""
        return tf.fill([batch], PAD_ID)

    def take(self, answers: Any, draws: Any) -> tuple[Any, Any]:
        """Returns ids, int32 (batch,), and which rows end."""
        first = self._vocabulary.first_id
        known = answers[:, first:]
        if not self._end:
            taken = self._chooser(known, draws)
            return first + taken, tf.zeros_like(taken, tf.bool)
        # The end last: of a token and an end that are equally probable `predict` tells the token.
        taken = self._chooser(tf.concat([known, answers[:, PAD_ID : PAD_ID + 1]], axis=1), draws)
        ends = taken == len(self._vocabulary.tokens)
        return tf.where(ends, PAD_ID, first + taken), ends

    def features(self, steps: Any) -> dict[str, Any]:
        """Returns the ids, with those of what is derived from each token."""
        features = {self._of: tf.expand_dims(steps, 1)}
        for one in self._derived:
            features |= one.features(steps)
        return features

    def beside(self, steps: Any) -> dict[str, Any]:
        """Returns nothing."""
        return {}

    def tell(self, steps: npt.NDArray[Any]) -> pa.Array:
        """Returns the tokens, string (steps,)."""
        return self._vocabulary.tokens.take(pa.array(steps - self._vocabulary.first_id)).cast(pa.string())


class FrameSteps:
    """The first frame of those that are forecast, in the series' own units."""

    def __init__(self, saved: SavedModel, options: GenerationOptions) -> None:
        """Prepares what is read of a frame.

        Raises:
          UsageError: Options mean nothing for a series.
        """
        check_for_series(options)
        spec: DatasetSpec = saved.manifest.spec
        self._of = spec.label.of
        feature = spec.sequences[self._of]
        self.width = self._dims = feature.dims
        self._flagged = feature.missing not in {Missing.unspecified, Missing.reject}
        self.numbers = self._dims * spec.label.horizon

    def none(self, batch: Any) -> Any:
        """Returns frames of zeros, float32 (batch, dims)."""
        return tf.zeros([batch, self._dims])

    def take(self, answers: Any, draws: Any) -> tuple[Any, Any]:
        """Returns frames, float32 (batch, dims), of which no row ends."""
        return answers[:, : self._dims], tf.zeros(tf.shape(answers)[:1], tf.bool)

    def features(self, steps: Any) -> dict[str, Any]:
        """Returns the frames; no number of them is missing."""
        frames = tf.expand_dims(steps, 1)
        return {self._of: frames} | ({missing_feature(self._of): tf.zeros_like(frames)} if self._flagged else {})

    def beside(self, steps: Any) -> dict[str, Any]:
        """Returns the frames, which forecasts are added to."""
        return {self._of: steps}

    def tell(self, steps: npt.NDArray[Any]) -> pa.Array:
        """Returns the numbers of each frame, list<float32> (steps,)."""
        ends = pa.array(np.arange(len(steps) + 1) * self._dims, pa.int32())
        return pa.ListArray.from_arrays(ends, pa.array(steps.reshape(-1), pa.float32()))


def steps_of(saved: SavedModel, options: GenerationOptions) -> Steps:
    """Returns how the steps of a model are taken.

    Raises:
      UsageError: Options do not fit its label.
      DataError: It knows no token.
    """
    return (FrameSteps if continues_series(saved.manifest.spec) else TokenSteps)(saved, options)
