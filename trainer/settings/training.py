"""Settings that decide how the model is trained."""

from dataclasses import dataclass

from trainer.settings.kinds import flag, number, whole


@dataclass(frozen=True)
class TrainingSettings:
    """How the model is trained.

    Attributes:
      learning_rate: Of Adam.
      clip_norm: Greatest norm of the gradient of one step, over all weights; 0 clips nothing.
      epochs: Most passes over the training split.
      patience: Passes without a lower validation loss after which training stops, ...
      patience_steps: ... but not before this many steps without one.
      checkpoint_seconds: Between two states that are kept to go on from; 0 keeps one at the end of each epoch only.
      dry_run: Whether the heaviest batch of each bucket is tried before the first step.
      tensorboard: Whether points for TensorBoard are written.
      replicas: Devices of this machine that share each batch: GPUs, or logical CPUs where there are none.
      seed: Of the first weights, of dropout and of the order of the examples.
    """

    learning_rate: float = number(0.002, 1e-8, 10)
    clip_norm: float = number(1.0, 0, 1e6)
    epochs: int = whole(200, 1, 1_000_000)
    patience: int = whole(3, 1, 1_000_000)
    patience_steps: int = whole(600, 0, 1_000_000_000)
    checkpoint_seconds: float = number(300.0, 0, 1e6)
    dry_run: bool = flag(True)
    tensorboard: bool = flag(True)
    replicas: int = whole(1, 1, 1_024)
    seed: int = whole(0, 0, 2**31 - 1)
