"""In which order an epoch goes through its records."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """In which order an epoch goes through its records.

    Attributes:
      seed: Of the whole training run.
      epoch: From 0; each epoch has an order of its own.
      window: Records held in memory to be shuffled; a split that is no larger is shuffled whole.
    """

    seed: int = 0
    epoch: int = 0
    window: int = 65_536
