"""What to train on next: a pure function of the spans that are there and of those that were trained on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.spans.names import in_order, select

Trained = Mapping[str, Sequence[str]]  # fingerprints of each span that was trained on, by its name, the newest last


@dataclass(frozen=True)
class Facts:
    """What is known of a published span.

    Attributes:
      fingerprint: Of its manifest.
      examples: Of its training split.
      rank: Generation and entries of its vocabularies: of two spans the higher one knows all that the other does.
    """

    fingerprint: str
    examples: int
    rank: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Policy:
    """What a follower was asked to do.

    Attributes:
      at_least: New spans that are waited for.
      mix: Earlier spans that each step reads beside the new ones, the newest that were trained on.
      again: Whether a span that was replaced after it was trained on is trained on once more.
      since: The first span that is trained on, a date; empty: no limit.
    """

    at_least: int = 1
    mix: int = 0
    again: bool = False
    since: str = ""


@dataclass(frozen=True)
class Step:
    """One training.

    Attributes:
      number: From 1.
      spans: Fingerprints of those that are new, by name, in order.
      mixed: Of those that were trained on before.
      beside: A span with longer vocabularies than any of these, which the model may know already; empty: there is none.
    """

    number: int
    spans: Mapping[str, str]
    mixed: Mapping[str, str] = field(default_factory=dict)
    beside: str = ""

    @property
    def name(self) -> str:
        """Of its model: names sort as the steps follow each other, whatever the order of the spans."""
        return f"{self.number:06d}-{list(self.spans)[-1]}"

    def to_plain(self) -> dict[str, Any]:
        """Returns it as plain values."""
        spans, mixed = dict(self.spans), dict(self.mixed)
        return {"step": self.number, "spans": spans, "mixed": mixed, "beside": self.beside}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> "Step":
        """Returns the step that `to_plain` made plain values of."""
        return cls(int(values["step"]), dict(values["spans"]), dict(values["mixed"]), str(values["beside"]))


def new_spans(there: Mapping[str, Facts], trained: Trained, policy: Policy) -> list[str]:
    """Returns the names of the spans that are to be trained on, in order.

    Raises:
      UsageError: There is a limit, and a span is no date.
    """
    names = select(there, since=policy.since)
    return [
        name for name in names if name not in trained or (policy.again and there[name].fingerprint not in trained[name])
    ]


def replaced_spans(there: Mapping[str, Facts], trained: Trained) -> list[str]:
    """Returns the names of the spans that are no longer what they were when they were trained on, in order."""
    return in_order(name for name, facts in there.items() if name in trained and facts.fingerprint not in trained[name])


def next_step(number: int, there: Mapping[str, Facts], trained: Trained, policy: Policy) -> Step | None:
    """Returns what to train on; None: there is not enough yet.

    Spans without any record to train on wait for others.

    Args:
      number: Of the step.
      there: The published spans by name.
      trained: Those that were trained on.
      policy: What was asked for.

    Raises:
      UsageError: See `new_spans`.
    """
    new = new_spans(there, trained, policy)
    if len(new) < policy.at_least or not any(there[name].examples for name in new):
        return None
    known = [name for name, known in trained.items() if name in there and there[name].fingerprint == known[-1]]
    earlier = in_order(name for name in known if name not in new)
    mixed = earlier[-policy.mix :] if policy.mix else []
    chosen = [*new, *mixed]
    best = max(there, key=lambda name: there[name].rank)
    is_longer = there[best].rank > max(there[name].rank for name in chosen)
    return Step(number, _fingerprints(there, new), _fingerprints(there, mixed), best if is_longer else "")


def is_there(step: Step, there: Mapping[str, Facts]) -> bool:
    """Returns whether all that a step is to train on is still what it was when the step was planned."""
    expected = {**step.spans, **step.mixed}
    same = all(name in there and there[name].fingerprint == fingerprint for name, fingerprint in expected.items())
    return same and (not step.beside or step.beside in there)


def _fingerprints(there: Mapping[str, Facts], names: Iterable[str]) -> dict[str, str]:
    return {name: there[name].fingerprint for name in names}
