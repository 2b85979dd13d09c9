"""Labels and the context of raw records: one value a record, or one for each step."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.explain import NOT_FINITE
from schemas.formats.fields import LABEL
from schemas.ragged import Ragged, count_in_rows
from schemas.records.lengths import steps_found
from schemas.records.nulls import float32
from schemas.records.tokens import checked_lists
from schemas.records.verdicts import Verdicts
from schemas.spec import NUMBER, PER_STEP_CLASS, number_features
from schemas.vocabulary import is_among

LABEL_LENGTH = "label_length"
UNKNOWN_LABEL = "unknown_label"


class KnownClasses(NamedTuple):
    """The only classes that there are.

    Attributes:
      names: string, (classes,).
      path: Of the file that states them.
      remedy: How to make another one known.
    """

    names: pa.StringArray
    path: str
    remedy: str = "add it there"


def read_label(
    column: pa.Array, spec: DatasetSpec, sequences: Mapping[str, Ragged], verdicts: Verdicts
) -> pa.Array | Ragged:
    """Returns the label of each record.

    Args:
      column: As `fields_of` asks for it.
      spec: A resolved spec with a label.
      sequences: Of the same records.
      verdicts: Of the records; rejects those whose label is not what the spec says.

    Returns:
      string (class) or float (number), (records,), or a Ragged dictionary of strings (per step).
    """
    if spec.label.type == NUMBER:
        return finite_numbers(column, "the label", verdicts)
    if spec.label.type != PER_STEP_CLASS:
        return column
    labels = checked_lists(LABEL, column, verdicts)
    own, steps = labels.lengths, sequences[spec.label.of].lengths
    rule = f"the label must have as many steps as '{spec.label.of}'"
    verdicts.reject(own != steps, LABEL_LENGTH, rule, steps_found(own, steps))
    return replace(labels, values=labels.values.dictionary_encode())


def reject_unknown(label: pa.Array | Ragged, classes: KnownClasses, verdicts: Verdicts) -> None:
    """Rejects the records that have a label which is none of the known classes.

    Args:
      label: As `read_label` returns it, of classes.
      classes: The known ones.
      verdicts: Of the records.
    """
    if isinstance(label, Ragged):
        values = label.values
        unknown = ~is_among(values.dictionary, classes.names)[values.indices.to_numpy()]
        broken = count_in_rows(unknown, label.offsets) > 0
    else:
        broken = ~is_among(label, classes.names)
    count, plural = len(classes.names), "" if len(classes.names) == 1 else "es"
    rule = (
        f"a label must be one of the {count:,} class{plural} of {classes.path}; {classes.remedy}, say "
        "label.unknown: keep, or allow it with --max_rejected"
    )
    verdicts.reject(broken, UNKNOWN_LABEL, rule)


def read_context(columns: Mapping[str, pa.Array], spec: DatasetSpec, verdicts: Verdicts) -> dict[str, pa.Array]:
    """Returns the context of each record by name: float (a number) or string (a category), (records,)."""
    numbers = set(number_features(spec))
    return {
        name: finite_numbers(columns[name], f"'{name}'", verdicts) if name in numbers else columns[name]
        for name in sorted(spec.context)
    }


def finite_numbers(column: pa.Array, what: str, verdicts: Verdicts) -> pa.Array:
    """Returns numbers, (records,), as 32-bit floats; rejects the records whose number is null or not finite."""
    numbers = float32(column)
    verdicts.reject(~np.isfinite(numbers), NOT_FINITE, f"{what} must be finite as a 32-bit float")
    return pa.array(numbers)
