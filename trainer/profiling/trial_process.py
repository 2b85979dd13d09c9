"""One trial: a process that trains on one batch a few times, and says how long that took.

Run as `python -m trainer.profiling.trial_process`, with what to do as JSON on standard input and the result as JSON on
standard output. Running out of memory may end it in any way, which is why it is a process of its own.
"""

import contextlib
import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

from schemas.errors import LengthwiseError
from schemas.spans.folder import SpanRange, load_data
from trainer.config import config_from
from trainer.profiling.memory import peak_mib
from trainer.profiling.shapes import Shape
from trainer.tensorflow_setup import import_tensorflow

# No exit code of Python's own, nor of a shell's.
OUT_OF_MEMORY = 75
# After which no other step is measured, once three were.
_MOST_SECONDS = 5.0


def main() -> int:
    """Does what standard input asks for.

    Returns:
      0 when done, `OUT_OF_MEMORY`, else the code of the error whose text is the last line on standard error.
    """
    # Where memory runs out, this is the process to end, and no other one.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    try:
        asked = json.load(sys.stdin)
        import_tensorflow()
        result = _measure(**asked) if asked else _describe()
    except LengthwiseError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return OUT_OF_MEMORY
    print(json.dumps(result))
    return 0


def is_out_of_memory(error: Exception) -> bool:
    """Returns whether TensorFlow's error is about memory; cuDNN and XLA say so in their own ways."""
    import tensorflow as tf

    if isinstance(error, tf.errors.ResourceExhaustedError):
        return True
    text = str(error).lower()
    words = ("out of memory", "out_of_memory", "failed to allocate", "alloc_failed")
    return isinstance(error, tf.errors.OpError) and any(word in text for word in words)


def _describe() -> dict[str, Any]:
    """Returns what the speed and the memory of a step follow from, beside model and data."""
    import keras
    import tensorflow as tf

    from trainer.profiling.steps import device_kind

    try:
        own = importlib.metadata.version("lengthwise")
    except importlib.metadata.PackageNotFoundError:  # run from its sources
        own = ""
    versions = {"lengthwise": own, "keras": keras.__version__, "tensorflow": tf.__version__}
    return {"device": device_kind(), "versions": versions}


def _measure(data: dict[str, Any], settings: dict[str, Any], examples: int, steps: int, repeats: int) -> dict[str, Any]:
    from trainer.profiling.steps import StepTimer

    timer = StepTimer(load_data(SpanRange(**data)), config_from(settings))
    seconds = timer.seconds(Shape(steps, examples), repeats, _MOST_SECONDS)
    return {"seconds": seconds, "peak_mib": peak_mib()}


if __name__ == "__main__":
    sys.exit(main())
