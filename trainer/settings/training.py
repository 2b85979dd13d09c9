"""Settings that decide how the model is trained."""

from dataclasses import dataclass

from trainer.settings.kinds import choice, number, whole

CONSTANT, LINEAR, COSINE = "constant", "linear", "cosine"


@dataclass(frozen=True)
class TrainingSettings:
    """How the model is trained.

    Attributes:
      learning_rate: Of Adam, at its greatest.
      schedule: What becomes of it: "constant", or down to 0 at the end of all `epochs` as "linear" or "cosine".
      warmup_steps: Steps in which it rises from 0.
      weight_decay: Share of every weight but biases that is taken off at each step, times the learning rate.
      clip_norm: Greatest norm of the gradient of one step, over all weights; 0 clips nothing.
      epochs: Most passes over the training split.
      patience: Passes without a lower validation loss after which training stops, ...
      patience_steps: ... but not before this many steps without one.
      seed: Of the first weights, of dropout and of the order of the examples.
    """

    learning_rate: float = number(0.002, 1e-8, 10)
    schedule: str = choice(CONSTANT, (CONSTANT, LINEAR, COSINE))
    warmup_steps: int = whole(0, 0, 1_000_000_000)
    weight_decay: float = number(0.0, 0, 100)
    clip_norm: float = number(1.0, 0, 1e6)
    epochs: int = whole(200, 1, 1_000_000)
    patience: int = whole(3, 1, 1_000_000)
    patience_steps: int = whole(600, 0, 1_000_000_000)
    seed: int = whole(0, 0, 2**31 - 1)
