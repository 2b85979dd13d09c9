"""Settings of small models."""

from typing import Any

from trainer.config import TrainerConfig, to_plain
from trainer.settings.model import MODEL_SETTINGS


def model_settings(**changes: Any) -> dict[str, Any]:
    """Returns model settings without dropout, as a layer takes them."""
    small: dict[str, Any] = {"embedding_size": 4, "units": 3, "input_dropout": 0.0, "step_dropout": 0.0, "dropout": 0.0}
    plain = to_plain(TrainerConfig(**{**small, **changes}))
    return {name: plain[name] for name in MODEL_SETTINGS}
