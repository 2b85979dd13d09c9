"""One step of an LSTM and of a GRU, forward and backward, for the fast kernel.

The formulas are those of `trainer.recurrent.reference`; the derivatives follow from them by the chain
rule, with sigmoid' = s (1 - s) and tanh' = 1 - t^2.
"""

from typing import Any, NamedTuple, Protocol

import tensorflow as tf


class Derivatives(NamedTuple):
    """What one step passes back.

    Attributes:
      projected: Of the input's part of the gates, (rows, gates * units).
      inner: Of the state's part of them; the same tensor where both are only added.
      states: Of the states before the step, but for what comes by way of `inner`.
    """

    projected: Any
    inner: Any
    states: tuple[Any, ...]


class Cell(Protocol):
    """One step.

    Attributes:
      gates: Blocks of units side by side in the weights, in the order of Keras.
      states: Tensors that a step hands to the next; the first is the output.
      kept: Tensors that `backward` needs beside the states.
      inner_bias: Whether the state's part of the gates has a bias of its own.
    """

    gates: int
    states: int
    kept: int
    inner_bias: bool

    def forward(self, projected: Any, inner: Any, states: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Returns the states after the step, and what to keep, each (rows, units)."""

    def backward(
        self, after: tuple[Any, ...], before: tuple[Any, ...], kept: tuple[Any, ...], slopes: tuple[Any, ...]
    ) -> Derivatives:
        """Returns the derivatives, given those of the states after the step (`slopes`)."""


class LSTMStep:
    """Gates i, f, g, o: c' = f c + i g, h' = o tanh(c')."""

    gates, states, kept, inner_bias = 4, 2, 4, False

    def forward(self, projected: Any, inner: Any, states: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Takes one step."""
        i, f, g, o = tf.split(projected + inner, 4, axis=-1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        c = f * states[1] + i * g
        return (o * tf.tanh(c), c), (i, f, g, o)

    def backward(
        self, after: tuple[Any, ...], before: tuple[Any, ...], kept: tuple[Any, ...], slopes: tuple[Any, ...]
    ) -> Derivatives:
        """Goes back one step."""
        i, f, g, o = kept
        h, c = after
        dh, dc = slopes
        # With h = o tanh(c) there are fewer products: dh tanh(c) o (1 - o) = dh h (1 - o).
        dhh = dh * h
        dc = dc + dh * o - dhh * tf.tanh(c)
        di = dc * i
        dig = di * g
        df = dc * f
        dfc = df * before[1]
        gates = tf.concat([dig - dig * i, dfc - dfc * f, di - dig * g, dhh - dhh * o], -1)
        return Derivatives(gates, gates, (tf.zeros([], dh.dtype), df))


class GRUStep:
    """Gates z, r, g: h' = z h + (1 - z) g, where r scales the state's part of g (`reset_after`)."""

    gates, states, kept, inner_bias = 3, 1, 4, True

    def forward(self, projected: Any, inner: Any, states: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Takes one step."""
        (h,) = states
        projected_z, projected_r, projected_g = tf.split(projected, 3, axis=-1)
        inner_z, inner_r, inner_g = tf.split(inner, 3, axis=-1)
        z = tf.sigmoid(projected_z + inner_z)
        r = tf.sigmoid(projected_r + inner_r)
        g = tf.tanh(projected_g + r * inner_g)
        return (g + z * (h - g),), (z, r, g, inner_g)

    def backward(
        self, after: tuple[Any, ...], before: tuple[Any, ...], kept: tuple[Any, ...], slopes: tuple[Any, ...]
    ) -> Derivatives:
        """Goes back one step."""
        z, r, g, inner_g = kept
        (dh,) = slopes
        dhz = dh * z
        dz = (before[0] - g) * (dhz - dhz * z)
        dg = (dh - dhz) * (1.0 - g * g)
        dgr = dg * r
        dr = dgr * inner_g
        dr = dr - dr * r
        return Derivatives(tf.concat([dz, dr, dg], -1), tf.concat([dz, dr, dgr], -1), (dhz,))


CELLS: dict[str, Cell] = {"lstm": LSTMStep(), "gru": GRUStep()}
KINDS = tuple(CELLS)
