"""What a follower asks the process of a step to do."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from trainer.following.plan import Step


@dataclass(frozen=True)
class Request:
    """One step, with all that its process has to know.

    Attributes:
      root: Folder of the spans.
      step: What to train on.
      output: Folder of the model.
      settings: Of the training, by name.
      continue_from: Folder of the model to continue from; empty: none.
      fresh: Whether to begin anew what was stopped.
      known: Fingerprints of the spans that the model to continue from was trained on before the first step.
      started: When the step began, seconds of the clock of this machine that is never set.
    """

    root: str
    step: Step
    output: str
    settings: Mapping[str, object]
    continue_from: str = ""
    fresh: bool = False
    known: Mapping[str, str] = field(default_factory=dict)
    started: float = 0.0

    def to_json(self) -> str:
        """Returns it as text for the process."""
        return json.dumps({**asdict(self), "step": self.step.to_plain()})

    @classmethod
    def from_json(cls, text: str) -> "Request":
        """Returns what `to_json` made a text of."""
        values = json.loads(text)
        return cls(**{**values, "step": Step.from_plain(values["step"])})
