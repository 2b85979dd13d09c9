"""The same layer as plainly as it can be written: one step after another, the mask applied in each.

It is what the fast kernel and Keras are compared with, and no faster than it looks.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from trainer.recurrent.cells import KINDS

Step = Callable[[Any, Sequence[Any]], tuple[Any, list[Any]]]


class ReferenceCell(keras.layers.Layer):
    """One step of an LSTM or a GRU, for `keras.layers.RNN` or a loop of one's own.

    LSTM (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000), x the input, h and
    c the states, W = kernel, R = recurrent kernel, b = bias, s = sigmoid, * element by element:

        i = s(x W_i + h R_i + b_i)      f = s(x W_f + h R_f + b_f)
        g = tanh(x W_g + h R_g + b_g)   o = s(x W_o + h R_o + b_o)
        c' = f * c + i * g              h' = o * tanh(c')

    GRU (Cho et al. 2014, arXiv:1406.1078v1, where the reset gate acts after the product with R), with a
    bias d of the state's part:

        z = s(x W_z + b_z + h R_z + d_z)   r = s(x W_r + b_r + h R_r + d_r)
        g = tanh(x W_g + b_g + r * (h R_g + d_g))
        h' = z * h + (1 - z) * g

    Weights stand side by side in the order i, f, g, o or z, r, g, as in Keras.
    """

    def __init__(self, cell: str, units: int, **kwargs: Any) -> None:
        """Chooses the cell, "lstm" or "gru", and the size of its states.

        Raises:
          ValueError: The cell is unknown.
        """
        super().__init__(**kwargs)
        if cell not in KINDS:
            raise ValueError(f"cell is {cell!r}; it must be one of {', '.join(KINDS)}")
        self.cell = cell
        self.units = units
        self.state_size = [units, units] if cell == "lstm" else [units]
        self.output_size = units

    def build(self, input_shape: Any) -> None:
        """Makes the weights; the forget gate of an LSTM starts open (Jozefowicz et al. 2015)."""
        gates = 4 if self.cell == "lstm" else 3
        width = gates * self.units
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], width), initializer="glorot_uniform")
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, width), initializer="orthogonal"
        )
        if self.cell == "lstm":
            self.bias = self.add_weight(name="bias", shape=(width,), initializer=_open_forget_gate)
        else:
            self.bias = self.add_weight(name="bias", shape=(2, width), initializer="zeros")
        self.built = True

    def call(self, x: Any, states: Any) -> tuple[Any, list[Any]]:
        """Takes one step: x (batch, size), states (batch, units) each; returns the output and the new states."""
        return step_of(self.cell, self.kernel, self.recurrent_kernel, self.bias)(x, states)


def step_of(cell: str, kernel: Any, recurrent: Any, bias: Any) -> Step:
    """Returns the function (x, states) -> (output, new states) of one step.

    Args:
      cell: "lstm" or "gru".
      kernel: W.
      recurrent: R.
      bias: b, (width,); of a GRU b and d, (2, width).
    """

    def lstm(x: Any, states: Sequence[Any]) -> tuple[Any, list[Any]]:
        h, c = states
        i, f, g, o = tf.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return h, [h, c]

    def gru(x: Any, states: Sequence[Any]) -> tuple[Any, list[Any]]:
        (h,) = states
        x_z, x_r, x_g = tf.split(x @ kernel + bias[0], 3, axis=-1)
        h_z, h_r, h_g = tf.split(h @ recurrent + bias[1], 3, axis=-1)
        z = tf.sigmoid(x_z + h_z)
        r = tf.sigmoid(x_r + h_r)
        h = z * h + (1.0 - z) * tf.tanh(x_g + r * h_g)
        return h, [h]

    return lstm if cell == "lstm" else gru


def read_steps(step: Step, x: Any, lengths: Any, states: Sequence[Any], backward: bool) -> tuple[Any, list[Any]]:
    """Reads step by step; from the end it comes to the padding first, where the states stay as they are.

    Args:
      step: Of a cell.
      x: float (batch, steps, size).
      lengths: int32 (batch,).
      states: Before the first step, (batch, units) each.
      backward: Whether each row is read from its end.

    Returns:
      Outputs, (batch, steps, units), 0 at padded steps, and the last states.
    """
    steps = tf.shape(x)[1]

    def body(count: Any, outputs: Any, states: list[Any]) -> tuple[Any, Any, list[Any]]:
        t = steps - 1 - count if backward else count
        real = (t < lengths)[:, None]
        output, new = step(x[:, t], states)
        states = [tf.where(real, after, before) for after, before in zip(new, states, strict=True)]
        return count + 1, outputs.write(t, tf.where(real, output, tf.zeros_like(output))), states

    start = (tf.constant(0), tf.TensorArray(x.dtype, size=steps), list(states))
    _, outputs, states = tf.while_loop(lambda count, *_: count < steps, body, start)
    return tf.transpose(outputs.stack(), [1, 0, 2]), list(states)


class Reference(keras.layers.Layer):
    """Reads padded rows as `trainer.recurrent.Recurrent` does: same arguments, same weights, same results."""

    def __init__(self, cell: str, units: int, bidirectional: bool = False, **kwargs: Any) -> None:
        """Makes a cell for each direction; arguments as for `trainer.recurrent.Recurrent`."""
        super().__init__(**kwargs)
        self.cells = [ReferenceCell(cell, units) for _ in range(1 + bidirectional)]

    def build(self, input_shape: Any, lengths_shape: Any = None, state_shape: Any = None) -> None:
        """Makes the weights."""
        for cell in self.cells:
            cell.build(input_shape)
        self.built = True

    def call(self, x: Any, lengths: Any, state: Any = None) -> tuple[Any, Any]:
        """Reads the real steps; arguments and results as for `trainer.recurrent.Recurrent`."""
        outputs, last = [], []
        for i, cell in enumerate(self.cells):
            states = state[i] if state else [tf.zeros([tf.shape(x)[0], cell.units], x.dtype)] * len(cell.state_size)
            read, end = read_steps(cell, x, lengths, states, backward=i == 1)
            outputs.append(read)
            last.append(tuple(end))
        return tf.concat(outputs, -1), tuple(last)


def _open_forget_gate(shape: Any, dtype: Any = None) -> Any:
    units = shape[0] // 4
    return tf.concat([tf.zeros([units]), tf.ones([units]), tf.zeros([2 * units])], 0)
