"""All rows of a batch go on step by step in one graph: nothing that was read is read again."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from schemas.manifest import length_feature
from trainer.generation.steps import Steps
from trainer.models.model import SequenceModel
from trainer.models.pieces import last_steps


class Continued(NamedTuple):
    """Continuations of a batch.

    Attributes:
      steps: Of each row, 0 behind its last one, (batch, steps, ...): as many as the longest has.
      counts: int32 (batch,), how many each row has.
      ended: bool (batch,), whether the row has ended.
      broken: bool (batch,), whether an answer was no finite number; then the row goes no further.
    """

    steps: Any
    counts: Any
    ended: Any
    broken: Any


class _Rows(NamedTuple):
    """Where each row of a batch is."""

    last: Any  # the step that was taken last
    counts: Any
    ended: Any
    broken: Any

    @property
    def live(self) -> Any:
        return ~(self.ended | self.broken)


def continue_batch(model: SequenceModel, steps: Steps, features: Mapping[str, Any], draws: Any, most: Any) -> Continued:
    """Continues all rows of a batch; made for a graph.

    Args:
      model: One whose next steps are answered.
      steps: How steps are taken and read.
      features: Of the beginnings, as for `SequenceModel.answer`.
      draws: Random numbers in [0, 1), float64 (batch, most); (batch, 0) where nothing is drawn.
      most: Steps of a continuation, int32 ().
    """
    vectors, states = model.begin(features)
    leader = model.leading.name
    lengths = features[length_feature(leader)]

    def answer(vector: Any, beside: Mapping[str, Any]) -> Any:
        every = list({**vectors, leader: vector}.values())
        return model.conclude(every, {**features, **beside}, None, training=False)

    def take(rows: _Rows, answers: Any, index: Any) -> _Rows:
        return _taken(steps, rows, answers, draws[:, index] if draws.shape[1] != 0 else None)

    beside = model.task.beside
    known = {} if beside is None else {beside: last_steps(features[beside], lengths)}
    first = answer(vectors[leader], known)
    rows = take(_at_beginning(steps, tf.shape(lengths)[0]), first, 0)
    return _run(model, steps, answer, take, rows, states, most)


def _run(
    model: SequenceModel,
    steps: Steps,
    answer: Callable[[Any, Mapping[str, Any]], Any],
    take: Callable[[_Rows, Any, Any], _Rows],
    rows: _Rows,
    states: Any,
    most: Any,
) -> Continued:
    """Reads what was taken and takes the next step, until all rows have ended."""
    taken = tf.TensorArray(rows.last.dtype, size=1, dynamic_size=True, element_shape=rows.last.shape)

    def body(index: Any, rows: _Rows, states: Any, taken: Any) -> tuple[Any, ...]:
        vector, states = model.advance(steps.features(rows.last), tf.cast(rows.live, tf.int32), states)
        rows = take(rows, answer(vector, steps.beside(rows.last)), index)
        return index + 1, rows, states, taken.write(index, rows.last)

    _, rows, _, taken = tf.while_loop(
        lambda index, rows, *_: (index < most) & tf.reduce_any(rows.live),
        body,
        (tf.constant(1), rows, states, taken.write(0, rows.last)),
    )
    steps_first = taken.stack()
    by_row = tf.transpose(steps_first, [1, 0, *range(2, steps_first.shape.rank)])
    return Continued(by_row, rows.counts, rows.ended, rows.broken)


def _at_beginning(steps: Steps, batch: Any) -> _Rows:
    """Returns rows that have no step yet."""
    no = tf.zeros([batch], tf.bool)
    return _Rows(steps.none(batch), tf.zeros([batch], tf.int32), no, no)


def _taken(steps: Steps, rows: _Rows, answers: Any, draws: Any) -> _Rows:
    """Returns the rows one step further; one that has ended has zeros in its place."""
    step, ends = steps.take(answers, draws)
    finite = tf.reduce_all(tf.math.is_finite(answers), axis=-1)
    going = rows.live & finite & ~ends
    mask = tf.reshape(going, [-1, *[1] * (step.shape.rank - 1)])
    return _Rows(
        tf.where(mask, step, tf.zeros_like(step)),
        rows.counts + tf.cast(going, tf.int32),
        rows.ended | (rows.live & finite & ends),
        rows.broken | (rows.live & ~finite),
    )
