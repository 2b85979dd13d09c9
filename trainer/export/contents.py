"""What export.json says: what each signature takes and gives, what cannot be done in a graph, and where all is from."""

import platform
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from schemas.dataset_pb2 import DatasetSpec, Missing, Tokenizer
from schemas.format_version import EXPORT_FORMAT, FORMAT_VERSION
from schemas.manifest import length_feature
from schemas.manifest_pb2 import Manifest
from schemas.messages import to_plain
from schemas.model_inputs import input_shapes
from schemas.records.text import normalization_of
from schemas.signature_names import signature_names
from schemas.times import UNIX_UNITS
from trainer.export.columns import ColumnKind, column_kinds
from trainer.export.dense import dense_names, dense_specs
from trainer.export.signatures import ENCODED, EXAMPLES, encoded_specs


def export_contents(
    manifest: Manifest, training: Mapping[str, Any], signatures: Mapping[str, Any], parity: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns what export.json says, in plain values.

    Args:
      manifest: Of the data set that the model was trained on.
      training: What training.json says.
      signatures: Concrete functions by name.
      parity: Figures of the check.
    """
    return {
        FORMAT_VERSION: EXPORT_FORMAT,
        "fingerprint": manifest.fingerprint,
        "data_fingerprint": manifest.data_fingerprint,
        "spec": to_plain(manifest.spec),
        "metrics": training.get("metrics", {}),
        "signatures": {
            name: {"inputs": _inputs(name, manifest), "outputs": _outputs(function)}
            for name, function in sorted(signatures.items())
        },
        "outside_the_graph": outside_the_graph(manifest.spec),
        "versions": {
            "keras": keras.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
        },
        "parity": dict(parity),
    }


def outside_the_graph(spec: DatasetSpec) -> list[str]:
    """Returns what is left for the caller to do: a line for each rule of the spec that no graph can apply.

    Args:
      spec: A resolved spec.
    """
    lines = []
    for name, kind in column_kinds(spec).items():
        if kind == ColumnKind.READY_TOKENS:
            lines.append(f"{name}: takes final tokens; {_unapplied(name, spec)}")
        elif kind == ColumnKind.TIMES and _time_format(name, spec) not in UNIX_UNITS:
            shown = _time_format(name, spec)
            lines.append(f"{name}: takes seconds since 1970 UTC; times written as {shown} are for the caller to read")
    return lines


def _unapplied(name: str, spec: DatasetSpec) -> str:
    feature = spec.sequences[name]
    form = normalization_of(feature)
    rules = []
    if form != "none":
        rules.append(f"normalization {form}")
    if feature.tokenizer == Tokenizer.subwords:
        rules.append("the tokenizer file")
    elif feature.tokenizer != Tokenizer.none:
        rules.append(f"tokenizer {Tokenizer.Value.Name(feature.tokenizer)}")
    if feature.lowercase:
        rules.append("lowercase")
    return f"{', '.join(rules)} must have been applied to them"


def _inputs(signature: str, manifest: Manifest) -> list[dict[str, Any]]:
    if signature == EXAMPLES:
        note = "serialized tf.train.Example, each a raw record with the fields of the spec"
        return [{"name": EXAMPLES, "kind": "examples", "dtype": "string", "shape": [None], "note": note}]
    if signature == ENCODED:
        names, specs = signature_names(input_shapes(manifest)), encoded_specs(manifest)
        return [
            {"name": argument, "kind": "encoded", **_form(specs[argument]), "note": f"stored feature {name}"}
            for name, argument in names.items()
        ]
    spec, kinds, specs = manifest.spec, column_kinds(manifest.spec), dense_specs(manifest.spec)
    return [
        {
            "name": argument,
            "kind": kinds[name].value if name in kinds else "length",
            **_form(specs[argument]),
            "note": _note(name, kinds[name], spec) if name in kinds else f"real steps of {name.rsplit('/', 1)[0]}",
        }
        for name, argument in dense_names(spec).items()
    ]


def _note(name: str, kind: ColumnKind, spec: DatasetSpec) -> str:
    length = dense_names(spec).get(length_feature(name.split("/")[0]), "")
    padded = f"padded at the end; {length} says how many are real"
    if kind == ColumnKind.TEXT:
        feature = spec.sequences[name]
        case = ", lower case" if feature.lowercase else ""
        return f"one text; tokenizer {Tokenizer.Value.Name(feature.tokenizer)}{case}"
    if kind == ColumnKind.TOKENS:
        return f"tokens, {padded}"
    if kind == ColumnKind.READY_TOKENS:
        return f"final tokens, {padded}; {_unapplied(name, spec)}"
    if kind == ColumnKind.SERIES:
        feature = spec.sequences[name]
        missing = "NaN: a missing number; " if feature.missing != Missing.reject else ""
        return f"frames of {feature.dims} numbers; {missing}{padded}"
    if kind == ColumnKind.TIMES:
        known = _time_format(name, spec)
        return f"{known if known in UNIX_UNITS else 'seconds since 1970 UTC'}, {padded}"
    return "one number" if kind == ColumnKind.NUMBER else "one name"


def _time_format(name: str, spec: DatasetSpec) -> str:
    return str(spec.sequences[name.split("/")[0]].time.format)


def _outputs(function: Any) -> list[dict[str, Any]]:
    return [{"name": name, **_form(spec)} for name, spec in sorted(function.structured_outputs.items())]


def _form(spec: Any) -> dict[str, Any]:
    return {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
