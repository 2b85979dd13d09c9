"""The figures that the project is held to, and the verdict on what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from report import table

GIGABYTE = 1e9


@dataclass(frozen=True)
class Fact:
    """Something that is so or is not, rather than a number.

    Attributes:
      holds: Whether it is so.
      text: What was seen.
    """

    holds: bool
    text: str


@dataclass(frozen=True)
class NotMeasured:
    """A figure that could not be taken, and why."""

    reason: str


Measured = float | Fact | NotMeasured


@dataclass(frozen=True)
class Goal:
    """A figure with its goals.

    Attributes:
      figure: What is measured, in words.
      least: The worst that is acceptable; a text where it is a fact and not a number.
      aim: What is wanted.
      unit: After each number.
      lower: Whether lower is better.
    """

    figure: str
    least: float | str
    aim: float | str
    unit: str = ""
    lower: bool = True

    def show(self, value: float | str) -> str:
        """Returns a number with its unit; a text as it is."""
        return value if isinstance(value, str) else f"{value:.3g}{self.unit}"

    def verdict(self, measured: Measured) -> str:
        """Returns "aim met", "met", "missed" or "not measured"."""
        if isinstance(measured, NotMeasured):
            return "not measured"
        if isinstance(measured, Fact):
            return "met" if measured.holds else "**missed**"
        assert not isinstance(self.least, str) and not isinstance(self.aim, str), self.figure
        sign = 1 if self.lower else -1
        if sign * measured <= sign * self.aim:
            return "aim met"
        return "met" if sign * measured <= sign * self.least else "**missed**"

    def row(self, measured: Measured) -> list[str]:
        """Returns the cells of its row."""
        if isinstance(measured, NotMeasured):
            seen = measured.reason
        else:
            seen = measured.text if isinstance(measured, Fact) else self._exact(measured)
        return [self.figure, self.show(self.least), self.show(self.aim), seen, self.verdict(measured)]

    def _exact(self, number: float) -> str:
        """Returns a number to three digits, or to as many as it takes not to change its verdict."""
        for digits in range(3, 9):
            rounded = f"{number:.{digits}g}"
            if self.verdict(float(rounded)) == self.verdict(number):
                return f"{rounded}{self.unit}"
        return f"{number}{self.unit}"


GOALS = {
    "polars": Goal("400,000 records, wall time: ours / polars (lower is better)", 1.0, 0.6),
    "beam": Goal("100,000 records, wall time: per-element Beam / ours (higher is better)", 30, 40, lower=False),
    "tft": Goal("100,000 records, wall time: TF Transform / ours (higher is better)", 15, 20, lower=False),
    "hf": Goal("100,000 records, wall time: datasets and tokenizers / ours (higher is better)", 3.5, 5, lower=False),
    "growth": Goal("peak memory: 800,000 records / 100,000 records (lower is better)", 1.25, 1.1),
    "peak": Goal("peak memory, 800,000 records, default settings", 1.2, 0.8, " GB"),
    "distinct": Goal("peak memory, vocabulary counted over 5,000,000 different tokens", 1.5, 1.0, " GB"),
    "predict": Goal("2,000 predictions: model.predict, padded / ours (higher is better)", 5, 20, lower=False),
    "predict_one": Goal("one prediction: model.predict, padded / ours (higher is better)", 1, 5, lower=False),
    "long": Goal("one record of 50 MB among small ones", "works", "–"),
    "files": Goal("20,000 small input files", "works", "–"),
    "workers": Goal("fingerprints of every setting of the workers", "the same", "–"),
}


def goals_table(figures: Mapping[str, Measured]) -> str:
    """Returns all goals with what was measured; a key that is missing was not measured."""
    absent = NotMeasured("–")
    rows = [goal.row(figures.get(key, absent)) for key, goal in GOALS.items()]
    return table(["figure", "at least", "aim", "measured", "verdict"], rows)
