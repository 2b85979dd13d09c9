"""All that a training is at one moment: enough to go on from as if it had never stopped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from schemas.errors import UsageError
from trainer.batches.position import Position
from trainer.models.model import SequenceModel
from trainer.training.checkpoint import Checkpoint

_WEIGHTS, _OPTIMIZER, _BEST = "weights", "optimizer", "best"
_FORMAT = 1
Arrays = list[npt.NDArray[Any]]


@dataclass
class TrainingState:
    """Where a training is, and what it has come to; the model and its optimizer hold the rest.

    Attributes:
      epoch: From 0, that is being trained or is next.
      step: Of the epoch, from 0, that is next.
      seconds: Of all processes so far.
      history: Of the epochs that are done.
      best_epoch: From 1; 0: none yet.
      best_metrics: Of the validation split, of that epoch.
      best_weights: Of that epoch; empty: the last ones are as good.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_metrics: dict[str, float] = field(default_factory=dict)
    best_weights: Arrays = field(default_factory=list)


def pack(state: TrainingState, position: Position, model: SequenceModel, beside: dict[str, Any]) -> Checkpoint:
    """Returns a checkpoint.

    Args:
      state: Of the training.
      position: Of the state.
      model: With its weights and its optimizer.
      beside: More plain values.
    """
    facts = {
        "format": _FORMAT,
        "position": position.to_json(),
        "keras": keras.__version__,
        "seconds": state.seconds,
        "history": state.history,
        "best_epoch": state.best_epoch,
        "best_metrics": state.best_metrics,
        **beside,
    }
    optimizer = [np.asarray(variable.numpy()) for variable in model.optimizer.variables]
    return Checkpoint(facts, {_WEIGHTS: model.get_weights(), _OPTIMIZER: optimizer, _BEST: state.best_weights})


def unpack(checkpoint: Checkpoint, model: SequenceModel, where: str) -> TrainingState:
    """Returns the state of a checkpoint, and sets the weights and the optimizer, which must be built.

    Args:
      checkpoint: That `pack` made.
      model: As it was built for that training.
      where: Named in an error.

    Raises:
      UsageError: It is of a model of another form: another version of this program made it.
    """
    facts, arrays = checkpoint.facts, checkpoint.arrays
    weights, optimizer = list(arrays.get(_WEIGHTS, [])), list(arrays.get(_OPTIMIZER, []))
    best, variables = list(arrays.get(_BEST, [])), model.optimizer.variables
    alike = _shapes(weights) == _shapes(model.weights) and _shapes(optimizer) == _shapes(variables)
    if facts.get("format") != _FORMAT or not alike or _shapes(best) not in ([], _shapes(weights)):
        raise UsageError(
            f"{where}: holds a training of another version of this program; go on with that one, or say --fresh to "
            "begin anew, which removes it"
        )
    position = Position.from_json(facts["position"])
    model.set_weights(weights)
    for variable, value in zip(variables, optimizer, strict=True):
        variable.assign(value)
    return TrainingState(
        epoch=position.epoch,
        step=position.step,
        seconds=facts["seconds"],
        history=facts["history"],
        best_epoch=facts["best_epoch"],
        best_metrics=facts["best_metrics"],
        best_weights=best,
    )


def _shapes(arrays: Sequence[Any]) -> list[tuple[int, ...]]:
    return [tuple(array.shape) for array in arrays]
