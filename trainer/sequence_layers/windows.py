"""Windows over steps: where each begins, so that a record's windows do not depend on its padding.

Output step i looks at `width` input steps from i * stride - before on. `before` is a function of width
and stride alone; TensorFlow's "same" padding makes it one of the padded steps too, so that with a
stride the windows of one record would shift with the batch it is in. Where the padded steps are a
multiple of the stride, and always where the stride is 1, both are the same.
"""

from typing import Any

from schemas.errors import UsageError


def steps_before(width: int, stride: int, causal: bool = False) -> int:
    """Returns how many steps before the i-th stride the i-th window begins.

    Args:
      width: Steps of a window.
      stride: Steps from one window to the next; at most `width`.
      causal: Whether the window ends at its own step.
    """
    return width - 1 if causal else (width - stride) // 2


def window_count(steps: Any, stride: int) -> Any:
    """Returns ceil(steps / stride), the windows over so many steps, a number or an array of them; of 0: 0."""
    return (steps + stride - 1) // stride


def check_windows(layer: str, width: int, stride: int) -> None:
    """Refuses windows that cannot be laid over all steps.

    Raises:
      UsageError: Width or stride is no whole number of 1 or more, or steps between two windows would not be read.
    """
    for name, value in (("width", width), ("stride", stride)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"{layer}: {name} is {value!r}; it is a whole number of steps, 1 or more")
    if stride > width:
        raise UsageError(
            f"{layer}: stride {stride} with width {width} leaves steps between windows unread; "
            f"the stride is at most the width: make the width {stride} or more, or the stride {width} or less"
        )
