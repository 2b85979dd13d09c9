"""The layer: an LSTM or a GRU that is told the length of each row, with the weights of Keras."""

from functools import partial
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from trainer.recurrent.cells import KINDS
from trainer.recurrent.fast import Weights, run, run_once
from trainer.recurrent.reference import read_steps, step_of
from trainer.recurrent.rows import PackedRows, PaddedRows, Rows
from trainer.sequence_layers.masks import PACKAGE
from trainer.settings.model import AUTO, FAST, KERAS, KERNELS, LOOP

_LAYERS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def choose_kernel(kernel: str, gpus: int, gradient: bool = False) -> tuple[str, str]:
    """Says which kernel runs, and why.

    Args:
      kernel: One of `KERNELS`.
      gpus: GPUs that TensorFlow sees.
      gradient: Whether gradients are to flow through the last state.

    Returns:
      "fast", "keras" or "loop", and a line for people.
    """
    lost = f"; cuDNN is lost by it on {gpus} GPU(s), which recurrent_kernel: auto would take" if gpus else ""
    if kernel == LOOP:
        return LOOP, f"loop: as set; cell by cell, to be read and compared with{lost}"
    if gpus and kernel != FAST:
        return KERAS, f"cuDNN: {gpus} GPU(s), rows padded at the end, no option that cuDNN lacks"
    if gradient:
        return KERAS, "keras: gradients flow through the last state, which the fast kernel does not offer"
    if kernel == KERAS:
        return KERAS, "keras: as set; no GPU is visible"
    return FAST, f"fast: as set{lost}" if kernel == FAST else "fast: no GPU is visible"


@keras.saving.register_keras_serializable(package=PACKAGE)
class Recurrent(keras.layers.Layer):
    """Reads padded rows of known lengths, forward or in both directions.

    The weights are those of `keras.layers.LSTM` or `keras.layers.GRU` (reset_after=True), one such
    layer for each direction, whichever kernel computes with them. What stands at padded steps does not
    matter.

    Attributes:
      directions: The Keras layers, forward first.
    """

    def __init__(
        self,
        cell: str,
        units: int,
        bidirectional: bool = False,
        kernel: str = AUTO,
        state_gradient: bool = False,
        **kwargs: Any,
    ) -> None:
        """Makes the layers of the directions.

        Args:
          cell: "lstm" or "gru".
          units: Of each direction.
          bidirectional: Whether rows are read from their end, too.
          kernel: "fast", for CPUs; "keras"; "loop", the plain one of `trainer.recurrent.reference`; "auto":
            Keras where a GPU is visible, which then takes cuDNN, else the fast one.
          state_gradient: Whether gradients flow through the last state, as those of a decoder do;
            otherwise it is a constant to what uses it, as when reading piece by piece.
          **kwargs: Of `keras.layers.Layer`.

        Raises:
          ValueError: The cell or the kernel is unknown.
        """
        super().__init__(**kwargs)
        for name, value, known in (("cell", cell, KINDS), ("kernel", kernel, KERNELS)):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(known)}")
        self.cell = cell
        self.units = units
        self.bidirectional = bidirectional
        self.kernel = kernel
        self.state_gradient = state_gradient
        names = ("forward", "backward") if bidirectional else ("forward",)
        self.directions = [self._direction(name) for name in names]

    def _direction(self, name: str) -> keras.layers.Layer:
        make = _LAYERS[self.cell]
        return make(self.units, return_sequences=True, return_state=True, name=name, dtype=self.dtype_policy)

    def build(self, input_shape: Any, lengths_shape: Any = None, state_shape: Any = None) -> None:
        """Makes the weights."""
        for layer in self.directions:
            layer.build((None, None, input_shape[-1]))
        self.built = True

    def kernel_choice(self) -> tuple[str, str]:
        """Returns which kernel runs on this machine, and why; see `choose_kernel`."""
        return choose_kernel(self.kernel, len(tf.config.list_logical_devices("GPU")), self.state_gradient)

    def call(self, x: Any, lengths: Any, state: Any = None, training: bool = False) -> tuple[Any, Any]:
        """Reads the real steps.

        Args:
          x: float (batch, steps, size), steps >= 1.
          lengths: int32 (batch,), 0 <= lengths <= steps: real steps, the first ones.
          state: A last state of this layer, to go on from; None: zeros.
          training: Whether a gradient will be wanted, which the fast kernel then gets ready for; there
            is one in any case, a slower one.

        Returns:
          Outputs, (batch, steps, units * directions), 0 at padded steps; the last state, for each
          direction a tuple of (batch, units): h, and c of an LSTM. A row without steps keeps its state.

        Raises:
          ValueError: A state for a layer of two directions: the second one starts at the end.
        """
        if state is not None and self.bidirectional:
            raise ValueError("a bidirectional layer cannot go on from a state: its second direction starts at the end")
        kernels: dict[str, Any] = {FAST: partial(self._fast, bool(training)), KERAS: self._keras, LOOP: self._loop}
        read = kernels[self.kernel_choice()[0]]
        initial = self.start(tf.shape(x)[0]) if state is None else state
        reads = [
            read(layer, x, tf.cast(lengths, tf.int32), tuple(states), bool(i))
            for i, (layer, states) in enumerate(zip(self.directions, initial, strict=True))
        ]
        outputs = tf.concat([outputs for outputs, _ in reads], -1) if self.bidirectional else reads[0][0]
        return outputs, tuple(last for _, last in reads)

    def start(self, batch: Any) -> tuple[tuple[Any, ...], ...]:
        """Returns the state before the first step of `batch` rows."""
        zeros = tf.zeros([batch, self.units], self.compute_dtype)
        of_one = (zeros, zeros) if self.cell == "lstm" else (zeros,)
        return tuple(of_one for _ in self.directions)

    def _fast(
        self, training: bool, layer: Any, x: Any, lengths: Any, initial: tuple[Any, ...], reverse: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        # Halves are slower than float32 on a CPU, and their sums over steps lose digits.
        dtype = tf.float64 if self.compute_dtype == "float64" else tf.float32
        with tf.name_scope(layer.name):
            weights = Weights(*(tf.cast(weight, dtype) for weight in _weights(layer.cell)))
            states = tuple(tf.cast(state, dtype) for state in initial)
            x = tf.cast(x, dtype)
            if x.shape[1] == 1 and not training:
                outputs, *last = run_once(self.cell, x, lengths, weights, states)
            else:
                outputs, *last = run(self.cell, x, _rows(x, lengths, reverse), weights, states, training)
        return tf.cast(outputs, self.compute_dtype), tuple(tf.cast(value, self.compute_dtype) for value in last)

    def _keras(
        self, layer: Any, x: Any, lengths: Any, initial: tuple[Any, ...], reverse: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        real = tf.sequence_mask(lengths, tf.shape(x)[1])
        x = tf.where(real[:, :, None], x, tf.zeros_like(x))
        # cuDNN refuses a row without any real step; such a row reads one step of zeros, of which nothing is kept.
        ends = tf.maximum(lengths, 1)
        mask = tf.sequence_mask(ends, tf.shape(x)[1])
        # Keras would turn the row with its padding, which cuDNN does not take.
        x = tf.reverse_sequence(x, lengths, seq_axis=1, batch_axis=0) if reverse else x
        # By place: of a mask by name Keras 3.16 warns that the layer passes none on, which nothing here relies on.
        outputs, *last = layer(x, list(initial), mask)
        outputs = tf.where(real[:, :, None], outputs, tf.zeros_like(outputs))
        outputs = tf.reverse_sequence(outputs, lengths, seq_axis=1, batch_axis=0) if reverse else outputs
        kept = tuple(tf.where((lengths > 0)[:, None], new, old) for new, old in zip(last, initial, strict=True))
        return outputs, kept if self.state_gradient else tuple(tf.stop_gradient(state) for state in kept)

    def _loop(
        self, layer: Any, x: Any, lengths: Any, initial: tuple[Any, ...], reverse: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        x = tf.cast(x, self.compute_dtype)
        x = tf.where(tf.sequence_mask(lengths, tf.shape(x)[1])[:, :, None], x, tf.zeros_like(x))
        cell = layer.cell
        weights = (tf.cast(weight, x.dtype) for weight in (cell.kernel, cell.recurrent_kernel, cell.bias))
        outputs, last = read_steps(step_of(self.cell, *weights), x, lengths, initial, reverse)
        return outputs, tuple(last if self.state_gradient else map(tf.stop_gradient, last))

    def compute_output_shape(self, input_shape: Any, lengths_shape: Any = None, state_shape: Any = None) -> Any:
        """Returns the shapes of outputs and last state."""
        state = tuple((input_shape[0], self.units) for _ in range(2 if self.cell == "lstm" else 1))
        size = self.units * len(self.directions)
        return (*input_shape[:-1], size), tuple(state for _ in self.directions)

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        names = ("cell", "units", "bidirectional", "kernel", "state_gradient")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _weights(cell: Any) -> tuple[Any, ...]:
    """Returns the parts of `Weights` from a cell of Keras; a GRU has two rows of biases (`reset_after`)."""
    if isinstance(cell, keras.layers.GRUCell):
        return (cell.kernel, cell.recurrent_kernel, *tf.unstack(tf.convert_to_tensor(cell.bias), num=2))
    return cell.kernel, cell.recurrent_kernel, cell.bias, tf.zeros([0])


def _rows(x: Any, lengths: Any, reverse: bool) -> Rows:
    """Returns the layout: packed; padded for XLA, where no shape may depend on values."""
    if GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()):
        if None in x.shape:
            raise ValueError(
                f"XLA needs a known shape, and the batch is {x.shape}: set static_shapes, or not jit_compile"
            )
        return PaddedRows(lengths, x.shape[0], x.shape[1], reverse)
    return PackedRows(lengths, tf.shape(x)[1], reverse)
