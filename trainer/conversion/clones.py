"""Copies of layers, with the weights of the original and what the conversion changes of its settings."""

from collections.abc import Mapping
from typing import Any

import keras


class Clones:
    """One copy of every layer, so that a layer that is called several times stays one layer.

    The copies have the names of the originals; a name that is taken, as in models within models, gets a number.
    """

    def __init__(self) -> None:
        self._copies: dict[int, Any] = {}
        self._originals: dict[int, Any] = {}
        self._names: set[str] = set()

    def of(self, layer: Any, changes: Mapping[str, Any] | None = None) -> Any:
        """Returns the copy of a layer, which has weights as soon as it was called and `fill` was.

        Args:
          layer: Of the fixed model.
          changes: Settings that the copy has instead of those of the layer.
        """
        if id(layer) not in self._copies:
            settings = _with_changes(layer.get_config(), changes or {})
            settings["name"] = self.free_name(layer.name)
            self._copies[id(layer)] = type(layer).from_config(settings)
            self._originals[id(layer)] = layer
        return self._copies[id(layer)]

    def free_name(self, name: str) -> str:
        """Returns the name, or where it is taken the name with the first free number, and takes it."""
        free, number = name, 1
        while free in self._names:
            free, number = f"{name}_{number}", number + 1
        self._names.add(free)
        return free

    def keep_names(self, outputs: Any) -> None:
        """Gives every operation that outputs are computed with a name that no layer has.

        Keras names operations by their kind ("add", "add_1"), as it does layers, and refuses a model with a name twice.
        """
        waiting = list(keras.tree.flatten(outputs))
        seen: set[tuple[int, int]] = set()
        while waiting:
            operation, node, _ = waiting.pop()._keras_history
            if (id(operation), node) in seen:
                continue
            seen.add((id(operation), node))
            # An operation is called once, a layer perhaps several times.
            if not isinstance(operation, keras.layers.Layer):
                operation.name = self.free_name(operation.name)
            waiting += operation._inbound_nodes[node].input_tensors

    def fill(self) -> None:
        """Gives each copy the weights of its original."""
        for key, copy in self._copies.items():
            copy.set_weights(self._originals[key].get_weights())

    def __len__(self) -> int:
        return len(self._copies)


def is_known(layer: Any) -> bool:
    """Says whether a layer, and every layer within it, is one of Keras' own."""
    parts = layer._flatten_layers() if isinstance(layer, keras.layers.Layer) else [layer]
    return all(type(part).__module__.split(".")[0] == "keras" for part in parts)


def _with_changes(settings: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings with those changes; a wrapper of recurrent layers hands on what is theirs."""
    changed = dict(settings)
    for key, value in changes.items():
        if key in changed:
            changed[key] = value
    for key in ("layer", "backward_layer"):
        wrapped = changed.get(key)
        if isinstance(wrapped, Mapping) and "config" in wrapped:
            changed[key] = {**wrapped, "config": _with_changes(dict(wrapped["config"]), changes)}
    return changed
