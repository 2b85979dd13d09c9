"""How batches are made: what a caller may choose."""

from dataclasses import dataclass

from schemas.batch_seconds import DEFAULT_EXAMPLES, DEFAULT_PADDED_STEPS
from schemas.errors import UsageError
from schemas.messages import nearest
from trainer.batches.sizes import BatchLimits

PLANNED, BUCKETED = "planned", "bucket_by_sequence_length"
METHODS = (PLANNED, BUCKETED)
POST, PRE = "post", "pre"
PADDINGS = (POST, PRE)
DEFAULT_LIMITS = BatchLimits(DEFAULT_PADDED_STEPS, DEFAULT_EXAMPLES, min_examples=8, min_steps=200)


@dataclass(frozen=True)
class Batching:
    """How batches are made.

    Attributes:
      method: "planned", or "bucket_by_sequence_length".
      limits: How large they may be.
      pool: Batches of a bucket that are sorted by length together, for the planned method.
      static_shapes: Whether all batches of a bucket have one shape: as many rows, as many steps.
      padding: "post", behind the steps, or "pre", in front of them.
      replicas: Rows are a multiple of it, with rows of filler, that weigh nothing, where need be.
      replica: Whose share of each batch is wanted, from 0; none: the whole batch.
    """

    method: str = PLANNED
    limits: BatchLimits = DEFAULT_LIMITS
    pool: int = 32
    static_shapes: bool = False
    padding: str = POST
    replicas: int = 1
    replica: int | None = None

    def __post_init__(self) -> None:
        """Refuses a method that is none, and a pool without batches."""
        if self.method not in METHODS:
            raise UsageError(f"batching: '{self.method}' is no valid value; {nearest(self.method, METHODS)}")
        if self.padding not in PADDINGS:
            raise UsageError(f"padding: '{self.padding}' is no valid value; {nearest(self.padding, PADDINGS)}")
        if self.pool < 1:
            raise UsageError(f"pool_batches: {self.pool} is out of range; it must be 1 or more")


DEFAULT_BATCHING = Batching()
