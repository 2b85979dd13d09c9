"""The seconds of a training step as a function of its batch, fitted to measurements.

A step has work that is done once (`batch`), work that is done once for each step of the padded
sequences however many examples there are (`step`: an LSTM reads one step after another), and work
for each padded step of each example (`padded_step`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """What a training step on one batch took.

    Attributes:
      examples: Of the batch.
      steps: Of each example, padding included.
      seconds: Of the training step, more than 0.
    """

    examples: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class StepSeconds:
    """Seconds of a training step: batch + step x steps + padded_step x examples x steps.

    Attributes:
      batch: Seconds of a step whatever its batch.
      step: Seconds for each step of the batch's longest example.
      padded_step: Seconds for each step of each example, padding included.
    """

    batch: float
    step: float
    padded_step: float

    def of(self, examples: int, steps: int) -> float:
        """Returns the seconds of a training step on a batch."""
        return self.batch + self.step * steps + self.padded_step * examples * steps


def fit_seconds(measurements: Sequence[Measurement]) -> StepSeconds:
    """Fits the three coefficients, none below 0, so that the squares of the relative errors are least.

    Relative, because the steps that matter take from milliseconds to seconds, and all of them count.

    Args:
      measurements: One or more.
    """
    shapes = np.array([(1.0, m.steps, float(m.examples) * m.steps) for m in measurements])
    seconds = np.array([m.seconds for m in measurements])
    found = nonnegative_least_squares(shapes / seconds[:, None], np.ones(len(seconds)))
    return StepSeconds(*found.tolist())


def median_relative_error(fitted: StepSeconds, measurements: Sequence[Measurement]) -> float:
    """Returns the median over measurements of |fitted - measured| / measured."""
    errors = [abs(fitted.of(m.examples, m.steps) - m.seconds) / m.seconds for m in measurements]
    return float(np.median(errors))


def nonnegative_least_squares(matrix: Floats, target: Floats) -> Floats:
    """Returns x >= 0 for which |matrix x - target| is least.

    The solution is the ordinary one of the columns that it does not leave at 0, so that trying every set of
    columns finds it: 8 sets of 3. Where several sets do equally well, as when every batch has the same number of
    steps, it is the smallest one.

    Args:
      matrix: float64, (rows, columns), of a few columns.
      target: float64, (rows,).

    Returns:
      float64, (columns,).
    """
    columns = matrix.shape[1]
    # Columns of one scale, so that those of large numbers do not hide the others.
    scales = np.where(np.any(matrix, axis=0), np.linalg.norm(matrix, axis=0), 1.0)
    best, least = np.zeros(columns), float(target @ target)
    for count in range(1, columns + 1):
        for chosen in combinations(range(columns), count):
            part = matrix[:, chosen] / scales[list(chosen)]
            solution = np.linalg.lstsq(part, target, rcond=None)[0]
            error = float(np.square(part @ solution - target).sum())
            if np.all(solution >= 0) and error < least - 1e-12 * float(target @ target):
                least, best = error, np.zeros(columns)
                best[list(chosen)] = solution / scales[list(chosen)]
    return best
