"""Settings that decide how batches are made."""

from dataclasses import dataclass

from schemas.batch_seconds import DEFAULT_EXAMPLES, DEFAULT_PADDED_STEPS
from trainer.batches.batching import METHODS, PLANNED
from trainer.settings.kinds import choice, flag, whole, wholes


@dataclass(frozen=True)
class BatchSettings:
    """How batches are made.

    Attributes:
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

    batch_padded_steps: int = whole(DEFAULT_PADDED_STEPS, 1, 2**31 - 1)
    max_batch_size: int = whole(DEFAULT_EXAMPLES, 1, 1_000_000)
    min_batch_size: int = whole(8, 1, 1_000_000)
    min_epoch_steps: int = whole(200, 1, 1_000_000_000)
    batch_sizes: tuple[int, ...] = wholes(1, 1_000_000)
    batch_multiple: int = whole(1, 1, 1_000_000)
    shuffle_window: int = whole(65_536, 1, 2**31 - 1)
    shuffle_megabytes: int = whole(256, 1, 1_000_000)
    shuffle_block_kilobytes: int = whole(128, 1, 2**31 - 1)
    batching: str = choice(PLANNED, METHODS)
    pool_batches: int = whole(32, 1, 1_000_000)
    static_shapes: bool = flag(False)
    jit_compile: bool = flag(False)
