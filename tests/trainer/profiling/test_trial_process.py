"""Errors of TensorFlow that are about memory, and those that are not."""

import pytest
import tensorflow as tf

from trainer.profiling.trial_process import is_out_of_memory


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[9,9]"), True),
        (tf.errors.InternalError(None, None, "CUDA_ERROR_OUT_OF_MEMORY: out of memory"), True),
        (tf.errors.InternalError(None, None, "CUDNN_STATUS_ALLOC_FAILED in cudnn_rnn_ops"), True),
        (tf.errors.InternalError(None, None, "Failed to allocate memory for the batch of inputs"), True),
        (tf.errors.InvalidArgumentError(None, None, "indices[0] = 9 is not in [0, 9)"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_is_about_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
