"""What TensorFlow says has gone wrong, in words for people."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from schemas.errors import DataError


def reason(error: Exception) -> str:
    """Returns the text of a failed assertion, else the line that says what is wrong without the names of nodes."""
    line = _telling(getattr(error, "message", None) or str(error) or type(error).__name__)
    failed = re.search(r"assertion failed: \[(.*)\]", line)
    if failed:
        return failed[1].replace("\\'", "'")
    inside = r"Error in user-defined function .* with iterator: \S+: "
    return re.sub(rf"{inside}|\{{\{{.*?\}}\}}|\[Op:.*", "", line).strip()


def _telling(text: str) -> str:
    """Returns the line that says what is wrong: the first, unless TensorFlow or Keras say before it where."""
    lines = re.sub(r"\x1b\[\d*m", "", text).splitlines()
    calls = [i for i, line in enumerate(lines) if "Exception encountered when calling" in line]
    if calls:  # Keras: what is wrong stands below the innermost call
        rest = lines[calls[-1] + 1 :]
    elif lines[0] == "Graph execution error:":  # places are indented
        rest = [line for line in lines[1:] if not line.startswith((" ", "\t", "Detected at node", "<stack traces"))]
    elif lines[0] == "in user code:":
        rest = [line.split(": ", 1)[1] for line in lines if re.match(r"\s+\w+(Error|Exception): ", line)]
    else:
        return lines[0]
    return next((line.strip() for line in rest if line.strip()), lines[0])


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
