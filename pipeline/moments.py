"""Sums of numbers that come out the same in whichever order and pieces they are added.

A float32 is a whole number times 2^-149, its square one times 2^-298. Sums of whole numbers are exact, and Python's
have no limit; mean and variance are rounded once, at the end. That also makes the plain formula sum(x^2)/n - mean^2
safe, which in floats would cancel.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from schemas.manifest_pb2 import Moments

_UNIT = 149  # every float32 is a multiple of 2^-149, the least of them
_MANTISSA = 24  # bits of a float32
_DIGIT = 22  # bits of one of the two digits that numbers are cut into
_PIECE = 1 << 16  # numbers at a time: few enough for sums of products of digits, and for the cache


@dataclass
class ExactMoments:
    """Count, sum, sum of squares, least and greatest of float32 numbers of one dimension, and how many are 0.

    Attributes:
      count: Numbers.
      total: Their sum, times 2^149.
      squares: The sum of their squares, times 2^298.
      least: Of them; infinity of none.
      greatest: Of them; minus infinity of none.
      zeros: How many are 0.
    """

    count: int = 0
    total: int = 0
    squares: int = 0
    least: float = float("inf")
    greatest: float = float("-inf")
    zeros: int = 0

    def add(self, numbers: npt.NDArray[np.float32]) -> None:
        """Adds finite numbers, float32, (n,)."""
        for start in range(0, len(numbers), _PIECE):
            piece = numbers[start : start + _PIECE]
            least, greatest = float(piece.min()), float(piece.max())
            self.count += len(piece)
            self.zeros += len(piece) - int(np.count_nonzero(piece))
            self.least, self.greatest = min(self.least, least), max(self.greatest, greatest)
            self._add_digits(piece, max(-least, greatest))

    def merge(self, other: "ExactMoments") -> None:
        """Adds the numbers that another one has seen."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares
        self.least = min(self.least, other.least)
        self.greatest = max(self.greatest, other.greatest)
        self.zeros += other.zeros

    def _add_digits(self, numbers: npt.NDArray[np.float32], greatest: float) -> None:
        """Adds numbers of like size: two digits of 22 bits below the greatest one's first bit hold nearly all."""
        top = max(math.frexp(greatest)[1], 2 * _DIGIT - _UNIT)
        rest = numbers.astype(np.float64)
        rest *= 2.0 ** (_DIGIT - top)
        high = np.rint(rest)
        rest -= high
        rest *= 2.0**_DIGIT
        low = np.rint(rest)
        small = np.flatnonzero(low != rest)  # too small beside the greatest one
        if len(small):
            high[small], low[small] = 0, 0
            self._add_by_exponent(numbers[small])
        a, b = high.astype(np.int64), low.astype(np.int64)
        shift = top - 2 * _DIGIT + _UNIT
        self.total += ((int(a.sum()) << _DIGIT) + int(b.sum())) << shift
        products = (int(a @ a) << 2 * _DIGIT) + (int(a @ b) << _DIGIT + 1) + int(b @ b)
        self.squares += products << 2 * shift

    def _add_by_exponent(self, numbers: npt.NDArray[np.float32]) -> None:
        """Adds numbers of any sizes: a sum of whole mantissas for each exponent."""
        fractions, exponents = np.frexp(numbers.astype(np.float64))
        mantissas = np.ldexp(fractions, _MANTISSA).astype(np.int64)
        places = exponents.astype(np.int64) - _MANTISSA + _UNIT
        # A number below 2^-126 has fewer bits: its mantissa ends with zeros where its place is below the unit's.
        mantissas >>= np.maximum(-places, 0)
        places = np.maximum(places, 0)
        squares = mantissas * mantissas
        half = squares & ((1 << _MANTISSA) - 1)
        self.total += _placed(mantissas, places)
        self.squares += (_placed(squares >> _MANTISSA, 2 * places) << _MANTISSA) + _placed(half, 2 * places)

    def mean(self) -> Fraction:
        """Returns the mean, exactly; 0 of no numbers."""
        return Fraction(self.total, self.count << _UNIT) if self.count else Fraction(0)

    def variance(self) -> Fraction:
        """Returns the population variance, exactly; 0 of no numbers."""
        if not self.count:
            return Fraction(0)
        return Fraction(self.squares, self.count << 2 * _UNIT) - self.mean() ** 2


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


def _placed(numbers: npt.NDArray[np.int64], places: npt.NDArray[np.int64]) -> int:
    """Returns the sum of numbers * 2^places; numbers below 2^24 in size, at most 2^28 of them."""
    # Weights are added as float64, exactly as long as no sum reaches 2^53.
    sums = np.bincount(places, weights=numbers.astype(np.float64))
    return sum(int(sums[place]) << place for place in np.flatnonzero(sums).tolist())
