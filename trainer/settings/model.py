"""Settings that decide what the model is."""

import dataclasses
from dataclasses import dataclass

from trainer.batches.batching import PADDINGS, POST
from trainer.settings.kinds import choice, choices, flag, number, share, whole, wholes

EMBEDDING, ONE_HOT = "embedding", "one_hot"
AUTO, FAST, KERAS, LOOP = "auto", "fast", "keras", "loop"
KERNELS = (AUTO, FAST, KERAS, LOOP)
LSTM, GRU, NO_CELL = "lstm", "gru", "none"
POOLINGS = ("mean", "max", "last", "attention")
FLOAT32, BFLOAT16, FLOAT16 = "float32", "mixed_bfloat16", "mixed_float16"


@dataclass(frozen=True)
class ModelSettings:
    """What the model is.

    Attributes:
      padding: Where batches are padded: "post", behind the steps, or "pre", in front of them.
      token_input: How tokens and categories are read: as an "embedding", or "one_hot".
      embedding_size: Numbers that stand for one token.
      conv_filters: Numbers of each step after each convolution over the steps, before the LSTM; none: no convolution.
      conv_width: Steps that a convolution looks at.
      conv_stride: Steps from one window of a convolution to the next.
      max_pooling: Steps of which each convolution leaves the greatest values; 1 leaves all.
      cell: What reads the steps one after another: "lstm", "gru", or "none".
      recurrent_kernel: What computes it: "fast", "keras" (and cuDNN), "loop" (cell by cell), or "auto": Keras on a GPU,
        else the fast one. All of them have the same weights and results.
      units: Of each layer of it, in each direction.
      layers: Layers of it.
      bidirectional: Whether a second one reads each sequence from its end; never where next steps are predicted.
      piece_steps: Steps that are read at a time, with the state handed on, for sequences longer than fit; in training
        no gradient goes from a piece to the one before it; 0: all.
      layer_norm: Whether the outputs of each layer are normalised, step by step.
      pooling: What is taken from the outputs of all real steps: mean, max, last, attention.
      input_noise: Standard deviation of the noise that training adds to the numbers of standardised series, of which
        each dimension has 1.
      input_dropout: Share of the inputs' dimensions that is dropped for a whole sequence; of fewer than
        32 dimensions none is.
      step_dropout: Share of the steps of a sequence that read as zeros.
      dropout: Share of what goes to the output layer that is dropped; the context is never.
      precision: Of what is computed: "float32", "mixed_bfloat16" or "mixed_float16"; weights are float32 in any case.
    """

    padding: str = choice(POST, PADDINGS)
    token_input: str = choice(EMBEDDING, (EMBEDDING, ONE_HOT))
    embedding_size: int = whole(64, 1, 65_536)
    conv_filters: tuple[int, ...] = wholes(1, 65_536)
    conv_width: int = whole(3, 1, 1_024)
    conv_stride: int = whole(1, 1, 1_024)
    max_pooling: int = whole(1, 1, 1_024)
    cell: str = choice(LSTM, (LSTM, GRU, NO_CELL))
    recurrent_kernel: str = choice(AUTO, KERNELS)
    units: int = whole(64, 1, 65_536)
    layers: int = whole(1, 1, 16)
    bidirectional: bool = flag(True)
    piece_steps: int = whole(0, 0, 2**31 - 1)
    layer_norm: bool = flag(False)
    pooling: tuple[str, ...] = choices(("mean", "max"), POOLINGS)
    input_noise: float = number(0.0, 0, 100)
    input_dropout: float = share(0.3)
    step_dropout: float = share(0.3)
    dropout: float = share(0.5)
    precision: str = choice(FLOAT32, (FLOAT32, BFLOAT16, FLOAT16))


MODEL_SETTINGS = tuple(field.name for field in dataclasses.fields(ModelSettings))
