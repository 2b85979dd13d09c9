"""What `predict` says of each example, for each task: what it needs of a model, and the words it puts it into."""

from collections.abc import Sequence
from typing import Any, Protocol

import tensorflow as tf

from schemas.manifest import length_feature
from schemas.vocabulary import OOV_ID, PAD_ID, Vocabulary
from trainer.tasks.measure import Array

Entry = dict[str, Any]
_NAMED = 5  # tokens that might come next


class Answers(Protocol):
    """The answers of a task."""

    def ask(self, model: Any, features: Any) -> Sequence[Any]:
        """Returns in the graph what is needed of a batch, in as few numbers as will do.

        Args:
          model: A `SequenceModel`.
          features: Of a batch.

        Returns:
          Tensors, (batch, ...) each, the first of them float32: numbers that must be finite.
        """

    def tell(self, parts: Sequence[Array]) -> Entry:
        """Returns what is said of one example: "prediction", and what stands beside it.

        Args:
          parts: Of one example, what `ask` returned, (...) each; numbers are float64 with the digits of a float32.
        """


class NumberAnswers:
    """A number in the label's own units."""

    def ask(self, model: Any, features: Any) -> Sequence[Any]:
        """Returns the numbers, (batch,)."""
        return [model.answer(features, training=False)]

    def tell(self, parts: Sequence[Array]) -> Entry:
        """Returns {"prediction": number}."""
        return {"prediction": parts[0].item()}


class ClassAnswers:
    """The most probable class, and the probability of each."""

    def __init__(self, classes: Sequence[str]) -> None:
        """Sets the names of the classes."""
        self._classes = classes

    def ask(self, model: Any, features: Any) -> Sequence[Any]:
        """Returns the probabilities, (batch, classes)."""
        return [model.answer(features, training=False)]

    def tell(self, parts: Sequence[Array]) -> Entry:
        """Returns {"prediction": class, "probabilities": {class: probability}}."""
        probabilities = dict(zip(self._classes, parts[0].tolist(), strict=True))
        return {"prediction": max(self._classes, key=probabilities.__getitem__), "probabilities": probabilities}


class StepClassAnswers:
    """The most probable class of each real step, with its probability."""

    def __init__(self, leader: str, classes: Sequence[str]) -> None:
        """Sets the sequence whose steps have classes, and their names."""
        self._leader = leader
        self._classes = classes

    def ask(self, model: Any, features: Any) -> Sequence[Any]:
        """Returns the greatest probability and its class, (batch, steps) each, and the steps, (batch,)."""
        outputs = model.answer(features, training=False)
        best = tf.argmax(outputs, axis=-1, output_type=tf.int32)
        return [tf.reduce_max(outputs, axis=-1), best, features[length_feature(self._leader)]]

    def tell(self, parts: Sequence[Array]) -> Entry:
        """Returns {"prediction": [class of each step], "probabilities": [of that class]}."""
        probabilities, best, steps = parts
        names = [self._classes[i] for i in best[:steps].tolist()]
        return {"prediction": names, "probabilities": probabilities[:steps].tolist()}


class NextTokenAnswers:
    """The most probable next token after the last real step, with those that come closest to it.

    Tokens out of vocabulary have no name, so they are never predicted; their probability stands beside.
    """

    def __init__(self, vocabulary: Vocabulary, end: bool) -> None:
        """Sets the tokens, and whether a sequence may end."""
        self._vocabulary = vocabulary
        self._end = end

    def ask(self, model: Any, features: Any) -> Sequence[Any]:
        """Returns the greatest probabilities and their tokens, (batch, 5) each, those of the end and of unknown ones.

        The last two are (batch,).
        """
        outputs, first = model.last(features), self._vocabulary.first_id
        best = tf.math.top_k(outputs[:, first:], min(_NAMED, len(self._vocabulary.tokens)))
        return [best.values, best.indices, outputs[:, PAD_ID], tf.reduce_sum(outputs[:, OOV_ID:first], axis=-1)]

    def tell(self, parts: Sequence[Array]) -> Entry:
        """Returns {"prediction": token, "probabilities": {token: probability}, "out_of_vocabulary", "end"}.

        The prediction is None where the end is more probable than any token. There is no "end" where a sequence
        has none.
        """
        probabilities, best, end, unknown = parts
        names = self._vocabulary.tokens.take(best.tolist()).to_pylist()
        ends = not names or (self._end and bool(end > probabilities[0]))
        entry: Entry = {
            "prediction": None if ends else names[0],
            "probabilities": dict(zip(names, probabilities.tolist(), strict=True)),
            "out_of_vocabulary": unknown.item(),
        }
        return entry | ({"end": end.item()} if self._end else {})


class ForecastAnswers:
    """The frames behind the last real step."""

    def __init__(self, dims: int) -> None:
        """Sets the numbers of a frame."""
        self._dims = dims

    def ask(self, model: Any, features: Any) -> Sequence[Any]:
        """Returns the frames side by side, (batch, horizon * dims)."""
        return [model.last(features)]

    def tell(self, parts: Sequence[Array]) -> Entry:
        """Returns {"prediction": [[numbers of a frame], ...]}, `horizon` frames."""
        return {"prediction": parts[0].reshape(-1, self._dims).tolist()}
