"""Layers that cannot be converted: each with its reason and its remedy."""

from dataclasses import dataclass

FLATTEN = "makes one vector of all steps, whose size is the fixed number of steps"
SUM_UP = "put GlobalAveragePooling1D(), GlobalMaxPooling1D() or LSTM(units) in its place and train again"
UNKNOWN = "its code is not known here, so nobody can say what it does with padded steps"

# What is refused wherever it stands, even behind a layer that was refused before it.
ALWAYS: dict[str, tuple[str, str]] = {
    "Flatten": (FLATTEN, SUM_UP),
    "Reshape": (
        "gives the steps another shape, which holds for the fixed number of steps only",
        "feed the model with (batch, steps, features) and leave it out, or wrap what follows in TimeDistributed",
    ),
    "Permute": ("moves the time axis away from axis 1", "leave the time axis in its place and train again"),
    "Lambda": (
        "is Python code of the one who saved it, which is never executed",
        "write it with built-in layers or keras.ops",
    ),
}


@dataclass(frozen=True, order=True)
class Refusal:
    """One layer that cannot be converted.

    Attributes:
      layer: Its name.
      kind: Its class.
      reason: Why it cannot be converted.
      remedy: What to do.
    """

    layer: str
    kind: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.kind} {self.layer!r} {self.reason}; {self.remedy}"


class RefusedError(Exception):
    """A layer cannot be converted.

    Args:
      reason: Why not.
      remedy: What to do.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.reason = reason
        self.remedy = remedy


def always(kind: str) -> RefusedError:
    """Returns the refusal of a kind of layer that changes the time axis."""
    return RefusedError(*ALWAYS[kind])


def refusal_text(name: str, refusals: list[Refusal]) -> str:
    """Returns one line that names every refused layer with its reason and remedy."""
    if len(refusals) == 1:
        return f"{name}: cannot be converted: {refusals[0]}"
    listed = "; ".join(f"({number}) {refusal}" for number, refusal in enumerate(refusals, 1))
    return f"{name}: {len(refusals)} layers cannot be converted: {listed}"
