"""How many independent draws the steps of records are worth: steps of one record are alike, they are a cluster.

Of records with n steps each that are alike to the degree c, their intraclass correlation, a share p of all steps has
the variance p (1 - p) (Σn + c (Σn² - Σn)) / (Σn)² (Kish, Survey sampling, 1965, chapter 5; with clusters of different
sizes: Eldridge, Ashby and Kerry, Sample size for cluster randomized trials, 2006). With c = 0 steps are independent;
with c = 1 all steps of a record are the same.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from pipeline.statistics.record_facts import OovSums


class OovRecords(NamedTuple):
    """What is out of vocabulary in a sample of records.

    Attributes:
      unknown: Steps out of vocabulary.
      steps: All steps.
      sums: Of the same records; None where they are not known.
    """

    unknown: int
    steps: int
    sums: OovSums | None


def effective_records(lengths: Mapping[int, int]) -> float:
    """Returns the number of independent draws that steps are worth if all steps of a record are the same.

    (Σ length)² / Σ length² over the records (Kish, Survey sampling, 1965): as many as there are records where these
    have one length, fewer where a few long ones hold most steps. Steps that are less alike are worth more.

    Args:
      lengths: Records by length.
    """
    steps = sum(length * count for length, count in lengths.items())
    squares = sum(length * length * count for length, count in lengths.items())
    return steps * steps / squares if squares else 0.0


def effective_steps(sample: OovRecords, alike: Fraction) -> float:
    """Returns the number of independent draws that steps are worth; 0.0 of none.

    Args:
      sample: With its sums.
      alike: The intraclass correlation of the steps of a record.
    """
    if sample.sums is None or not sample.steps:
        return 0.0
    return float(sample.steps**2 / (sample.steps + alike * (sample.sums.length_squares - sample.steps)))


def likeness(samples: Sequence[OovRecords]) -> Fraction | None:
    """Returns the intraclass correlation of whether a step is out of vocabulary, in (0, 1]; None: it is not known.

    A share r = Σx / Σn, of x steps out of vocabulary among n in each of k records, has about the variance
    k / (k - 1) Σ(x - r n)² / (Σn)² (a ratio's by linearisation: Cochran, Sampling techniques, 3rd edition, 1977,
    chapters 6 and 9A). c is what makes it that of the module's formula, of all samples together, each about its own
    share. A sample of one record or with nothing or everything out of vocabulary tells nothing of it.

    So that a few records that happen to be unlike do not tell that steps are independent, one more of mean size is
    added, all of whose steps are the same.

    Args:
      samples: That are taken to be alike; none is wholly known where one of them has no sums.
    """
    excess, pairs, records = Fraction(0), 0, 0
    for unknown, steps, sums in samples:
        if sums is None:
            return None
        if sums.records > 1 and 0 < unknown < steps:
            residual = sums.squares * steps**2 - 2 * unknown * steps * sums.products + unknown**2 * sums.length_squares
            variance = Fraction(residual, unknown * (steps - unknown))  # Σ(x - r n)² / (r (1 - r))
            excess += variance * sums.records / (sums.records - 1) - steps
            pairs += sums.length_squares - steps
            records += sums.records
    if not pairs:
        return Fraction(1)
    found = min(Fraction(1), max(Fraction(0), excess / pairs))
    return (records * found + 1) / (records + 1)
