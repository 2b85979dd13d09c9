"""What TensorFlow says has gone wrong, in words for people."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from schemas.errors import DataError


def reason(error: Exception) -> str:
    """Returns the text of a failed assertion, else TensorFlow's first line without the names of its nodes."""
    lines: list[str] = (getattr(error, "message", None) or str(error) or type(error).__name__).splitlines()
    failed = re.search(r"assertion failed: \[(.*)\]", lines[0])
    if failed:
        return failed[1].replace("\\'", "'")
    inside = r"Error in user-defined function .* with iterator: \S+: "
    return re.sub(rf"{inside}|\{{\{{.*?\}}\}}|\[Op:.*", "", lines[0]).strip()


def guarded(dataset: tf.data.Dataset, told: Callable[[str], str]) -> Iterator[Any]:
    """Yields the elements of a dataset.

    Args:
      dataset: Whose records may be damaged.
      told: Returns what to tell of a `reason`.

    Raises:
      DataError: TensorFlow cannot go on.
    """
    elements = iter(dataset)
    while True:
        try:
            yield next(elements)
        except StopIteration:
            return
        # TensorFlow puts a record that is no message into its error text, and fails to decode that.
        except (tf.errors.OpError, UnicodeDecodeError) as error:
            raise DataError(told(reason(error))) from None
