"""The same layer as plainly as it can be written: one step after another, the mask applied in each.

It is what the fast kernel and Keras are compared with, and no faster than it looks.
"""

from typing import Any

import keras
import tensorflow as tf

from trainer.recurrent.layer import KINDS


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
        return self._lstm(x, *states) if self.cell == "lstm" else self._gru(x, *states)

    def _lstm(self, x: Any, h: Any, c: Any) -> tuple[Any, list[Any]]:
        i, f, g, o = tf.split(x @ self.kernel + h @ self.recurrent_kernel + self.bias, 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return h, [h, c]

    def _gru(self, x: Any, h: Any) -> tuple[Any, list[Any]]:
        x_z, x_r, x_g = tf.split(x @ self.kernel + self.bias[0], 3, axis=-1)
        h_z, h_r, h_g = tf.split(h @ self.recurrent_kernel + self.bias[1], 3, axis=-1)
        z = tf.sigmoid(x_z + h_z)
        r = tf.sigmoid(x_r + h_r)
        h = z * h + (1.0 - z) * tf.tanh(x_g + r * h_g)
        return h, [h]


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
        """Reads the real steps; arguments and results as for `trainer.recurrent.Recurrent`, steps known."""
        outputs, last = [], []
        for i, cell in enumerate(self.cells):
            states = state[i] if state else [tf.zeros([tf.shape(x)[0], cell.units], x.dtype)] * len(cell.state_size)
            read, end = _read(cell, x, lengths, list(states), backward=i == 1)
            outputs.append(read)
            last.append(tuple(end))
        return tf.concat(outputs, -1), tuple(last)


def _read(cell: ReferenceCell, x: Any, lengths: Any, states: list[Any], backward: bool) -> tuple[Any, list[Any]]:
    """Reads step by step; from the end it comes to the padding first, where the states stay as they are."""
    steps = range(x.shape[1])
    outputs = [tf.zeros([])] * x.shape[1]
    for t in reversed(steps) if backward else steps:
        real = (t < lengths)[:, None]
        output, new = cell(x[:, t], states)
        states = [tf.where(real, after, before) for after, before in zip(new, states, strict=True)]
        outputs[t] = tf.where(real, output, tf.zeros_like(output))
    return tf.stack(outputs, 1), states


def _open_forget_gate(shape: Any, dtype: Any = None) -> Any:
    units = shape[0] // 4
    return tf.concat([tf.zeros([units]), tf.ones([units]), tf.zeros([2 * units])], 0)
