"""What is asked of a continuation: how many steps, and how each token is taken."""

import math
from dataclasses import dataclass

from schemas.errors import UsageError

DEFAULT_STEPS = 100
_ONLY_DRAWN = ("top_k", "top_p")


@dataclass(frozen=True)
class GenerationOptions:
    """How sequences are continued.

    Attributes:
      steps: Most steps of a continuation.
      temperature: 0: the most probable token. Else a token is drawn, its log probability divided by this:
        below 1 probable ones come oftener than the model says, above 1 less often.
      top_k: Of how many most probable tokens one is drawn; None: all.
      top_p: One is drawn of the fewest most probable tokens whose probabilities reach this together, after
        temperature and `top_k` ("nucleus sampling", Holtzman et al., 2020); None: all.
      seed: What is drawn follows from it, the place of the record in the input and the step.
    """

    steps: int = DEFAULT_STEPS
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what means nothing.

        Raises:
          UsageError: A number is out of range, or two options contradict each other.
        """
        for name, least in (("steps", 1), ("top_k", 1), ("seed", 0)):
            value = getattr(self, name)
            optional = name == "top_k" and value is None
            if not optional and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise UsageError(f"{name}: is {value!r}; it must be a whole number, {least} or more")
        if not _is_number(self.temperature) or self.temperature < 0:
            raise UsageError(f"temperature: is {self.temperature!r}; it must be a number, 0 or more")
        if self.top_p is not None and not (_is_number(self.top_p) and 0 < self.top_p <= 1):
            raise UsageError(f"top_p: is {self.top_p!r}; it must be a number above 0, and 1 at most")
        for name in _ONLY_DRAWN:
            if not self.temperature and getattr(self, name) is not None:
                raise UsageError(
                    f"{name}: means nothing with temperature 0, which takes the most probable token; set a temperature "
                    "above 0, or leave it out"
                )

    @property
    def drawn(self) -> bool:
        """Whether tokens are drawn."""
        return self.temperature > 0

    @property
    def way(self) -> tuple[float, int | None, float | None]:
        """How each token is taken, whatever the seed and the number of steps: temperature, `top_k` and `top_p`."""
        return self.temperature, self.top_k, self.top_p

    @property
    def limited(self) -> bool:
        """Whether improbable tokens are never drawn."""
        return self.top_k is not None or self.top_p is not None


def check_for_series(options: GenerationOptions) -> None:
    """Refuses options that mean nothing for frames.

    Raises:
      UsageError: A temperature is given.
    """
    if options.drawn:
        raise UsageError(
            f"temperature: is {options.temperature}, and the label is of a series, whose frames are forecast and not "
            "drawn; leave it out"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
