"""One call of a layer in the fixed model, as the rules of conversion see it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import keras

from trainer.conversion.clones import Clones
from trainer.conversion.refusals import RefusedError
from trainer.conversion.values import Steps, Value


@dataclass
class Notes:
    """What the conversion has to tell.

    Attributes:
      sentinels: Layers whose sentinel the fixed model skips, by name, with what the sentinel is.
      repeats: RepeatVector layers that now repeat as often as each record has steps.
    """

    sentinels: dict[str, str] = field(default_factory=dict)
    repeats: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """A call of a layer or operation.

    Attributes:
      layer: Of the fixed model.
      args: As in the fixed model, with a Value for each tensor.
      kwargs: Likewise.
      clones: The layers of the converted model.
      notes: What to tell.
      sentinel_is_data: Nothing is skipped for its value.
    """

    layer: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    clones: Clones
    notes: Notes
    sentinel_is_data: bool

    @property
    def values(self) -> list[Value]:
        """All tensors of the call."""
        return [leaf for leaf in keras.tree.flatten((self.args, self.kwargs)) if isinstance(leaf, Value)]

    @property
    def value(self) -> Value:
        """The one tensor of a layer that takes one."""
        found: Value = keras.tree.flatten(self.args or tuple(self.kwargs.values()))[0]
        return found

    @property
    def steps(self) -> Steps:
        """The time axis of the one tensor; the rules are asked only where there is one."""
        steps = self.value.steps
        assert steps is not None
        return steps

    @property
    def training(self) -> dict[str, Any]:
        """The `training` argument, if the fixed model gave one."""
        return {"training": self.kwargs["training"]} if self.kwargs.get("training") is not None else {}

    def copy(self, **changes: Any) -> Any:
        """Returns the layer of the converted model, with other settings where said."""
        return self.clones.of(self.layer, changes)

    def passed(self, value: Value) -> Any:
        """Returns the mask that the fixed model has after a layer that hands on what it is given, or drops it."""
        return value.kept if self.layer.supports_masking else None


Rule = Callable[[Call], Any]


def tensors(structure: Any) -> Any:
    """Returns the same structure with the tensors of its values."""
    return keras.tree.map_structure(lambda leaf: leaf.tensor if isinstance(leaf, Value) else leaf, structure)


def origins(values: Iterable[Value]) -> tuple[Steps, ...]:
    """Returns the time axes that these values were computed from, each once."""
    found: dict[tuple[Any, ...], Steps] = {}
    for value in values:
        for steps in (*((value.steps,) if value.steps else ()), *value.origins):
            found.setdefault(steps.key, steps)
    return tuple(found.values())


def no_channels_first(layer: Any) -> None:
    """Refuses a layer whose time axis is the last one."""
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        raise RefusedError(
            "has data_format='channels_first', so that its time axis is the last one",
            "build it with channels_last and train again",
        )
