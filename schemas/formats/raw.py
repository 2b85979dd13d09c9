"""Raw records of any format, once they have been read: columns, and where each record stands."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import pyarrow as pa

from schemas.formats.fields import Field, canonical_type
from schemas.formats.rejected import Rejected
from schemas.ragged import Int64s


@dataclass(frozen=True)
class RawBlock:
    """Some raw records of one file, or of files that were joined.

    A reader leaves out what holds no record (a blank line), rejects what cannot be read as the fields
    say, and gives the rest as columns. A record whose field has no value has null there; whether that
    is allowed is for the validation to say.

    Attributes:
      columns: By field name; all (records,), of the types that `schemas.formats.fields` calls
        canonical: names are strings, whatever they were in the record.
      offsets: int64, (records,); position of each record in its file, in bytes of the content as it is
        read; of formats of columns, its row.
      lines: int64, (records,); line, or row, of each record within the block, from 0.
      rejected: What holds no such record.
      line_count: All lines or rows of the block, blank ones included.
      fields: What was read.
      received: Returns record i as it was received.
      explain: Returns reason code and rule where a field of record i is missing or of a wrong type.
    """

    columns: dict[str, pa.Array]
    offsets: Int64s
    lines: Int64s
    rejected: list[Rejected]
    line_count: int
    fields: list[Field]
    received: Callable[[int], bytes]
    explain: Callable[[int], tuple[str, str]]


def no_records(fields: list[Field]) -> RawBlock:
    """Returns a block without records."""

    def none(i: int) -> NoReturn:
        raise IndexError(f"record {i} of a block without records")

    columns = {field.name: pa.array([], canonical_type(field.types[0])) for field in fields}
    places = np.zeros(0, np.int64)
    return RawBlock(columns, places, places, [], 0, fields, none, none)
