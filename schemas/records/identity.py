"""Who a record is: its id where it has none of its own, its split, and its place in a shard.

Every hash is BLAKE2b, which is the same in every process and on every machine.
"""

import hashlib
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.binary import binary_column, byte_sizes, contents, fixed_column, join_columns
from schemas.ragged import Ragged, from_lists
from schemas.spec import TEST, TRAIN, VALIDATION

_PERSON = b"lengthwise"
_ID_BYTES = 16
_FIRST_SPLITS = (TRAIN, VALIDATION, TEST)


class Places(NamedTuple):
    """Where records go.

    Attributes:
      order: uint64, (records,); their order within a split and bucket.
      share: float64, (records,), uniform in [0, 1); decides the split, independent of `order`.
    """

    order: npt.NDArray[np.uint64]
    share: npt.NDArray[np.float64]


def content_ids(content: Iterable[Ragged | pa.Array]) -> pa.StringArray:
    """Returns an id made from what the sequences of each record hold: 32 hexadecimal digits.

    The same content has the same id, whichever file it stands in, and with or without a label: a
    text that occurs twice is never in two splits.

    Args:
      content: What the sequences of the spec read, in the order of their names, without nulls:
        string or list<string>, (records,), or series.
    """
    parts = [part for column in content for part in _parts(column)]
    sizes = [fixed_column(byte_sizes(part).astype("<u8").view(np.uint8).reshape(-1, 8)) for part in parts]
    data, starts = contents(join_columns(column for pair in zip(sizes, parts, strict=True) for column in pair))
    view, ends = data.data, starts.tolist()
    digests = [
        hashlib.blake2b(view[start:end], digest_size=_ID_BYTES, person=_PERSON).digest()
        for start, end in pairwise(ends)
    ]
    digits = np.frombuffer(b"".join(digests).hex().encode(), np.uint8).reshape(-1, 2 * _ID_BYTES)
    return pc.cast(fixed_column(digits), pa.string())


def salted_digests(names: pa.StringArray, salt: int) -> npt.NDArray[np.uint64]:
    """Returns 128 bits of BLAKE2b of each name and a salt, uint64, (n, 2).

    Args:
      names: string, (n,), without nulls.
      salt: Another one gives other digests.
    """
    salted = str(salt).encode()[:16]
    state = hashlib.blake2b(digest_size=16, person=_PERSON, salt=salted)
    digests = []
    for name in names.to_pylist():
        own = state.copy()
        own.update(name.encode())
        digests.append(own.digest())
    return np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2).astype(np.uint64)


def places_of(digests: npt.NDArray[np.uint64]) -> Places:
    """Returns the place of each record, from the `salted_digests` of its id."""
    # 53 bits are what a float64 holds exactly.
    return Places(digests[:, 0], (digests[:, 1] >> np.uint64(11)).astype(np.float64) / 2.0**53)


def places(ids: pa.StringArray, salt: int) -> Places:
    """Returns the place of each record, from its id and the salt alone.

    Args:
      ids: string, (records,), without nulls.
      salt: Another one gives other splits and another order.
    """
    return places_of(salted_digests(ids, salt))


def split_order(names: Iterable[str]) -> list[str]:
    """Returns the splits in the order in which they share [0, 1): train, validation, test, others."""
    return sorted(names, key=lambda name: (_FIRST_SPLITS.index(name) if name in _FIRST_SPLITS else 3, name))


def assign_splits(share: npt.NDArray[np.float64], fractions: Mapping[str, float]) -> npt.NDArray[np.int64]:
    """Returns the split of each record as an index into `split_order(fractions)`, (records,).

    Args:
      share: As of `Places`.
      fractions: Share of each split; they add up to 1.
    """
    ends = np.cumsum([fractions[name] for name in split_order(fractions)])[:-1]
    return np.searchsorted(ends, share, side="right").astype(np.int64)


def _parts(column: Ragged | pa.Array) -> list[pa.BinaryArray]:
    """Values of each record; of lists of strings also the size of each, so that no two lists look alike."""
    if not isinstance(column, Ragged):
        if not pa.types.is_list(column.type):
            return [pc.cast(column, pa.binary())]
        column = from_lists(column)
    values = column.values
    if not pa.types.is_string(values.type):
        numbers = np.ascontiguousarray(values.to_numpy(zero_copy_only=False))
        return [binary_column(numbers.view(np.uint8), column.offsets * numbers.itemsize)]
    sizes = byte_sizes(values)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    text = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values), "")
    data = np.frombuffer(text.buffers()[2] or b"", np.uint8)
    return [
        binary_column(sizes.astype("<u4").view(np.uint8), column.offsets * 4),
        binary_column(data, ends[column.offsets]),
    ]
