"""Validated examples: what the pipeline stages and encodes, and what a model predicts for."""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa

from schemas.formats.rejected import Rejected
from schemas.ragged import Int64s, Ragged


@dataclass(frozen=True)
class Parents:
    """Of examples that are pieces of records.

    Attributes:
      ids: string, (examples,); of the record.
      starts: int64, (examples,); step of the record with which the example begins.
    """

    ids: pa.StringArray
    starts: Int64s


@dataclass(frozen=True)
class ExampleBlock:
    """Validated examples, in the order of the input.

    Attributes:
      ids: string, (examples,).
      offsets: int64, (examples,); position of each record in its file.
      lines: int64, (examples,); line of each record within its block, from 0.
      sequences: By name; dictionaries of strings of token sequences, float32 of series, in which NaN is a
        number that the mean is still to fill, see `schemas.records.missing.fill_means`.
      beside: By stored name, such as frames/missing: what is known of each step of a sequence beside
        its values, int64 or float32.
      context: By name: float (a number) or string (a category), (examples,).
      label: string or float, (examples,), of a class or number; Ragged dictionary of strings
        of per-step classes; None where there is no label.
      cut_steps: By name of the sequence: steps that no example has, int64, (examples,).
      split_by: What decides the split, where that is not the id: as of `splits.read_split`. Of keys of events that have
        several records, the key.
      parents: Where a record may become several examples.
      records: Records that the examples are of.
      rejected: Records that are no examples.
      dropped: Records left out, by policy.
      line_count: Lines of the block, blank ones included.
    """

    ids: pa.StringArray
    offsets: Int64s
    lines: Int64s
    sequences: dict[str, Ragged]
    beside: dict[str, Ragged]
    context: dict[str, pa.Array]
    label: pa.Array | Ragged | None
    cut_steps: dict[str, Int64s]
    split_by: pa.Array | None
    parents: Parents | None
    records: int
    rejected: list[Rejected]
    dropped: Counter[str] = field(default_factory=Counter)
    line_count: int = 0

    def __len__(self) -> int:
        """Returns the number of examples."""
        return len(self.ids)

    @property
    def read(self) -> int:
        """Records read: those of examples, rejected and dropped."""
        return self.records + len(self.rejected) + self.dropped.total()
