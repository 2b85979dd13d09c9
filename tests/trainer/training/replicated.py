"""Trains with one and with two replicas, and prints what came of it as JSON.

A process of its own: logical devices can only be made before TensorFlow has looked at the machine.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import LengthwiseError
from trainer.config import TrainerConfig
from trainer.tensorflow_setup import import_tensorflow

PLAIN: dict[str, Any] = {
    "units": 4,
    "embedding_size": 4,
    "batch_padded_steps": 60,
    "min_epoch_steps": 1,
    "input_dropout": 0.0,
    "step_dropout": 0.0,
    "dropout": 0.0,
    "epochs": 2,
}


def weights(model: Path) -> list[list[float]]:
    from trainer.saved import load_saved

    return [np.asarray(weight).ravel().tolist() for weight in load_saved(model).model.get_weights()]


def stopped_then_resumed(data: Path, output: Path, after: int) -> dict[str, Any]:
    """Stops with one replica after some steps, and goes on with two."""
    from trainer.training.meter import EpochMeter
    from trainer.training.signals import Stopped, StopSignals
    from trainer.training.train import train

    ends, steps = EpochMeter.end, [0]

    def end(meter: Any, *batch: Any) -> None:
        steps[0] += 1
        ends(meter, *batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EpochMeter, "end", end)
        patch.setattr(StopSignals, "told", property(lambda _: steps[0] == after, lambda *_: None), raising=False)
        try:
            train(data, output, TrainerConfig(**PLAIN))
        except Stopped as error:
            print(error, file=sys.stderr)
    return train(data, output, TrainerConfig(**PLAIN, replicas=2))


def main() -> None:
    """Runs the command."""
    import_tensorflow(2)
    from trainer.training.train import train

    data, scratch = Path(sys.argv[1]), Path(sys.argv[2])
    alone = train(data, scratch / "one", TrainerConfig(**PLAIN))
    runs = {
        "one": alone,
        "two": train(data, scratch / "two", TrainerConfig(**PLAIN, replicas=2)),
        "resumed": stopped_then_resumed(data, scratch / "resumed", alone["steps_per_epoch"] + 4),
    }
    # With dropout it trains, too.
    train(data, scratch / "dropped", TrainerConfig(**{**PLAIN, "dropout": 0.5, "epochs": 1}, replicas=2))
    try:
        train(data, scratch / "three", TrainerConfig(**PLAIN, replicas=3))
    except LengthwiseError as error:
        refused = str(error)
    print(json.dumps({"runs": runs, "weights": {name: weights(scratch / name) for name in runs}, "refused": refused}))


if __name__ == "__main__":
    main()
