"""What becomes of each record of a block: the first rule that it breaks decides."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Found = Callable[[int], str]  # what a record has in place of what it must have; empty: nothing more to say


@dataclass
class Verdicts:
    """Rules broken and policies met, by record.

    Attributes:
      count: Number of records.
      rules: Reason code and rule, in words, of each rule that was asked about.
      found: By index of a rule, what says how a record breaks it.
      policies: Names of the policies that were asked about.
      rule_of: int64, (count,); index into `rules` of the rule that a record breaks; -1: none.
      policy_of: int64, (count,); index into `policies` of the policy by which a record is dropped; -1: none.
    """

    count: int
    rules: list[tuple[str, str]] = field(default_factory=list)
    found: dict[int, Found] = field(default_factory=dict)
    policies: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begins with every record open."""
        self.rule_of = np.full(self.count, -1)
        self.policy_of = np.full(self.count, -1)

    @property
    def open(self) -> Mask:
        """Which records are neither rejected nor dropped, (count,)."""
        return (self.rule_of < 0) & (self.policy_of < 0)

    def reject(self, broken: Mask, reason: str, rule: str, found: Found | None = None) -> None:
        """Rejects the records that break a rule, (count,), where nothing was said about them before.

        Args:
          broken: Which do.
          reason: A code.
          rule: What must be.
          found: Says of a record that breaks it, by its index, what is there instead; only asked about such.
        """
        self.rule_of[broken & self.open] = len(self.rules)
        if found is not None:
            self.found[len(self.rules)] = found
        self.rules.append((reason, rule))

    def broken_by(self, i: int) -> tuple[str, str]:
        """Returns the reason code and the rule, in words, of a rejected record."""
        index = int(self.rule_of[i])
        reason, rule = self.rules[index]
        words = self.found[index](i) if index in self.found else ""
        return reason, f"{rule}; {words}" if words else rule

    def drop(self, meant: Mask, policy: str) -> None:
        """Drops the records that a policy means, (count,), where nothing was said about them before."""
        self.policy_of[meant & self.open] = len(self.policies)
        self.policies.append(policy)
