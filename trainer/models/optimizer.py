"""The optimizer: Adam, with weight decay where asked for, and the learning rate of each step."""

import math
from typing import Any

import keras
from keras import ops

from trainer.config import TrainerConfig
from trainer.sequence_layers.masks import PACKAGE
from trainer.settings.model import FLOAT16
from trainer.settings.training import CONSTANT, COSINE, LINEAR

# Weights that shift or scale and do not mix inputs: decay would pull them from where they belong.
_NOT_DECAYED = ["bias", "gamma", "beta"]


@keras.saving.register_keras_serializable(package=PACKAGE)
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate of each step: up to its full value, then down to 0 at the last step.

    Of step s from 0, with W steps of warm-up and T steps in all, it is rate x min(1, (s + 1) / W) x f(p) where
    p = (s - W) / (T - W) within [0, 1], and f(p) is 1 (constant), 1 - p (linear) or (1 + cos(pi p)) / 2
    (cosine; Loshchilov and Hutter, SGDR, 2017, without restarts).
    """

    def __init__(self, rate: float, kind: str, warmup_steps: int, steps: int) -> None:
        """Sets the form.

        Args:
          rate: The greatest rate.
          kind: "constant", "linear" or "cosine".
          warmup_steps: Steps until the full rate.
          steps: Of the whole training; later ones are like the last.
        """
        super().__init__()
        self.rate = rate
        self.kind = kind
        self.warmup_steps = warmup_steps
        self.steps = steps

    def __call__(self, step: Any) -> Any:
        """Returns the rate of a step, from 0, float32."""
        step = ops.cast(step, "float32")
        rising = ops.minimum(1.0, (step + 1.0) / max(self.warmup_steps, 1))
        rest = max(self.steps - self.warmup_steps, 1)
        progress = ops.clip((step - self.warmup_steps) / rest, 0.0, 1.0)
        shapes = {CONSTANT: 1.0, LINEAR: 1.0 - progress, COSINE: (1.0 + ops.cos(math.pi * progress)) / 2}
        return self.rate * rising * shapes[self.kind]

    def get_config(self) -> dict[str, Any]:
        """Returns what a copy is made from."""
        return {"rate": self.rate, "kind": self.kind, "warmup_steps": self.warmup_steps, "steps": self.steps}


def make_optimizer(config: TrainerConfig, epoch_steps: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer of the settings.

    Args:
      config: The settings.
      epoch_steps: Steps of an epoch.
    """
    rate: Any = config.learning_rate
    if config.schedule != CONSTANT or config.warmup_steps:
        rate = Schedule(rate, config.schedule, config.warmup_steps, config.epochs * epoch_steps)
    decay = config.weight_decay or None  # 0 would cost a pass over all weights
    optimizer = keras.optimizers.Adam(rate, weight_decay=decay, global_clipnorm=config.clip_norm or None)
    if decay is not None:
        optimizer.exclude_from_weight_decay(var_names=_NOT_DECAYED)
    # Gradients that would be 0 in 16 bits are scaled up, as far as none overflows.
    return keras.optimizers.LossScaleOptimizer(optimizer) if config.precision == FLOAT16 else optimizer
