"""The cheapest cuts of rising lengths into groups, for every number of groups, and which number to take.

Each record of a group costs what a record of the longest length in it costs. Costs are integers, so
that the cuts are exact and the same on every machine. With costs 3, 5, 9 of one record each: one
group costs 27, two cost 19 (3 and 5 together), three cost 17; two are at the knee.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

_Choice = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Cuts:
    """The cheapest cuts into 1, 2, … groups; no more groups than distinct lengths.

    Attributes:
      lengths: Number of distinct lengths.
      totals: Cost of all records in 1, 2, … groups; never rises.
      choices: Of 2, 3, … groups: where the last one begins, by how many lengths are cut, int32, (lengths + 1,).
    """

    lengths: int
    totals: list[int]
    choices: list[_Choice]

    def ends(self, groups: int) -> list[int]:
        """Returns, for each of `groups` groups, how many distinct lengths it and those before it hold."""
        ends = [self.lengths]
        for choice in reversed(self.choices[: groups - 1]):
            ends.append(int(choice[ends[-1]]))
        return ends[::-1]


def cheapest_cuts(costs: Sequence[int], counts: Sequence[int], most: int) -> Cuts:
    """Returns the cheapest cuts into 1, 2, … `most` groups; fewer where there are fewer lengths.

    Exact dynamic programme. With x_j the cost of a record of the j-th length and C the running
    count, the cost of the first j lengths in k groups is
    D_k(j) = min over i < j of D_(k-1)(i) + x_j * (C_j - C_i), which is the lower envelope of lines of
    slope -C_i at x_j. As neither slopes nor x_j ever turn back, all minima of one k take O(lengths).

    Args:
      costs: x of each length, (n,), n >= 1; none below 0, none below the one before.
      counts: Records of each length, (n,), all positive.
      most: Groups to end with, 1 or more.
    """
    running = [0]
    for count in counts:
        running.append(running[-1] + count)
    total = [0, *(x * before for x, before in zip(costs, running[1:], strict=True))]
    totals, choices = [total[-1]], []
    for groups in range(2, min(most, len(costs)) + 1):
        total, choice = _one_group_more(costs, running, total, groups)
        totals.append(total[-1])
        choices.append(np.array(choice, np.int32))
    return Cuts(len(costs), totals, choices)


def _one_group_more(
    costs: Sequence[int], running: list[int], fewer: list[int], groups: int
) -> tuple[list[int], list[int]]:
    """Returns D_k and where the last group of each begins, from D_(k-1), by a monotone lower envelope.

    The lines are compared in place: this loop is all that the programme does, and calls make it half as slow again.
    """
    more, choice = [0] * (len(costs) + 1), [0] * (len(costs) + 1)
    hull: list[int] = []  # indexes i of lines D_(k-1)(i) - C_i * x, the steepest last
    first = 0
    for j in range(groups, len(costs) + 1):
        i, x = j - 1, costs[j - 1]
        slope, height = running[i], fewer[i]
        while len(hull) - first >= 2:
            a, b = hull[-2], hull[-1]
            # Line b is nowhere below both a and i, whose slopes lie on either side of its own.
            if (height - fewer[a]) * (running[b] - running[a]) > (fewer[b] - fewer[a]) * (slope - running[a]):
                break
            hull.pop()
        hull.append(i)
        best = fewer[hull[first]] - running[hull[first]] * x
        while len(hull) - first >= 2:
            following = fewer[hull[first + 1]] - running[hull[first + 1]] * x
            if following >= best:
                break
            best, first = following, first + 1
        choice[j], more[j] = hull[first], best + x * running[j]
    return more, choice


def knee(totals: Sequence[int]) -> int:
    """Returns the number of groups at the knee of what they yield.

    The yield of k groups is 1 / totals[k - 1]: padding efficiency where padded steps are counted,
    records per second where seconds are. The knee is where this curve, scaled so that it goes from (0, 0) to
    (1, 1), lies highest above the straight line between these points (Satopää, Albrecht, Irwin and
    Raghavan, "Finding a 'Kneedle' in a Haystack", ICDCS Workshops 2011); of several such points the first.
    A curve that lies nowhere above that line has no knee, as each group brings as much as those before: all
    groups are taken. Of a flat one, where no group brings anything, one is.

    Why the yield and not the cost: where few records are very long, one group costs so much that the next
    one or two save nearly all of it, and a curve of costs has its knee there, with most steps still padding.

    With totals 180, 60, 45, 40, 36, which as yields of 36 are .2, .6, .8, .9, 1, it is 2: .5 - .25 = .25 above
    the line, and so is 3 (.75 - .5), of which the first is taken.

    Args:
      totals: Cost of 1, 2, … groups, never rising; all positive, or all 0.
    """
    one, all_of_them, steps = totals[0], totals[-1], len(totals) - 1
    if one == all_of_them:
        return 1
    above = [
        Fraction((one - total) * all_of_them, (one - all_of_them) * total) - Fraction(k, steps)
        for k, total in enumerate(totals)
    ]
    highest = max(above)
    return above.index(highest) + 1 if highest > 0 else len(totals)
