"""Settings of a training run: typed, bounded, read strictly from YAML and from `--set`."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import DataError, UsageError
from schemas.messages import nearest
from schemas.yaml_text import parse_yaml, read_yaml_file
from trainer.batches.batching import Batching
from trainer.batches.order import Order
from trainer.batches.sizes import BatchLimits
from trainer.settings.batches import BatchSettings
from trainer.settings.kinds import kind_of
from trainer.settings.model import BFLOAT16, FLOAT32, ModelSettings
from trainer.settings.training import TrainingSettings


@dataclass(frozen=True)
class TrainerConfig(BatchSettings, TrainingSettings, ModelSettings):
    """Everything that a training run can be told; the groups that it is made of say what each setting means."""

    def __post_init__(self) -> None:
        """Checks every value.

        Raises:
          UsageError: A value out of bounds, or two that contradict each other.
        """
        for name, field in _FIELDS.items():
            kind_of(field).check(name, getattr(self, name))
        if self.jit_compile and not self.static_shapes:
            raise UsageError(
                "jit_compile: true compiles the training step for every shape of a batch; set static_shapes: true, so "
                "that there are no more shapes than buckets"
            )
        if self.conv_stride > self.conv_width:
            raise UsageError(
                f"conv_stride: {self.conv_stride} is more than conv_width {self.conv_width}, so that steps between two "
                "windows would not be read; lower the one or raise the other"
            )
        for name in ("conv_stride", "max_pooling"):
            if getattr(self, name) > 1 and not self.conv_filters:
                raise UsageError(
                    f"{name}: {getattr(self, name)} belongs to a convolution, and there is none; set conv_filters, or "
                    f"{name}: 1"
                )
        if not self.train_embeddings and not self.pretrained_embeddings:
            raise UsageError(
                "train_embeddings: false keeps pretrained embeddings as they are, and there are none; name a file as "
                "pretrained_embeddings, or set train_embeddings: true"
            )
        if self.jit_compile and self.replicas > 1:
            raise UsageError("jit_compile: true compiles a step for one device; leave it off, or set replicas: 1")
        for name, alone in (("piece_steps", 0), ("precision", FLOAT32)):
            if self.replicas > 1 and getattr(self, name) not in (alone, BFLOAT16):
                raise UsageError(
                    f"replicas: {self.replicas} with {name}: {getattr(self, name)} is not supported; set replicas: 1, "
                    f"or {name}: {alone}"
                )
        if self.jit_compile and self.piece_steps:
            raise UsageError(
                "jit_compile: true needs shapes that are known beforehand, and with piece_steps the last piece of a "
                "batch may be shorter; leave jit_compile off, or set piece_steps: 0"
            )
        if self.min_batch_size > self.max_batch_size:
            raise UsageError(
                f"min_batch_size: {self.min_batch_size} is more than max_batch_size {self.max_batch_size}; "
                "lower the one or raise the other"
            )


# In the order in which they are shown: what the model is comes first.
_FIELDS = {field.name: field for field in dataclasses.fields(TrainerConfig)}


def load_config(path: str | Path | None, settings: Iterable[str] = ()) -> TrainerConfig:
    """Reads the settings of a YAML file and of `key=value` texts, which win over the file.

    Args:
      path: Of the YAML file; none means the defaults.
      settings: `key=value`; the value is read as YAML, so that its type is what it looks like.

    Raises:
      UsageError: The file is missing or no YAML, a key is unknown, or a value is of another type
        or out of bounds.
    """
    values: dict[str, object] = {}
    if path is not None:
        values |= _read_yaml(path)
    for setting in settings:
        values |= _parse_setting(setting)
    return config_from(values)


def config_from(values: Mapping[str, object]) -> TrainerConfig:
    """Returns the settings that plain values state.

    Raises:
      UsageError: See `load_config`.
    """
    checked: dict[str, Any] = {key: _typed(key, value) for key, value in values.items()}
    return TrainerConfig(**checked)


def to_plain(config: TrainerConfig) -> dict[str, object]:
    """Returns every setting as a plain value."""
    values = dataclasses.asdict(config)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def dump_config(config: TrainerConfig) -> str:
    """Returns every setting as YAML."""
    return yaml.safe_dump(to_plain(config), sort_keys=False, default_flow_style=None)


def limits_of(config: TrainerConfig) -> BatchLimits:
    """Returns how large the settings say that training batches may be."""
    return BatchLimits(
        padded_steps=config.batch_padded_steps,
        max_examples=config.max_batch_size,
        min_examples=config.min_batch_size,
        min_steps=config.min_epoch_steps,
        sizes=config.batch_sizes,
        multiple=config.batch_multiple,
    )


def batching_of(config: TrainerConfig) -> Batching:
    """Returns how the settings say that training batches are made."""
    limits, pool = limits_of(config), config.pool_batches
    return Batching(config.batching, limits, pool, config.static_shapes, config.padding, config.replicas)


def order_of(config: TrainerConfig, epoch: int) -> Order:
    """Returns how the settings say that an epoch, from 0, is shuffled."""
    window_bytes, block_bytes = config.shuffle_megabytes << 20, config.shuffle_block_kilobytes << 10
    return Order(config.seed, epoch, config.shuffle_window, window_bytes, block_bytes)


def _read_yaml(path: str | Path) -> dict[str, object]:
    try:
        values = parse_yaml(read_yaml_file(path, "config", "give the path of a YAML file of settings"))
    except DataError as error:
        raise UsageError(f"config {path}: {error}") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise UsageError(f"config {path}: expected named settings; received {_shown(values)}")
    return {str(key): value for key, value in values.items()}


def _parse_setting(setting: str) -> dict[str, object]:
    key, equals, text = setting.partition("=")
    if not equals:
        raise UsageError(f"--set {setting}: has no '='; write --set key=value")
    key = key.strip()
    try:
        value = parse_yaml(text)
    except DataError:
        value = text
    return {key: kind_of(_FIELDS[key]).from_text(value) if key in _FIELDS else value}


def _typed(key: str, value: object) -> object:
    if key not in _FIELDS:
        raise UsageError(f"{key}: no such setting; {nearest(key, _FIELDS)}")
    kind = kind_of(_FIELDS[key])
    if not kind.accepts(value):
        raise UsageError(f"{key}: expected {kind.said}; received {_shown(value)}")
    return kind.convert(value)


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(value).__name__})"
