"""The first import of TensorFlow: quiet where it only chats, one clear line where it is missing."""

import contextlib
import os
import sys
import tempfile

from schemas.errors import UsageError


def import_tensorflow(replicas: int = 1) -> None:
    """Imports TensorFlow and Keras, once, without the chatter of their C++ code.

    Call it from a command line before anything that imports them; a program of one's own may
    prefer its own settings. What is a real error reaches Python as an exception, which is why the
    C++ log can be turned down to fatal messages; TF_CPP_MIN_LOG_LEVEL in the environment wins.

    Args:
      replicas: Devices that training is to use; where there is no GPU, the CPU is made to be as many.

    Raises:
      UsageError: TensorFlow or Keras is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if os.environ.setdefault("KERAS_BACKEND", "tensorflow") != "tensorflow":
        backend = os.environ["KERAS_BACKEND"]
        raise UsageError(f"KERAS_BACKEND={backend}: the trainer works with tensorflow; unset the variable")
    try:
        _import_quietly(replicas)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{error.name} is not installed; training and prediction need it: pip install 'lengthwise[trainer]'"
        ) from None


def _import_quietly(replicas: int) -> None:
    """Imports with the file descriptor of standard error set aside.

    TensorFlow writes a dozen lines before its own log level takes effect, past `sys.stderr`. They
    are shown where the import fails otherwise than by a missing module.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            import keras  # noqa: F401  # the import is what is wanted
            import tensorflow as tf

            if replicas > 1 and not tf.config.list_physical_devices("GPU"):
                _divide_cpu(replicas)
            tf.config.list_logical_devices()
        except ModuleNotFoundError:
            raise
        except Exception:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _divide_cpu(devices: int) -> None:
    """Makes several logical devices of the CPU, which is too late where TensorFlow was used before."""
    import tensorflow as tf

    (cpu, *_) = tf.config.list_physical_devices("CPU")
    with contextlib.suppress(RuntimeError):
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
