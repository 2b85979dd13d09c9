"""Sums of numbers that come out the same in whichever order and pieces they are added.

A float32 is a whole number times a power of two. Whole numbers of one exponent add up exactly, so
what is kept is one such sum for each exponent; mean and variance are rounded once, at the end.
That also makes the plain formula sum(x^2)/n - mean^2 safe, which in floats would cancel.
"""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from schemas.manifest_pb2 import Moments

_HALF = 24  # bits of a float32's mantissa; its square has 48 and is kept as two halves
_SQUARE = 2 * _HALF


@dataclass
class ExactSum:
    """A sum of whole numbers times powers of two: parts[e] * 2^e."""

    parts: dict[int, int] = field(default_factory=dict)

    def add(self, mantissas: npt.NDArray[np.int64], exponents: npt.NDArray[np.int64]) -> None:
        """Adds mantissas * 2^exponents; mantissas below 2^24 in size, at most 2^28 of them."""
        if not len(mantissas):
            return
        least = int(exponents.min())
        # Weights are added as float64, exactly as long as no sum reaches 2^53.
        sums = np.bincount(exponents - least, weights=mantissas.astype(np.float64))
        for place in np.flatnonzero(sums):
            self._add_part(least + int(place), int(sums[place]))

    def merge(self, other: "ExactSum") -> None:
        """Adds another sum."""
        for exponent, part in other.parts.items():
            self._add_part(exponent, part)

    def value(self) -> Fraction:
        """Returns the sum, exactly."""
        return sum((part * Fraction(2) ** exponent for exponent, part in self.parts.items()), Fraction(0))

    def _add_part(self, exponent: int, part: int) -> None:
        self.parts[exponent] = self.parts.get(exponent, 0) + part


@dataclass
class ExactMoments:
    """Count, sum, sum of squares, least and greatest of float32 numbers of one dimension, and how many are 0."""

    count: int = 0
    total: ExactSum = field(default_factory=ExactSum)
    squares: ExactSum = field(default_factory=ExactSum)
    least: float = float("inf")
    greatest: float = float("-inf")
    zeros: int = 0

    def add(self, numbers: npt.NDArray[np.float32]) -> None:
        """Adds finite numbers, float32, (n,)."""
        if not len(numbers):
            return
        self.count += len(numbers)
        self.zeros += len(numbers) - int(np.count_nonzero(numbers))
        self.least = min(self.least, float(numbers.min()))
        self.greatest = max(self.greatest, float(numbers.max()))
        exact = numbers.astype(np.float64)
        mantissas, exponents = _split(exact, _HALF)
        self.total.add(mantissas, exponents)
        mantissas, exponents = _split(exact * exact, _SQUARE)
        self.squares.add(mantissas >> _HALF, exponents + _HALF)
        self.squares.add(mantissas & ((1 << _HALF) - 1), exponents)

    def merge(self, other: "ExactMoments") -> None:
        """Adds the numbers that another one has seen."""
        self.count += other.count
        self.total.merge(other.total)
        self.squares.merge(other.squares)
        self.least = min(self.least, other.least)
        self.greatest = max(self.greatest, other.greatest)
        self.zeros += other.zeros

    def mean(self) -> Fraction:
        """Returns the mean, exactly; 0 of no numbers."""
        return self.total.value() / self.count if self.count else Fraction(0)

    def variance(self) -> Fraction:
        """Returns the population variance, exactly; 0 of no numbers."""
        return self.squares.value() / self.count - self.mean() ** 2 if self.count else Fraction(0)


def moments_of(numbers: npt.NDArray[np.float32], missing: npt.NDArray[np.bool_] | None = None) -> list[ExactMoments]:
    """Returns the moments of each dimension.

    Args:
      numbers: float32, (steps, dims); finite where they are not missing.
      missing: Of the same shape: which numbers count for nothing, whatever stands in their place.
    """
    moments = [ExactMoments() for _ in range(numbers.shape[1])]
    for dimension, moment in enumerate(moments):
        column = numbers[:, dimension]
        moment.add(column if missing is None else column[~missing[:, dimension]])
    return moments


def to_message(moments: list[ExactMoments]) -> Moments:
    """Returns the moments of all dimensions, each rounded once; zeros where there are no numbers."""
    counts = [moment.count for moment in moments]
    return Moments(
        count=max(counts),
        counts=counts if len(set(counts)) > 1 else [],
        mean=[float(moment.mean()) for moment in moments],
        variance=[float(moment.variance()) for moment in moments],
        min=[moment.least if moment.count else 0.0 for moment in moments],
        max=[moment.greatest if moment.count else 0.0 for moment in moments],
    )


def _split(numbers: npt.NDArray[np.float64], bits: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns whole mantissas of `bits` bits and exponents, so that number = mantissa * 2^exponent."""
    fractions, exponents = np.frexp(numbers)
    return np.ldexp(fractions, bits).astype(np.int64), exponents.astype(np.int64) - bits
