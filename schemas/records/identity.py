"""Who a record is: its id where it has none of its own, its split, and its place in a shard.

Every hash is BLAKE2b, which is the same in every process and on every machine.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.records.ragged import Ragged, from_lists
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


def content_ids(content: Iterable[Ragged | pa.Array], label: pa.Array | Ragged | None) -> pa.StringArray:
    """Returns an id made from all that the spec reads of each record: 32 hexadecimal digits.

    The same content has the same id, whichever file it stands in.

    Args:
      content: What the sequences of the spec read, in the order of their names, without nulls:
        string or list<string>, (records,), or series.
      label: As of an `ExampleBlock`.
    """
    columns = [*content, *([] if label is None else [label])]
    parts = [part for column in columns for part in _parts(column)]
    count = len(columns[0].lengths if isinstance(columns[0], Ragged) else columns[0])
    return pa.array([_digest([part.of(i) for part in parts]) for i in range(count)], pa.string())


def places(ids: pa.StringArray, salt: int) -> Places:
    """Returns the place of each record, from its id and the salt alone.

    Args:
      ids: string, (records,), without nulls.
      salt: Another one gives other splits and another order.
    """
    salted = str(salt).encode()[:16]
    state = hashlib.blake2b(digest_size=16, person=_PERSON, salt=salted)
    digests = []
    for record_id in ids.to_pylist():
        own = state.copy()
        own.update(record_id.encode())
        digests.append(own.digest())
    halves = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)
    # 53 bits are what a float64 holds exactly.
    share = (halves[:, 1] >> np.uint64(11)).astype(np.float64) / 2.0**53
    return Places(halves[:, 0].astype(np.uint64), share)


def split_order(fractions: Mapping[str, float]) -> list[str]:
    """Returns the splits in the order in which they share [0, 1): train, validation, test, others."""
    return sorted(fractions, key=lambda name: (_FIRST_SPLITS.index(name) if name in _FIRST_SPLITS else 3, name))


def assign_splits(share: npt.NDArray[np.float64], fractions: Mapping[str, float]) -> npt.NDArray[np.int64]:
    """Returns the split of each record as an index into `split_order(fractions)`, (records,).

    Args:
      share: As of `Places`.
      fractions: Share of each split; they add up to 1.
    """
    ends = np.cumsum([fractions[name] for name in split_order(fractions)])[:-1]
    return np.searchsorted(ends, share, side="right").astype(np.int64)


class _Part:
    """One buffer, of which every record has a slice."""

    def __init__(self, data: Any, offsets: npt.NDArray[np.int64]) -> None:
        self._data = memoryview(data).cast("B")
        self._offsets = offsets.tolist()

    def of(self, i: int) -> memoryview:
        return self._data[self._offsets[i] : self._offsets[i + 1]]


def _parts(column: Ragged | pa.Array) -> list[_Part]:
    """Values of each record; of strings also their lengths, so that no two lists look alike."""
    if not isinstance(column, Ragged):
        lists = pa.types.is_list(column.type)
        column = from_lists(column) if lists else Ragged(column, np.arange(len(column) + 1))
    values = column.values
    if not pa.types.is_string(values.type):
        numbers = np.ascontiguousarray(values.to_numpy(zero_copy_only=False))
        return [_Part(numbers, column.offsets * numbers.itemsize)]
    ends = np.concatenate([[0], np.cumsum(pc.binary_length(values).to_numpy(zero_copy_only=False))]).astype(np.int64)
    sizes = np.diff(ends).astype("<u4")
    text = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values), "")
    return [
        _Part(sizes, column.offsets * sizes.itemsize),
        _Part(text.buffers()[2] or b"", ends[column.offsets]),
    ]


def _digest(parts: list[memoryview]) -> str:
    state = hashlib.blake2b(digest_size=_ID_BYTES, person=_PERSON)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()
