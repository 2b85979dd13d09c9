"""What becomes of each record within a graph: the first rule that it breaks decides."""

import tensorflow as tf

OK = "ok"


class Verdicts:
    """Rules broken, by record; `schemas.records.verdicts` as operations of a graph."""

    def __init__(self, refused: tf.Tensor) -> None:
        """Begins with what was found before.

        Args:
          refused: Reason code of each record that is refused already, string, (records,); empty: none is known.
        """
        self._refused = refused
        self._reasons = [OK]
        self._found = tf.zeros_like(refused, tf.int32)

    @property
    def open(self) -> tf.Tensor:
        """Which records are not refused, bool, (records,)."""
        return (self._found == 0) & (self._refused == "")

    def reject(self, broken: tf.Tensor, reason: str) -> None:
        """Refuses the records that break a rule, bool, (records,), where nothing was said about them before."""
        if reason not in self._reasons:
            self._reasons.append(reason)
        self._found = tf.where(broken & (self._found == 0), self._reasons.index(reason), self._found)

    def status(self) -> tf.Tensor:
        """Returns "ok" or the reason code of each record, string, (records,)."""
        return tf.where(self._refused == "", tf.gather(self._reasons, self._found), self._refused)
