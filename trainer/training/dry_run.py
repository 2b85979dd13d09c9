"""The heaviest batches first: what memory is too small for shows in the first minute, and not in an hour.

One batch is read and made as large as the batches of each bucket may be: its records again and again, their steps
again and again up to the longest of the bucket. These pass through the step of the training itself, which is told to
change nothing, so that what is traced or compiled for it is what training uses.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from schemas.errors import DataError
from schemas.manifest import length_feature
from schemas.spec import labelled_sequence
from trainer.batches.epochs import Epochs
from trainer.batches.layout import bucket_widths, static_bounds
from trainer.batches.reasons import reason
from trainer.config import TrainerConfig, order_of
from trainer.progress import say
from trainer.training.guard import Guard
from trainer.training.step import TrainStep


@dataclass(frozen=True)
class Heaviest:
    """The form of the heaviest batch of a bucket.

    Attributes:
      bucket: From 0.
      rows: Examples, filler included.
      widths: Steps of each sequence with a length of its own.
    """

    bucket: int
    rows: int
    widths: Mapping[str, int]

    @property
    def padded_steps(self) -> int:
        """Rows x steps, of all sequences."""
        return self.rows * sum(self.widths.values())


def heaviest_batches(epochs: Epochs, config: TrainerConfig) -> list[Heaviest]:
    """Returns the form of the heaviest batch of each bucket that has records, the heaviest first."""
    source = epochs.source
    loads = source.loads()
    longest = [load.max_length for load in loads]
    bounds = static_bounds(source.manifest, longest) if config.static_shapes else longest
    widths = bucket_widths(source.manifest, source.split, bounds)
    forms = [
        Heaviest(
            bucket,
            _multiple(
                epochs.sizes[bucket] if config.static_shapes else min(epochs.sizes[bucket], epochs.examples), config
            ),
            {name: of[bucket] for name, of in widths.items()},
        )
        for bucket, load in enumerate(loads)
        if load.records
    ]
    return sorted(forms, key=lambda form: -form.padded_steps)


def dry_run(epochs: Epochs, config: TrainerConfig, step: TrainStep, guard: Guard) -> None:
    """Takes one step with the heaviest batch of each bucket, that changes neither weights, optimizer nor seeds.

    Raises:
      DataError: One fails.
    """
    forms = heaviest_batches(epochs, config)
    heaviest = forms[0]
    say(f"dry run: the heaviest batch of each of {len(forms)} buckets, up to {_shown(heaviest)}")
    started = time.monotonic()
    batch = next(epochs.source.iterate(epochs.open(order_of(config, 0))))
    kept = guard.seeds()
    guard.halted.assign(True)
    for form in forms:
        try:
            float(step(*enlarged(batch, form, epochs)))
        # Of memory, or of a shape: whatever TensorFlow, a kernel or XLA say.
        except (tf.errors.OpError, MemoryError, ValueError) as error:
            raise DataError(
                f"dry run: a batch of {_shown(form)}, the heaviest of bucket {form.bucket}, fails: {reason(error)}; "
                f"lower batch_padded_steps (now {config.batch_padded_steps}) or max_batch_size (now "
                f"{config.max_batch_size}), or cut long records in the spec (max_length)"
            ) from None
    guard.halted.assign(False)
    guard.set_seeds(kept)
    say(f"dry run: done in {time.monotonic() - started:.1f} s")


def enlarged(batch: Any, form: Heaviest, epochs: Epochs) -> Any:
    """Returns a batch made as large as a form says; all its steps are real."""
    features, label, weight = batch
    spec = epochs.source.manifest.spec
    widths = {name: form.widths[feature.aligned_with or name] for name, feature in spec.sequences.items()}
    made = {}
    for name, part in features.items():
        sequence = name.split("/")[0]
        if name == length_feature(sequence) and sequence in widths:
            made[name] = tf.fill([form.rows], tf.cast(widths[sequence], part.dtype))
        else:
            made[name] = _tiled(part, form.rows, widths.get(sequence))
    labelled = labelled_sequence(spec)
    width = None if labelled is None else widths[labelled]
    return made, _tiled(label, form.rows, width), _tiled(weight, form.rows, width)


def _tiled(part: tf.Tensor, rows: int, width: int | None) -> tf.Tensor:
    """Returns rows, and steps if it has them, again and again up to a size."""
    part = tf.gather(part, tf.range(rows) % part.shape[0])
    return part if width is None else tf.gather(part, tf.range(width) % part.shape[1], axis=1)


def _multiple(rows: int, config: TrainerConfig) -> int:
    return -(-rows // config.replicas) * config.replicas


def _shown(form: Heaviest) -> str:
    steps: Sequence[str] = [f"{width}" for width in form.widths.values()]
    return f"{form.rows} examples x {' + '.join(steps)} steps"
