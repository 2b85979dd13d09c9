"""Which records of a batch give a loss, or a gradient, that is not finite."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from schemas.formats.fields import ID
from trainer.batches.epochs import Epochs
from trainer.config import TrainerConfig, order_of
from trainer.models.model import SequenceModel
from trainer.training.guard import Guard
from trainer.training.step import TrainStep, loss_and_gradients

_NAMED = 5
_TRIED = 8  # records by themselves, before any is looked for


def describe_not_finite(
    epochs: Epochs, config: TrainerConfig, model: SequenceModel, step: TrainStep, guard: Guard, place: tuple[int, int]
) -> str:
    """Returns what is to be said of a batch whose loss or gradient is not finite.

    The batch is read again with its ids, and parts of it pass through the step, which changes nothing any more.

    Args:
      epochs: Of the training split.
      config: Settings.
      model: With the weights from before the batch.
      step: Of the training.
      guard: Of the step, halted.
      place: Epoch and step of the batch, from 0.
    """
    epoch, number = place
    again = Epochs(epochs.source, epochs.batching, training=True, with_ids=True)
    batch = next(iter(again.open(order_of(config, epoch), number)))
    guard.halted.assign(True)
    ids = [name.decode() for name in batch[0][ID].numpy()]
    inputs = ({name: part for name, part in batch[0].items() if not name.startswith(ID)}, *batch[1:])

    def is_sound(rows: Sequence[int]) -> bool:
        # As many rows as ever, some of them more than once: the step is compiled for, or shared by, no other number.
        places = tf.constant(np.resize(np.array(rows), len(ids)))
        part = tf.nest.map_structure(lambda values: tf.gather(values, places), inputs)
        return math.isfinite(float(step(*part)))

    rows = [row for row, name in enumerate(ids) if name]  # those of filler have none
    culprits = guilty(rows, is_sound)
    loss = float(loss_and_gradients(model, *inputs)[0])
    what = f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient is not finite (the loss is {loss:.4g})"
    return (
        f"epoch {epoch + 1}, step {number + 1} of {epochs.steps}: {what}, {_blamed(culprits, ids, len(rows))}; the "
        f"weights are those from before it and nothing was written: {_remedy(culprits, config)}; then say --fresh"
    )


def guilty(rows: Sequence[int], is_sound: Callable[[Sequence[int]], bool]) -> list[int] | None:
    """Returns the rows that are not sound by themselves, up to one more than are named; None: all of them are so.

    Args:
      rows: Of a batch, one or more.
      is_sound: Of some rows, one or more.
    """
    tried = sorted({rows[i] for i in np.linspace(0, len(rows) - 1, _TRIED).astype(int)})
    if len(rows) > 1 and not any(is_sound([row]) for row in tried):
        return None
    found: list[int] = []
    parts = [list(rows)]
    while parts and len(found) <= _NAMED:
        part = parts.pop()
        if is_sound(part):
            continue
        if len(part) == 1:
            found += part
        else:
            parts += [part[len(part) // 2 :], part[: len(part) // 2]]
    # Dropout may have hidden one among others; by itself it fills all rows of the batch, each dropped differently.
    return found or [row for row in rows if not is_sound([row])][: _NAMED + 1]


def _blamed(culprits: list[int] | None, ids: Sequence[str], examples: int) -> str:
    if culprits is None:
        return f"of each of its {examples} examples by itself, so that no single one is to blame"
    if not culprits:
        return f"of its {examples} examples together, and of none by itself"
    named = ", ".join(f"'{ids[row]}'" for row in culprits[:_NAMED])
    more = " and more" if len(culprits) > _NAMED else ""
    return f"because of the example{'s' if len(culprits) > 1 else ''} with id {named}{more}"


def _remedy(culprits: list[int] | None, config: TrainerConfig) -> str:
    slower = f"lower learning_rate (now {config.learning_rate:g})"
    if culprits:
        return "look at its values; correct or leave them out, or set normalize: zscore for series with large values"
    return f"{slower}, or set normalize: zscore for series with large values"
