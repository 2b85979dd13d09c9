"""The fast kernel: a loop over steps without masks, and its gradient written out.

Next to what Keras does on a CPU it saves the selection of old or new state in each step, forward and
backward; the product of the input with the weights is taken for several steps at once, and so are the
gradients of the weights; padding is not computed (`PackedRows`).
"""

from typing import Any, NamedTuple

import tensorflow as tf

from trainer.recurrent.cells import CELLS, Cell
from trainer.recurrent.rows import STEPS, Rows


class Weights(NamedTuple):
    """The weights of one direction, in the order of the gates and the shapes of Keras.

    Attributes:
      kernel: (size, gates * units).
      recurrent: (units, gates * units).
      bias: (gates * units,).
      inner_bias: (gates * units,), of the state's part of the gates; zeros for a cell that has none.
    """

    kernel: Any
    recurrent: Any
    bias: Any
    inner_bias: Any


class _Loops:
    """Both loops over the steps of one direction; between them stands what the forward one kept."""

    def __init__(self, cell: Cell, rows: Rows, weights: Weights) -> None:
        self._cell, self._rows, self._weights = cell, rows, weights
        self._units = int(weights.recurrent.shape[0])
        self._dtype = weights.recurrent.dtype
        self._steps = rows.iterations * STEPS
        self._states: list[Any] = []
        self._kept: list[Any] = []

    def forward(self, x: Any, initial: tuple[Any, ...], keep: bool) -> tuple[Any, ...]:
        """Returns the outputs, (batch, steps, units), and each state after the last step, (batch, units).

        Args:
          x: (batch, steps, size).
          initial: States before the first step, (batch, units) each.
          keep: Whether to keep what `backward` needs.
        """
        cell, rows = self._cell, self._rows
        prepared = rows.prepare(x)
        count = cell.states

        def body(k: Any, *values: Any) -> tuple[Any, ...]:
            states = tuple(rows.narrow(state, k) for state in values[:count])
            states_lists, kept_lists = list(values[count : 2 * count]), list(values[2 * count :])
            projected = tf.matmul(rows.read(prepared, k), self._weights.kernel) + self._weights.bias
            for j, part in enumerate(rows.split(projected, k)):
                states, kept = cell.forward(part, self._inner(states[0]), states)
                step = k * STEPS + j
                states_lists = [one.write(step + 1, v) for one, v in zip(states_lists, states, strict=True)]
                kept_lists = [one.write(step, v) for one, v in zip(kept_lists, kept if keep else (), strict=True)]
            return (k + 1, *states, *states_lists, *kept_lists)

        sorted_states = [rows.sort(state) for state in initial]
        lists = [self._list(self._steps + 1).write(0, state) for state in sorted_states]
        values = [*sorted_states, *lists, *(self._list(self._steps) for _ in range(cell.kept if keep else 0))]
        done = _loop(rows.iterations, 0, body, values, count)
        self._states, self._kept = done[count : 2 * count], done[2 * count :]
        joined = [rows.join(one, self._steps + 1, self._units) for one in self._states]
        return (rows.gather(joined[0], initial=True), *(rows.last(one) for one in joined))

    def _inner(self, h: Any) -> Any:
        inner = tf.matmul(h, self._weights.recurrent)
        return inner + self._weights.inner_bias if self._cell.inner_bias else inner

    def _list(self, count: Any) -> Any:
        return self._rows.array(count, self._units, self._dtype)

    def backward(self, x: Any, slope: Any) -> tuple[Any, Weights, tuple[Any, ...]]:
        """Returns the gradients of x, the weights and the initial state, given that of the outputs."""
        rows, count = self._rows, self._cell.states
        prepared, slopes = rows.prepare(x), rows.prepare(slope)
        size = x.shape[-1]

        def body(k: Any, *values: Any) -> tuple[Any, ...]:
            states = tuple(rows.widen(state, k) for state in values[:count])
            *sums, inputs = values[count:]
            states, projected, inner, before = self._back(k, states, rows.split(rows.read_real(slopes, k), k))
            sums = self._add(sums, rows.read(prepared, k), before, projected, inner)
            inputs = inputs.write(k, tf.matmul(projected, self._weights.kernel, transpose_b=True))
            return (k - 1, *states, *sums, inputs)

        initial = [rows.none(self._read(one, 0)) for one in self._states]
        sums = [tf.zeros_like(weight) for weight in self._weights]
        inputs = rows.array(rows.iterations, size, self._dtype, STEPS)
        done = _loop(rows.iterations, -1, body, [*initial, *sums, inputs], count)
        dx = rows.gather(rows.join(done[-1], rows.iterations, size))
        states = tuple(rows.unsort(rows.widest(state)) for state in done[:count])
        return dx, Weights(*done[count:-1]), states

    def _back(self, k: Any, states: tuple[Any, ...], slopes: list[Any]) -> tuple[Any, ...]:
        """Goes back through an iteration; returns the gradients of the states, and of its steps one after another."""
        cell, rows = self._cell, self._rows
        first = k * STEPS
        # Before the first step of an iteration there may be more rows than have a step left in it.
        after = [tuple(rows.narrow(self._read(one, first + j), k) for one in self._states) for j in range(STEPS + 1)]
        projected: list[Any] = [None] * STEPS
        inner: list[Any] = [None] * STEPS
        for j in reversed(range(STEPS)):
            kept = tuple(self._read(one, first + j) for one in self._kept)
            states = (states[0] + slopes[j], *states[1:])
            back = cell.backward(after[j + 1], after[j], kept, states)
            projected[j], inner[j] = back.projected, back.inner
            dh = tf.matmul(back.inner, self._weights.recurrent, transpose_b=True)
            states = (dh + back.states[0], *back.states[1:])
        joined = tf.concat(projected, 0)
        before = tf.concat([state[0] for state in after[:-1]], 0)
        return states, joined, tf.concat(inner, 0) if cell.inner_bias else joined, before

    def _add(self, sums: Any, x: Any, before: Any, projected: Any, inner: Any) -> list[Any]:
        """Adds the gradients of the weights from one iteration."""
        ones = tf.ones([1, tf.shape(projected)[0]], projected.dtype)  # a product is faster here than a sum
        kernel, recurrent, bias, inner_bias = sums
        kernel += tf.matmul(x, projected, transpose_a=True)
        recurrent += tf.matmul(before, inner, transpose_a=True)
        bias += tf.matmul(ones, projected)[0]
        if self._cell.inner_bias:
            inner_bias += tf.matmul(ones, inner)[0]
        return [kernel, recurrent, bias, inner_bias]

    def _read(self, one: Any, step: Any) -> Any:
        value = one.read(step)
        value.set_shape([None, self._units])
        return value


def run(cell: str, x: Any, rows: Rows, weights: Weights, initial: tuple[Any, ...], training: bool) -> tuple[Any, ...]:
    """Reads a batch in one direction.

    Gradients reach x, the weights and the initial state by way of the outputs only.

    Args:
      cell: "lstm" or "gru".
      x: float (batch, steps, size), the size known.
      rows: Layout of the batch.
      weights: Of x's type.
      initial: States before the first step, (batch, units) each: h, and c of an LSTM.
      training: Whether the gradient is the one written out here; otherwise TensorFlow derives it, and
        nothing is kept for it before it is asked for. A SavedModel can only hold the latter: what
        stands between the loops are lists, which it cannot name.

    Returns:
      Outputs, (batch, steps, units), 0 at padded steps; each state after the last step, (batch, units).
    """

    def kernel(x: Any, *values: Any) -> tuple[tuple[Any, ...], Any]:
        loops = _Loops(CELLS[cell], rows, Weights(*values[:4]))
        outputs = loops.forward(x, values[4:], keep=True)

        def gradient(slope: Any, *_unused: Any) -> tuple[Any, ...]:
            dx, dweights, dstates = loops.backward(x, slope)
            return (dx, *dweights, *dstates)

        return outputs, gradient

    outputs: tuple[Any, ...]
    if training:
        outputs = tf.custom_gradient(kernel)(x, *weights, *initial)
    else:
        outputs = _Loops(CELLS[cell], rows, weights).forward(x, initial, keep=False)
    return (outputs[0], *(tf.stop_gradient(state) for state in outputs[1:]))


def run_once(cell: str, x: Any, lengths: Any, weights: Weights, initial: tuple[Any, ...]) -> tuple[Any, ...]:
    """Reads one step, as `run` does, without a loop, which would have no less than `STEPS` steps.

    Args:
      cell: "lstm" or "gru".
      x: float (batch, 1, size).
      lengths: int32 (batch,), 0 or 1 each.
      weights: Of x's type.
      initial: States before the step, (batch, units) each: h, and c of an LSTM.

    Returns:
      What `run` returns.
    """
    step, real = CELLS[cell], tf.expand_dims(lengths > 0, 1)
    inner = tf.matmul(initial[0], weights.recurrent)
    x = tf.where(real, x[:, 0], tf.zeros_like(x[:, 0]))
    projected = tf.matmul(x, weights.kernel) + weights.bias
    states, _ = step.forward(projected, inner + weights.inner_bias if step.inner_bias else inner, initial)
    last = [tf.where(real, new, old) for new, old in zip(states, initial, strict=True)]
    output = tf.where(real, states[0], tf.zeros_like(states[0]))
    return (tf.expand_dims(output, 1), *(tf.stop_gradient(state) for state in last))


def _loop(iterations: Any, direction: int, body: Any, values: list[Any], states: int) -> list[Any]:
    """Runs a loop forward (0) or backward (-1); the number of rows of the states may change."""
    first = tf.constant(0) if direction == 0 else tf.convert_to_tensor(iterations - 1)
    shapes = [_free_rows(value) if i < states else _shape(value) for i, value in enumerate(values)]
    done = tf.while_loop(
        (lambda k, *_: k < iterations) if direction == 0 else (lambda k, *_: k >= 0),
        body,
        (first, *values),
        shape_invariants=(tf.TensorShape([]), *shapes),
        maximum_iterations=iterations,  # XLA derives no gradient without
    )
    return list(done[1:])


def _shape(value: Any) -> Any:
    return tf.TensorShape(None) if isinstance(value, tf.TensorArray) else value.shape


def _free_rows(value: Any) -> Any:
    return tf.TensorShape([None, value.shape[-1]])
