"""What an epoch will be like, from its plan and the lengths that the indexes hold: no record is read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.batches.plan import EpochPlan, arranged, pool_seed


def padded_steps(plan: EpochPlan, lengths: Sequence[Sequence[npt.NDArray[Any]]]) -> int:
    """Returns the padded steps of an epoch: of each batch its rows x its longest record, which counts as 1 or more.

    Args:
      plan: Of the epoch.
      lengths: Of the records of each shard of each bucket, (records,).
    """
    joined = [np.concatenate([np.empty(0, np.int64), *of]) for of in lengths]
    before = [np.cumsum([0, *map(len, of)]) for of in lengths]
    total = 0
    for bucket, stream in enumerate(plan.streams):
        for pool in range(-(-stream.batches // plan.pool)):
            of, shard, row = plan.pool_rows(bucket, pool)
            found = np.empty(len(row), np.int64)
            for each in np.unique(of):
                own = of == each
                found[own] = joined[each][before[each][shard[own]] + row[own]]
            turned = found[arranged(found, stream.size, pool_seed(stream, pool))]
            starts = np.arange(0, len(turned), stream.size)
            longest = np.maximum(np.maximum.reduceat(turned, starts), 1)
            total += int(longest @ np.diff(np.append(starts, len(turned))))
    return total
