"""What TensorFlow and Keras say has gone wrong, in one line."""

from collections.abc import Callable
from typing import Any

import keras
import pytest
import tensorflow as tf

from trainer.batches.reasons import reason

# As TensorFlow 2.21 says it; to provoke it takes ten seconds, in which TensorFlow waits for memory.
OUT_OF_MEMORY = """Graph execution error:

Detected at node zeros defined at (most recent call last):
  File "train.py", line 4, in <module>

  File "train.py", line 3, in f

OOM when allocating tensor with shape[4096,1048576] and type float on device:CPU:0 by allocator mklcpu
\t [[{{node zeros}}]]
Hint: If you want to see a list of allocated tensors when OOM happens, add report_tensor_allocations_upon_oom
 [Op:__inference_f_14]"""


class Failing(keras.layers.Layer):
    """Cannot be called."""

    def call(self, x: Any) -> Any:
        raise ValueError("the batch is unheard of: set something\nmore of it")


class Around(keras.layers.Layer):
    """Calls a layer that cannot be."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Failing()

    def call(self, x: Any) -> Any:
        return self.inner(x)


def wrong(count: Any) -> Any:
    with tf.control_dependencies([tf.debugging.Assert(count > 5000, ["it isn't more"])]):
        return tf.identity(count)


def unlucky(count: Any) -> Any:
    raise ValueError("no luck: today")


def raised(function: Callable[[Any], Any]) -> Exception:
    with pytest.raises((tf.errors.OpError, ValueError)) as error:
        function(tf.constant(1 << 12))
    return error.value


def test_of_memory_in_a_graph() -> None:
    error = tf.errors.ResourceExhaustedError(None, None, OUT_OF_MEMORY)
    assert reason(error) == (
        "OOM when allocating tensor with shape[4096,1048576] and type float on device:CPU:0 by allocator mklcpu"
    )


def test_of_an_assertion_in_a_graph() -> None:
    error = raised(tf.function(wrong))
    assert str(error).startswith("Graph execution error:")
    assert reason(error) == "it isn't more"


@pytest.mark.parametrize("layer", [Failing, Around])
@pytest.mark.parametrize("traced", [True, False])
def test_of_a_layer(layer: type[keras.layers.Layer], traced: bool) -> None:
    made = layer()

    def call(count: Any) -> Any:
        return made(tf.zeros([2, 2]) + tf.cast(count, tf.float32))

    error = raised(tf.function(call) if traced else call)
    assert "Exception encountered when calling Failing.call()." in str(error)
    assert reason(error) == "the batch is unheard of: set something"


def test_of_a_function_that_is_traced() -> None:
    error = raised(tf.function(unlucky))
    assert str(error).startswith("in user code:")
    assert reason(error) == "no luck: today"
    assert reason(raised(unlucky)) == "no luck: today"


def test_of_an_error_without_words() -> None:
    assert reason(MemoryError()) == "MemoryError"
