"""What a model says of each example, by task: named tensors in the graph, and the words of `predict`."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import tensorflow as tf

from schemas.manifest import length_feature
from schemas.vocabulary import OOV_ID, PAD_ID, Vocabulary

Entry = dict[str, Any]
_NAMED = 5  # tokens that might come next


class Answers(Protocol):
    """The answers of a task."""

    def ask(self, model: Any, features: Any) -> dict[str, Any]:
        """Returns in the graph what is said of a batch, in as few numbers as will do.

        Args:
          model: A `SequenceModel`.
          features: Of a batch.

        Returns:
          Tensors by name, (batch, ...) each, string, float32, int32 or bool. "prediction" is one of them. A float that
          is not finite means that the model has no answer.
        """

    def tell(self, outputs: Mapping[str, Any]) -> Entry:
        """Returns what is said of one example: "prediction", and what stands beside it.

        Args:
          outputs: Of one example, what `ask` returned, (...) each; strings are bytes, numbers float64 with the digits
            of a float32.
        """


class NumberAnswers:
    """A number in the label's own units."""

    def ask(self, model: Any, features: Any) -> dict[str, Any]:
        """Returns {"prediction": float32 (batch,)}."""
        return {"prediction": model.answer(features, training=False)}

    def tell(self, outputs: Mapping[str, Any]) -> Entry:
        """Returns {"prediction": number}."""
        return {"prediction": outputs["prediction"].item()}


class ClassAnswers:
    """The most probable class, and the probability of each."""

    def __init__(self, classes: Sequence[str]) -> None:
        """Sets the names of the classes."""
        self._classes = classes

    def ask(self, model: Any, features: Any) -> dict[str, Any]:
        """Returns {"prediction": string (batch,), "probabilities": float32 (batch, classes)}."""
        probabilities = model.answer(features, training=False)
        best = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        return {"prediction": tf.gather(_names(self._classes), best), "probabilities": probabilities}

    def tell(self, outputs: Mapping[str, Any]) -> Entry:
        """Returns {"prediction": class, "probabilities": {class: probability}}."""
        probabilities = dict(zip(self._classes, outputs["probabilities"].tolist(), strict=True))
        return {"prediction": outputs["prediction"].decode(), "probabilities": probabilities}


class StepClassAnswers:
    """The most probable class of each real step, with its probability."""

    def __init__(self, leader: str, classes: Sequence[str]) -> None:
        """Sets the sequence whose steps have classes, and their names."""
        self._leader = leader
        self._classes = classes

    def ask(self, model: Any, features: Any) -> dict[str, Any]:
        """Returns the classes and their probabilities, both (batch, steps), and the real steps, "length", (batch,).

        At padded steps the class is an empty string and the probability 0.
        """
        outputs, length = model.answer(features, training=False), features[length_feature(self._leader)]
        best = tf.argmax(outputs, axis=-1, output_type=tf.int32)
        real = tf.sequence_mask(length, tf.shape(best)[1])
        names = tf.where(real, tf.gather(_names(self._classes), best), "")
        return {"prediction": names, "probabilities": tf.reduce_max(outputs, axis=-1), "length": length}

    def tell(self, outputs: Mapping[str, Any]) -> Entry:
        """Returns {"prediction": [class of each step], "probabilities": [of that class]}."""
        steps = int(outputs["length"])
        names = [name.decode() for name in outputs["prediction"][:steps].tolist()]
        return {"prediction": names, "probabilities": outputs["probabilities"][:steps].tolist()}


class NextTokenAnswers:
    """The most probable next token after the last real step, with those that come closest to it.

    Tokens out of vocabulary have no name, so they are never predicted; their probability stands beside.
    """

    def __init__(self, vocabulary: Vocabulary, end: bool) -> None:
        """Sets the tokens, and whether a sequence may end."""
        self._vocabulary = vocabulary
        self._end = end
        self._named = min(_NAMED, len(vocabulary.tokens))

    def ask(self, model: Any, features: Any) -> dict[str, Any]:
        """Returns what may come next.

        Returns:
          "tokens" and their "probabilities", (batch, 5), the most probable first; fewer, where there are fewer.
          "prediction": the first of them, string (batch,), empty where "ends" says that there is none. "ends": bool
          (batch,), whether the end is more probable than any token. "out_of_vocabulary" and "end": probabilities,
          (batch,); the latter where a sequence may end.
        """
        outputs, first = model.last(features), self._vocabulary.first_id
        best = tf.math.top_k(outputs[:, first:], self._named)
        unknown, end = tf.reduce_sum(outputs[:, OOV_ID:first], axis=-1), outputs[:, PAD_ID]
        if not self._named:
            ends = tf.ones_like(end, tf.bool)
            prediction, tokens = tf.fill(tf.shape(end), ""), tf.fill(tf.shape(best.indices), "")
        else:
            ends = end > best.values[:, 0] if self._end else tf.zeros_like(end, tf.bool)
            tokens = tf.gather(_names(self._vocabulary.tokens.to_pylist()), best.indices)
            prediction = tf.where(ends, "", tokens[:, 0])
        said = {"prediction": prediction, "ends": ends, "tokens": tokens, "probabilities": best.values}
        return said | {"out_of_vocabulary": unknown} | ({"end": end} if self._end else {})

    def tell(self, outputs: Mapping[str, Any]) -> Entry:
        """Returns {"prediction": token, "probabilities": {token: probability}, "out_of_vocabulary", "end"}.

        The prediction is None where the end is more probable than any token. There is no "end" where a sequence
        has none.
        """
        names = [name.decode() for name in outputs["tokens"].tolist()]
        entry: Entry = {
            "prediction": None if outputs["ends"] else outputs["prediction"].decode(),
            "probabilities": dict(zip(names, outputs["probabilities"].tolist(), strict=True)),
            "out_of_vocabulary": outputs["out_of_vocabulary"].item(),
        }
        return entry | ({"end": outputs["end"].item()} if self._end else {})


class ForecastAnswers:
    """The frames behind the last real step."""

    def __init__(self, dims: int) -> None:
        """Sets the numbers of a frame."""
        self._dims = dims

    def ask(self, model: Any, features: Any) -> dict[str, Any]:
        """Returns {"prediction": float32 (batch, horizon, dims)}."""
        frames = model.last(features)
        return {"prediction": tf.reshape(frames, [tf.shape(frames)[0], frames.shape[1] // self._dims, self._dims])}

    def tell(self, outputs: Mapping[str, Any]) -> Entry:
        """Returns {"prediction": [[numbers of a frame], ...]}, `horizon` frames."""
        return {"prediction": outputs["prediction"].tolist()}


def _names(names: Sequence[str]) -> Any:
    """Returns names as a tensor, string (names,); bytes, as an array of strings would drop a NUL at the end."""
    return tf.constant([name.encode() for name in names], tf.string, [len(names)])
