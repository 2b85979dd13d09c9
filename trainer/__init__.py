"""Bucketed data sets become a trained masked LSTM.

The names below are imported when they are first used: they need TensorFlow, and `import trainer`
does not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.batches.foreign import TFRecordFiles, bucket_records, open_tfrecords
    from trainer.batches.opening import open_dataset
    from trainer.batches.order import Order
    from trainer.batches.sizes import BatchLimits
    from trainer.config import TrainerConfig, load_config
    from trainer.model import build_model
    from trainer.predict import load

_HOMES = {
    "BatchLimits": "trainer.batches.sizes",
    "Order": "trainer.batches.order",
    "TFRecordFiles": "trainer.batches.foreign",
    "TrainerConfig": "trainer.config",
    "bucket_records": "trainer.batches.foreign",
    "build_model": "trainer.model",
    "load": "trainer.predict",
    "load_config": "trainer.config",
    "open_dataset": "trainer.batches.opening",
    "open_tfrecords": "trainer.batches.foreign",
}

__all__ = [
    "BatchLimits",
    "Order",
    "TFRecordFiles",
    "TrainerConfig",
    "bucket_records",
    "build_model",
    "load",
    "load_config",
    "open_dataset",
    "open_tfrecords",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'trainer' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
