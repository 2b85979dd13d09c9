"""Bucketed data sets become a trained masked LSTM.

The names below are imported when they are first used: they need TensorFlow, and `import trainer`
does not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from schemas.spans.folder import SpanRange
    from trainer.batches.batching import Batching
    from trainer.batches.opening import open_dataset, open_epochs
    from trainer.batches.order import Order
    from trainer.batches.position import Position
    from trainer.batches.sizes import BatchLimits
    from trainer.config import TrainerConfig, load_config
    from trainer.conversion.convert import convert
    from trainer.export.export import export_model
    from trainer.export.record_model import RecordModel
    from trainer.foreign.files import TFRecordFiles, bucket_records, open_tfrecords
    from trainer.models.build import build_model
    from trainer.prediction.predictor import load

_HOMES = {
    "BatchLimits": "trainer.batches.sizes",
    "Batching": "trainer.batches.batching",
    "Order": "trainer.batches.order",
    "Position": "trainer.batches.position",
    "RecordModel": "trainer.export.record_model",
    "SpanRange": "schemas.spans.folder",
    "TFRecordFiles": "trainer.foreign.files",
    "TrainerConfig": "trainer.config",
    "bucket_records": "trainer.foreign.files",
    "build_model": "trainer.models.build",
    "export_model": "trainer.export.export",
    "convert": "trainer.conversion.convert",
    "load": "trainer.prediction.predictor",
    "load_config": "trainer.config",
    "open_dataset": "trainer.batches.opening",
    "open_epochs": "trainer.batches.opening",
    "open_tfrecords": "trainer.foreign.files",
}

__all__ = [
    "BatchLimits",
    "Batching",
    "Order",
    "Position",
    "RecordModel",
    "SpanRange",
    "TFRecordFiles",
    "TrainerConfig",
    "bucket_records",
    "build_model",
    "convert",
    "export_model",
    "load",
    "load_config",
    "open_dataset",
    "open_epochs",
    "open_tfrecords",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'trainer' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
