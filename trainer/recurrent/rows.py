"""How the rows of a batch are laid out for a loop over steps: packed, or padded where shapes must be fixed.

The loop takes `STEPS` steps an iteration: a TensorFlow loop costs about 20 us an iteration, whatever it does.
"""

from typing import Any

import tensorflow as tf

STEPS = 4  # of an iteration: 8 gain 0.03 more for batches of 8 rows, and cost short rows more padding


class PackedRows:
    """Rows by falling length, so that the rows with a step left are the first ones, whatever the step.

    Each iteration works on those that have a step left at its start, which is what
    `torch.nn.utils.rnn.pack_padded_sequence` does step by step. Padding costs at most `STEPS` - 1
    steps a row; what it holds is never read: beyond its end a row reads its last step again, and no
    gradient comes from there.
    """

    def __init__(self, lengths: Any, steps: Any, reverse: bool) -> None:
        """Lays out a batch.

        Args:
          lengths: int32 (batch,), 0 <= lengths <= steps.
          steps: int32 (), of the padded values.
          reverse: Whether each row is read from its end.
        """
        batch = tf.size(lengths)
        order = tf.argsort(lengths, direction="DESCENDING", stable=True)
        falling = tf.gather(lengths, order)
        self.iterations = (tf.reduce_max(tf.concat([lengths, [0]], 0)) + STEPS - 1) // STEPS
        starts = tf.range(self.iterations) * STEPS
        self._live = tf.reduce_sum(tf.cast(falling[None, :] > starts[:, None], tf.int32), 1)
        self._first = tf.cumsum(self._live * STEPS, exclusive=True)
        counts = tf.repeat(self._live, STEPS)
        firsts = tf.cumsum(counts, exclusive=True)
        self._packed = tf.reduce_sum(counts)
        step = tf.repeat(tf.range(self.iterations * STEPS), counts)
        rank = tf.range(self._packed) - tf.repeat(firsts, counts)
        length = tf.gather(falling, rank)
        self._real = step < length
        read = tf.minimum(step, length - 1)
        self._source = tf.gather(order, rank) * steps + (length - 1 - read if reverse else read)
        self._order, self._rank, self._batch = order, tf.math.invert_permutation(order), batch
        ends = tf.gather(tf.concat([[-batch], firsts], 0), lengths)  # without a step: the initial state
        self._last = ends + self._rank + batch
        self._place = self._places(lengths, steps, firsts, reverse)

    def _places(self, lengths: Any, steps: Any, firsts: Any, reverse: bool) -> Any:
        """Returns where each step of the batch stands when packed, int32 (batch, steps); padding: behind the end."""
        step = tf.range(steps)[None, :]
        ends = lengths[:, None]
        nth = ends - 1 - step if reverse else step
        place = tf.gather(tf.concat([firsts, [0]], 0), tf.where(step < ends, nth, 0)) + self._rank[:, None]
        return tf.where(step < ends, place, self._packed)

    def sort(self, state: Any) -> Any:
        """Returns a state (batch, units) in the order of the loop."""
        return tf.gather(state, self._order)

    def unsort(self, state: Any) -> Any:
        """Returns a state in the order of the batch."""
        return tf.gather(state, self._rank)

    def prepare(self, values: Any) -> Any:
        """Returns (batch, steps, size) as `read` takes it; nothing is copied."""
        return tf.reshape(values, [-1, values.shape[-1]])

    def read(self, prepared: Any, k: Any) -> Any:
        """Returns the steps of iteration k, (STEPS * live, size): step by step, and in it row by row."""
        return tf.gather(prepared, self._cut(self._source, k))

    def read_real(self, prepared: Any, k: Any) -> Any:
        """Returns what `read` does, with zeros beyond the end of a row."""
        values = self.read(prepared, k)
        return values * tf.cast(self._cut(self._real, k), values.dtype)[:, None]

    def _cut(self, packed: Any, k: Any) -> Any:
        first = self._first[k]
        return packed[first : first + STEPS * self._live[k]]

    def split(self, values: Any, k: Any) -> list[Any]:
        """Returns (STEPS * live, size) as a list of its steps; nothing is copied."""
        return list(tf.unstack(tf.reshape(values, [STEPS, self._live[k], values.shape[-1]]), num=STEPS))

    def narrow(self, state: Any, k: Any) -> Any:
        """Returns the rows of a state that have a step left in iteration k."""
        return state[: self._live[k]]

    def widen(self, state: Any, k: Any) -> Any:
        """Returns a state with zeros for rows that are in iteration k and were not in the one after it."""
        return tf.pad(state, [[0, self._live[k] - tf.shape(state)[0]], [0, 0]])

    def none(self, state: Any) -> Any:
        """Returns what `widen` starts from."""
        return state[:0]

    def widest(self, state: Any) -> Any:
        """Returns a gradient of the first iteration with zeros for rows without any step."""
        return tf.pad(state, [[0, self._batch - tf.shape(state)[0]], [0, 0]])

    def array(self, count: Any, size: int, dtype: Any, steps: int = 1) -> Any:
        """Returns a list of `count` tensors, each of some steps, with room for what `join` adds."""
        return tf.TensorArray(
            dtype, size=count + 1, infer_shape=False, clear_after_read=False, element_shape=[None, size]
        )

    def join(self, array: Any, count: Any, size: int) -> Any:
        """Returns a list, of `array`, as one tensor for `gather` and `last`."""
        # One row of zeros at the end is what padding reads: no mask, no copy.
        return array.write(count, tf.zeros([1, size], array.dtype)).concat()

    def gather(self, joined: Any, initial: bool = False) -> Any:
        """Returns all steps as (batch, steps, size), zeros at padded ones.

        Args:
          joined: Of `join`.
          initial: Whether a state (batch, size) stands before the first step.
        """
        return tf.gather(joined, self._place + self._batch if initial else self._place)

    def last(self, joined: Any) -> Any:
        """Returns the state after the last step of each row, (batch, size), of a list with an initial state."""
        return tf.gather(joined, self._last)


class PaddedRows:
    """Every row in every step, in shapes that are known beforehand, as XLA needs them.

    No mask either: what a row computes beyond its end is not used.
    """

    def __init__(self, lengths: Any, batch: int, steps: int, reverse: bool) -> None:
        """Lays out a batch of a known shape; arguments as for `PackedRows`."""
        self.iterations = -(-steps // STEPS)
        self._lengths = lengths
        self._batch, self._steps, self._reverse = batch, steps, reverse
        self._real = tf.reshape(tf.range(self.iterations * STEPS)[:, None] < lengths[None, :], [-1, 1])

    def sort(self, state: Any) -> Any:
        """Returns a state as it is."""
        return state

    def unsort(self, state: Any) -> Any:
        """Returns a state as it is."""
        return state

    def prepare(self, values: Any) -> Any:
        """Returns (batch, steps, size) with the steps first, zeros at padded ones."""
        real = tf.sequence_mask(self._lengths, self._steps)[:, :, None]
        values = self._turn(tf.where(real, values, tf.zeros_like(values)))
        padding = self.iterations * STEPS - self._steps
        return tf.pad(tf.transpose(values, [1, 0, 2]), [[0, padding], [0, 0], [0, 0]])

    def _turn(self, values: Any) -> Any:
        return tf.reverse_sequence(values, self._lengths, seq_axis=1, batch_axis=0) if self._reverse else values

    def read(self, prepared: Any, k: Any) -> Any:
        """Returns the steps of iteration k, (STEPS * batch, size)."""
        size = prepared.shape[-1]
        return tf.reshape(tf.slice(prepared, [k * STEPS, 0, 0], [STEPS, self._batch, size]), [-1, size])

    def read_real(self, prepared: Any, k: Any) -> Any:
        """Returns what `read` does, which has zeros beyond the end of a row."""
        return self.read(prepared, k)

    def split(self, values: Any, k: Any) -> list[Any]:
        """Returns (STEPS * batch, size) as a list of its steps."""
        return list(tf.unstack(tf.reshape(values, [STEPS, self._batch, values.shape[-1]]), num=STEPS))

    def narrow(self, state: Any, k: Any) -> Any:
        """Returns a state as it is."""
        return state

    def widen(self, state: Any, k: Any) -> Any:
        """Returns a state as it is."""
        return state

    def none(self, state: Any) -> Any:
        """Returns zeros."""
        return tf.zeros_like(state)

    def widest(self, state: Any) -> Any:
        """Returns a gradient as it is."""
        return state

    def array(self, count: Any, size: int, dtype: Any, steps: int = 1) -> Any:
        """Returns a list of `count` tensors, each of some steps."""
        return tf.TensorArray(dtype, size=count, clear_after_read=False, element_shape=[steps * self._batch, size])

    def join(self, array: Any, count: Any, size: int) -> Any:
        """Returns a list, of `array`, as one tensor (steps, batch, size)."""
        return tf.reshape(array.stack(), [-1, self._batch, size])

    def gather(self, joined: Any, initial: bool = False) -> Any:
        """Returns all steps as (batch, steps, size), zeros at padded ones; see `PackedRows.gather`."""
        first = int(initial)
        values = self._turn(tf.transpose(joined[first : first + self._steps], [1, 0, 2]))
        return tf.where(tf.sequence_mask(self._lengths, self._steps)[:, :, None], values, tf.zeros_like(values))

    def last(self, joined: Any) -> Any:
        """Returns the state after the last step of each row, (batch, size)."""
        return tf.gather_nd(joined, tf.stack([self._lengths, tf.range(self._batch)], -1))


Rows = PackedRows | PaddedRows
