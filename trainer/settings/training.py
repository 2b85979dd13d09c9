"""Settings that decide how the model is trained."""

from collections.abc import Mapping
from dataclasses import dataclass

from trainer.settings.kinds import choice, flag, number, paths, share, weights, whole
from trainer.tasks.class_weights import BALANCED, NONE

LOSS = "loss"
# Metrics of which less is better; of all others more is.
_ERRORS = (LOSS, "perplexity", "mae", "rmse")
_SCORES = ("accuracy", "macro_f1", "precision", "recall", "f1", "auc", "entity_f1", "skill")
MONITORS = (*_ERRORS, *_SCORES)
CONSTANT, LINEAR, COSINE = "constant", "linear", "cosine"


@dataclass(frozen=True)
class TrainingSettings:
    """How the model is trained.

    Attributes:
      pretrained_embeddings: Path of a file of word vectors that the embedding of the tokens starts from, or paths by
        the names of sequences; empty: from random numbers.
      train_embeddings: Whether such embeddings are trained further.
      learning_rate: Of Adam, at its greatest.
      schedule: What becomes of it: "constant", or down to 0 at the end of all `epochs` as "linear" or "cosine".
      warmup_steps: Steps in which it rises from 0.
      weight_decay: Share of every weight but biases that is taken off at each step, times the learning rate.
      label_smoothing: Share of each class label that is spread over all classes.
      class_weights: How much the examples of each class count: "none" (alike), "balanced" (all classes alike), or
        weights by the names of classes, of which the others have 1.
      clip_norm: Greatest norm of the gradient of one step, over all weights; 0 clips nothing.
      epochs: Most passes over the training split.
      monitor: Metric of the validation split that decides which weights are the best: "loss", "accuracy", ...
      patience: Passes without a better one after which training stops, ...
      patience_steps: ... but not before this many steps without one.
      checkpoint_seconds: Between two states that are kept to go on from; 0 keeps one at the end of each epoch only.
      dry_run: Whether the heaviest batch of each bucket is tried before the first step.
      tensorboard: Whether points for TensorBoard are written.
      replicas: Devices of this machine that share each batch: GPUs, or logical CPUs where there are none.
      seed: Of the first weights, of dropout and of the order of the examples.
    """

    pretrained_embeddings: str | Mapping[str, str] = paths()
    train_embeddings: bool = flag(True)
    learning_rate: float = number(0.002, 1e-8, 10)
    schedule: str = choice(CONSTANT, (CONSTANT, LINEAR, COSINE))
    warmup_steps: int = whole(0, 0, 1_000_000_000)
    weight_decay: float = number(0.0, 0, 100)
    label_smoothing: float = share(0.0)
    class_weights: str | Mapping[str, float] = weights(NONE, (NONE, BALANCED))
    clip_norm: float = number(1.0, 0, 1e6)
    epochs: int = whole(200, 1, 1_000_000)
    monitor: str = choice(LOSS, MONITORS)
    patience: int = whole(3, 1, 1_000_000)
    patience_steps: int = whole(600, 0, 1_000_000_000)
    checkpoint_seconds: float = number(300.0, 0, 1e6)
    dry_run: bool = flag(True)
    tensorboard: bool = flag(True)
    replicas: int = whole(1, 1, 1_024)
    seed: int = whole(0, 0, 2**31 - 1)


def is_better(metric: str, value: float, other: float) -> bool:
    """Returns whether a value of one of `MONITORS` is better than another one."""
    return value < other if metric in _ERRORS else value > other
