"""Settings that decide what the model is."""

import dataclasses
from dataclasses import dataclass

from trainer.settings.kinds import choices, flag, share, whole

POOLINGS = ("mean", "max", "last")


@dataclass(frozen=True)
class ModelSettings:
    """What the model is.

    Attributes:
      embedding_size: Numbers that stand for one token.
      units: Of each layer, in each direction.
      layers: Layers of (bidirectional) LSTM.
      bidirectional: Whether a second LSTM reads each sequence from its end.
      pooling: What is taken from the outputs of all real steps: mean, max, last.
      input_dropout: Share of the inputs' dimensions that is dropped for a whole sequence; of fewer than
        8 dimensions none is.
      step_dropout: Share of the steps of a sequence that read as zeros.
      dropout: Share of the pooled outputs that is dropped.
    """

    embedding_size: int = whole(64, 1, 65_536)
    units: int = whole(64, 1, 65_536)
    layers: int = whole(1, 1, 16)
    bidirectional: bool = flag(True)
    pooling: tuple[str, ...] = choices(("mean", "max"), POOLINGS)
    input_dropout: float = share(0.3)
    step_dropout: float = share(0.3)
    dropout: float = share(0.5)


MODEL_SETTINGS = tuple(field.name for field in dataclasses.fields(ModelSettings))
