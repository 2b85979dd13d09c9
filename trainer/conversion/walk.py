"""Goes through the layers of the fixed model in their order and builds the converted one beside them."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import keras

from trainer.conversion import merging, per_step, recurrent, reshaping, windows
from trainer.conversion.calls import Call, Notes, Rule, origins, tensors
from trainer.conversion.clones import Clones, is_known
from trainer.conversion.refusals import ALWAYS, UNKNOWN, Refusal, RefusedError, always
from trainer.conversion.values import Value
from trainer.keras_file import first_line

RULES: dict[str, Rule] = {
    **per_step.RULES,
    **recurrent.RULES,
    **windows.RULES,
    **reshaping.RULES,
    **merging.RULES,
}
OPERATIONS: dict[str, Rule] = {**merging.OPERATIONS, **reshaping.OPERATIONS, **windows.OPERATIONS}
# These decide by what the fixed model skips or sums up, so that they are asked without a time axis, too.
_ALWAYS_ASKED = {"Embedding", "Masking", "RepeatVector"}
_LOST = object()  # what a refused layer would have returned
_MASKS = {"query_mask": 0, "value_mask": 1, "key_mask": 2}  # of attention with several heads, by place of the argument


@dataclass(frozen=True)
class _Unused:
    """What an operation without a rule returns: it is refused as soon as a layer uses it for more than a mask."""

    refusal: Refusal


@dataclass
class Walk:
    """One conversion.

    Attributes:
      sentinel_is_data: Nothing is skipped for its value.
      clones: The layers of the converted model.
      notes: What to tell.
      refusals: Layers that cannot be converted, in their order, each once.
    """

    sentinel_is_data: bool
    clones: Clones = field(default_factory=Clones)
    notes: Notes = field(default_factory=Notes)
    refusals: dict[Refusal, None] = field(default_factory=dict)

    def through(self, graph: Any, values: list[Any]) -> Any:
        """Returns the outputs of a model, in their structure, from the values of its inputs.

        Args:
          graph: As `graph_of` returned it.
          values: In the order of the inputs.
        """
        return graph._run_through_graph(values, operation_fn=self._operation)

    def outputs(self, graph: Any, values: list[Value]) -> Any:
        """Returns what `through` does, or None where layers are refused."""
        out = self.through(graph, values)
        unused = [leaf for leaf in keras.tree.flatten(out) if isinstance(leaf, _Unused)]
        self.refusals.update({leaf.refusal: None for leaf in unused})
        return None if self.refusals else out

    def _operation(self, layer: Any) -> Callable[..., Any]:
        return partial(self._apply, layer)

    def _apply(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.layers.Layer):
            args, kwargs = self._masked(args, kwargs)
        leaves = keras.tree.flatten((args, kwargs))
        inner = graph_of(layer)
        unused = [leaf for leaf in leaves if isinstance(leaf, _Unused)]
        lost = any(leaf is _LOST for leaf in leaves)  # a tensor among them would compare its numbers
        if unused and not isinstance(layer, keras.layers.Layer):
            return unused[:1] * len(_lost(layer))
        try:
            if unused:
                self.refusals.update({leaf.refusal: None for leaf in unused})
                return _lost(layer)
            if inner is not None and is_model(layer):
                return self.through(inner, [leaf for leaf in leaves if isinstance(leaf, Value) or leaf is _LOST])
            if _holds_code(layer) or (lost and type(layer).__name__ in ALWAYS):
                raise always("Lambda" if _holds_code(layer) else type(layer).__name__)
            if lost:
                return _lost(layer)
            return self._converted(Call(layer, args, kwargs, self.clones, self.notes, self.sentinel_is_data))
        except RefusedError as error:
            refusal = Refusal(layer.name, type(layer).__name__, error.reason, error.remedy)
            if not isinstance(layer, keras.layers.Layer):
                return [_Unused(refusal)] * len(_lost(layer))
            self.refusals[refusal] = None
            return _lost(layer)

    def _masked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Returns the arguments without masks, which go to the values that they are for.

        Keras writes the masks that it hands on by itself among the arguments of a call, as if someone had given them.
        A value that has a mask has that one.
        """
        masks = {name: kwargs[name] for name in ("mask", *_MASKS) if kwargs.get(name) is not None}
        kwargs = {name: argument for name, argument in kwargs.items() if name not in masks}
        if self.sentinel_is_data or not args:
            return args, kwargs
        if isinstance(masks.get("mask"), list | tuple):
            given = [*masks["mask"], *[None] * len(args[0])]
            return (type(args[0])(_with_mask(*pair) for pair in zip(args[0], given, strict=False)), *args[1:]), kwargs
        places = {_MASKS.get(name, 0): mask for name, mask in masks.items()}
        return tuple(_with_mask(value, places.get(number)) for number, value in enumerate(args)), kwargs

    def _converted(self, call: Call) -> Any:
        rule = _rule(call)
        try:
            return rule(call)
        except (TypeError, ValueError, NotImplementedError) as error:
            reason = first_line(error)
            raise RefusedError(
                f"cannot be built for any number of steps: {reason}", "build the model with a known layer in its place"
            ) from error


def graph_of(model: Any) -> Any:
    """Returns the graph of layers of a functional or Sequential model; None where there is none."""
    if isinstance(model, keras.Sequential):
        return model._functional
    return model if hasattr(model, "_run_through_graph") else None


def is_model(layer: Any) -> bool:
    """Says whether this is a functional or Sequential model of Keras' own, and no class made of one."""
    return isinstance(layer, keras.Model) and type(layer).__module__.split(".")[0] == "keras"


def _with_mask(value: Any, mask: Any) -> Any:
    if mask is None or not isinstance(value, Value) or value.kept is not None:
        return value
    if isinstance(mask, _Unused):
        return mask
    if isinstance(mask, Value) and (mask.steps is None) == (value.steps is None) and mask.rank == 2:
        return replace(value, kept=mask.tensor, clean=False)
    return _Unused(Refusal("mask", "Mask", "is given by hand, for the fixed number of steps", "leave the mask away"))


def _rule(call: Call) -> Rule:
    layer, kind = call.layer, type(call.layer).__name__
    if not is_known(layer):
        raise RefusedError(UNKNOWN, "write it with layers of Keras")
    values = call.values
    if isinstance(layer, keras.layers.Layer) and kind in _ALWAYS_ASKED and kind in RULES:
        return RULES[kind]
    if all(value.steps is None for value in values):
        return _as_it_is
    is_layer = isinstance(layer, keras.layers.Layer)
    rules = RULES if is_layer else OPERATIONS
    if kind not in rules:
        wrap = "wrap it in TimeDistributed if it works on every step by itself, or " if is_layer else ""
        raise RefusedError("is not known to leave padded steps out", f"{wrap}sum the steps up to a vector first")
    return rules[kind]


def _as_it_is(call: Call) -> Any:
    """A layer without a time axis before it."""
    layer, values = call.layer, call.values
    if not isinstance(layer, keras.layers.Layer):
        return _values(layer(*tensors(call.args), **tensors(call.kwargs)), values, None)
    kept = call.value.kept
    given = {"mask": kept} if kept is not None and layer._call_has_mask_arg and len(values) == 1 else {}
    out = call.copy()(*tensors(call.args), **{**tensors(call.kwargs), **given})
    ends = isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional) and not layer.return_sequences
    return _values(out, values, None if ends else call.passed(call.value))


def _values(out: Any, values: list[Value], kept: Any) -> list[Value]:
    found = origins(values)
    return [Value(tensor, None, kept, found) for tensor in keras.tree.flatten(out)]


def _lost(layer: Any) -> list[object]:
    """Returns something for each output, so that the walk goes on and finds the other layers to refuse."""
    node = layer._inbound_nodes[0]
    return [_LOST for _ in node.outputs]


def _holds_code(layer: Any) -> bool:
    parts = layer._flatten_layers() if isinstance(layer, keras.layers.Layer) else []
    return any(isinstance(part, keras.layers.Lambda) for part in parts)
