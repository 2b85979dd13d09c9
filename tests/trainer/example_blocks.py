"""Examples made of what is stored of them, for parts of a spec that need no raw records to be tested."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.manifest import beside_features
from schemas.ragged import Ragged
from schemas.records.examples import ExampleBlock, Parents
from schemas.spec import number_features, parse_spec, series_sequences


def example_block(spec_text: str, examples: list[dict[str, Any]]) -> ExampleBlock:
    """Makes examples of what is stored of them, whatever the raw records were.

    Args:
      spec_text: The spec, YAML.
      examples: By stored name, without lengths: "id", tokens or frames of each sequence (characters
        and their sizes flat), what is beside, context, "label", "id/parent" and "id/start".
    """
    spec = parse_spec(spec_text)
    series = set(series_sequences(spec))
    columns = {name: [example[name] for example in examples] for name in examples[0]}
    parents = None
    if "id/parent" in columns:
        parents = Parents(pa.array(columns["id/parent"]), np.array(columns["id/start"], np.int64))
    return ExampleBlock(
        ids=pa.array(columns["id"]),
        offsets=np.arange(len(examples)),
        lines=np.arange(len(examples)),
        sequences={
            name: _ragged(columns[name], pa.float32(), spec.sequences[name].dims)
            if name in series
            else _coded(_ragged(columns[name], pa.string(), 1))
            for name in spec.sequences
        },
        beside={
            name: _ragged(columns[name], pa.float32() if name.endswith("/since") else pa.int64(), dims)
            for name, dims in beside_features(spec)
        },
        context={
            name: pa.array(columns[name], pa.float32() if name in number_features(spec) else pa.string())
            for name in spec.context
        },
        label=pa.array(columns["label"]) if "label" in columns else None,
        cut_steps={},
        split_by=None,
        parents=parents,
        records=len(examples),
        rejected=[],
    )


def _ragged(rows: list[Any], kind: pa.DataType, dims: int) -> Ragged:
    arrays = [np.asarray(row, dtype=object).reshape(-1).tolist() for row in rows]
    offsets = np.cumsum([0, *(len(row) for row in arrays)])
    return Ragged(pa.array([value for row in arrays for value in row], kind), offsets, dims)


def _coded(sequence: Ragged) -> Ragged:
    return replace(sequence, values=sequence.values.dictionary_encode())
