"""Settings of a training run: typed, bounded, read strictly from YAML and from `--set`."""

import dataclasses
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from schemas.batch_seconds import DEFAULT_EXAMPLES, DEFAULT_PADDED_STEPS
from schemas.errors import DataError, UsageError
from schemas.messages import nearest
from schemas.yaml_text import parse_yaml, read_yaml_file
from trainer.batches.batching import METHODS, PLANNED, Batching
from trainer.batches.order import Order
from trainer.batches.sizes import BatchLimits

POOLINGS = ("mean", "max", "last")
# The settings that decide what the model is, as against how it is trained.
MODEL_SETTINGS = (
    "embedding_size",
    "lstm_units",
    "lstm_layers",
    "bidirectional",
    "pooling",
    "input_dropout",
    "step_dropout",
    "dropout",
)
_BOUNDS: dict[str, tuple[float, float]] = {
    "embedding_size": (1, 65_536),
    "lstm_units": (1, 65_536),
    "lstm_layers": (1, 16),
    "input_dropout": (0, 0.95),
    "step_dropout": (0, 0.95),
    "dropout": (0, 0.95),
    "learning_rate": (1e-8, 10),
    "clip_norm": (0, 1e6),
    "epochs": (1, 1_000_000),
    "patience": (1, 1_000_000),
    "patience_steps": (0, 1_000_000_000),
    "seed": (0, 2**31 - 1),
    "batch_padded_steps": (1, 2**31 - 1),
    "max_batch_size": (1, 1_000_000),
    "min_batch_size": (1, 1_000_000),
    "min_epoch_steps": (1, 1_000_000_000),
    "batch_sizes": (1, 1_000_000),
    "batch_multiple": (1, 1_000_000),
    "shuffle_window": (1, 2**31 - 1),
    "shuffle_megabytes": (1, 1_000_000),
    "shuffle_block_kilobytes": (1, 2**31 - 1),
    "pool_batches": (1, 1_000_000),
}


@dataclass(frozen=True)
class TrainerConfig:
    """Everything that a training run can be told.

    Attributes:
      embedding_size: Numbers that stand for one token.
      lstm_units: Of each layer, in each direction.
      lstm_layers: Layers of (bidirectional) LSTM.
      bidirectional: Whether a second LSTM reads each sequence from its end.
      pooling: What is taken from the outputs of all real steps: mean, max, last.
      input_dropout: Share of the inputs' dimensions that is dropped for a whole sequence; of fewer than
        8 dimensions none is.
      step_dropout: Share of the steps of a sequence that read as zeros.
      dropout: Share of the pooled outputs that is dropped.
      learning_rate: Of Adam.
      clip_norm: Greatest norm of the gradient of one step, over all weights; 0 clips nothing.
      epochs: Most passes over the training split.
      patience: Passes without a lower validation loss after which training stops, ...
      patience_steps: ... but not before this many steps without one.
      seed: Of the first weights, of dropout and of the order of the examples.
      batch_padded_steps: Most padded steps of a batch (its examples x the longest of them).
      max_batch_size: Most examples of a batch.
      min_batch_size: Examples of a batch that `min_epoch_steps` does not go below.
      min_epoch_steps: Batches of an epoch for which the budget is lowered on small data.
      batch_sizes: Examples of a full batch: one number for all buckets, or one for each in rising order of
        length. Nothing else changes them; none means that the four settings above decide.
      batch_multiple: Batches by budget have a multiple of this many examples, wherever one fits into the budget.
      shuffle_window: Records held in memory to be shuffled, ...
      shuffle_megabytes: ... and their MiB on disk, which lowers the window where records are large.
      shuffle_block_kilobytes: KiB that are read in one go, of records that stand side by side on disk.
      batching: How batches are made: "planned", or "bucket_by_sequence_length".
      pool_batches: Batches of a bucket that are sorted by length together, where batches are planned.
      static_shapes: Whether all batches of a bucket have one shape: as many rows, as many steps.
      jit_compile: Whether XLA compiles the training step, once for each of these shapes.
    """

    embedding_size: int = 64
    lstm_units: int = 64
    lstm_layers: int = 1
    bidirectional: bool = True
    pooling: tuple[str, ...] = ("mean", "max")
    input_dropout: float = 0.3
    step_dropout: float = 0.3
    dropout: float = 0.5
    learning_rate: float = 0.002
    clip_norm: float = 1.0
    epochs: int = 200
    patience: int = 3
    patience_steps: int = 600
    seed: int = 0
    batch_padded_steps: int = DEFAULT_PADDED_STEPS
    max_batch_size: int = DEFAULT_EXAMPLES
    min_batch_size: int = 8
    min_epoch_steps: int = 200
    batch_sizes: tuple[int, ...] = ()
    batch_multiple: int = 1
    shuffle_window: int = 65_536
    shuffle_megabytes: int = 256
    shuffle_block_kilobytes: int = 128
    batching: str = PLANNED
    pool_batches: int = 32
    static_shapes: bool = False
    jit_compile: bool = False

    def __post_init__(self) -> None:
        """Checks every value.

        Raises:
          UsageError: A value out of bounds, or two that contradict each other.
        """
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                if not low <= number <= high:
                    raise UsageError(
                        f"{name}: {number} is out of range; it must lie in [{_plain(low)}, {_plain(high)}]"
                    )
        if not self.pooling or len(set(self.pooling)) < len(self.pooling):
            raise UsageError(f"pooling: {list(self.pooling)}; name one or more of {', '.join(POOLINGS)}, each once")
        for name in self.pooling:
            if name not in POOLINGS:
                raise UsageError(f"pooling: '{name}' is no valid value; {nearest(name, POOLINGS)}")
        if self.batching not in METHODS:
            raise UsageError(f"batching: '{self.batching}' is no valid value; {nearest(self.batching, METHODS)}")
        if self.jit_compile and not self.static_shapes:
            raise UsageError(
                "jit_compile: true compiles the training step for every shape of a batch; set static_shapes: true, so "
                "that there are no more shapes than buckets"
            )
        if self.min_batch_size > self.max_batch_size:
            raise UsageError(
                f"min_batch_size: {self.min_batch_size} is more than max_batch_size {self.max_batch_size}; "
                "lower the one or raise the other"
            )


def _plain(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_str(value: object) -> bool:
    return isinstance(value, str)


_FIELDS = {field.name: field for field in dataclasses.fields(TrainerConfig)}
_TYPES: dict[str, Any] = typing.get_type_hints(TrainerConfig)
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a name",
    tuple[str, ...]: "a list of names, as in [mean, max]",
    tuple[int, ...]: "a list of whole numbers, as in [128, 64]",
}
# What the items of a list must be.
_LISTS: dict[Any, Callable[[object], bool]] = {tuple[str, ...]: _is_str, tuple[int, ...]: _is_int}


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
    return Batching(config.batching, limits_of(config), config.pool_batches, config.static_shapes)


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
    if _TYPES.get(key) in _LISTS and isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if _TYPES.get(key) == tuple[int, ...]:
        value = [_whole(part) for part in value] if isinstance(value, list) else [value]
    return {key: value}


def _whole(text: object) -> object:
    """Returns the number that a part of `128,64` is, and anything else as it came, for the error to show."""
    return int(text) if isinstance(text, str) and text.isdecimal() else text


def _typed(key: str, value: object) -> object:
    if key not in _FIELDS:
        raise UsageError(f"{key}: no such setting; {nearest(key, _FIELDS)}")
    kind = _TYPES[key]
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and _is_int(value):
        return value
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is str and isinstance(value, str):
        return value
    if kind in _LISTS and isinstance(value, list) and all(_LISTS[kind](item) for item in value):
        return tuple(value)
    raise UsageError(f"{key}: expected {_KINDS[kind]}; received {_shown(value)}")


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(value).__name__})"
