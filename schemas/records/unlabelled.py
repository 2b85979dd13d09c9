"""Records that a model predicts for: no label, no split, and nothing left out without a word."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from schemas.dataset_pb2 import DatasetSpec, Empty, SplitBy, TooLong
from schemas.formats.raw import RawBlock
from schemas.formats.rejected import Rejected, excerpt
from schemas.records.examples import ExampleBlock
from schemas.records.lengths import TOO_SHORT
from schemas.records.subwords import Subwords
from schemas.records.validate import validate


def unlabelled_spec(spec: DatasetSpec) -> DatasetSpec:
    """Returns the spec of records to predict for: neither label, split nor event time is read, and "drop" is "reject".

    So every record has a prediction, or a reason why it has none.

    Args:
      spec: A resolved spec.
    """
    changed = DatasetSpec()
    changed.CopyFrom(spec)
    changed.ClearField("label")
    changed.ClearField("event_time")
    changed.split.by = SplitBy.hash
    for feature in changed.sequences.values():
        if feature.empty == Empty.drop:
            feature.empty = Empty.reject
        if feature.too_long == TooLong.drop:
            feature.too_long = TooLong.reject
    return changed


def validate_unlabelled(
    block: RawBlock, spec: DatasetSpec, subwords: Mapping[str, Subwords] | None = None
) -> ExampleBlock:
    """Returns the examples of a block of raw records; each record without one is rejected.

    Args:
      block: Raw records.
      spec: As `unlabelled_spec` returned it.
      subwords: By name, of each sequence that is cut by a tokenizer file.
    """
    examples = validate(block, spec, subwords)
    # What no other policy lets pass is rejected by now; a record without a whole window is dropped.
    short = np.setdiff1d(block.lines, [*examples.lines, *(item.line for item in examples.rejected)])
    rows = np.searchsorted(block.lines, short).tolist()
    rejected = [*examples.rejected, *(_too_short(block, row, spec) for row in rows)]
    return replace(examples, rejected=rejected, dropped=Counter())


def _too_short(block: RawBlock, row: int, spec: DatasetSpec) -> Rejected:
    window = spec.window
    rule = f"'{window.of}' must have {window.length} steps or more, a whole window; the spec drops the rest"
    place = int(block.offsets[row]), int(block.lines[row])
    return Rejected("", *place, TOO_SHORT, rule, excerpt(block.received(row)))
