"""The values of many lists of `tf.train.Feature` as one array each, without a loop over values.

A list is asked for its bytes, for protobuf gives those a hundred times faster than its values. A list
is `0A len values`: floats of 32 bits, or numbers of base 128 (https://protobuf.dev/programming-guides/encoding).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.example_pb2 import BytesList, FloatList, Int64List
from schemas.records.ragged import Int64s

_PACKED = 0x0A  # tag byte of the values


def float_values(lists: Sequence[FloatList]) -> tuple[pa.Array, Int64s]:
    """Returns the values of all lists, float32, and how many each has, int64, (lists,)."""
    payloads = [_payload(one) for one in lists]
    if any(payload is None for payload in payloads):
        return pa.array([value for one in lists for value in one.value], pa.float32()), _lengths(lists)
    data = b"".join(payload for payload in payloads if payload)
    sizes = np.fromiter((len(payload or b"") for payload in payloads), np.int64, len(payloads))
    return pa.array(np.frombuffer(data, "<f4")), sizes // 4


def int64_values(lists: Sequence[Int64List]) -> tuple[pa.Array, Int64s]:
    """Returns the values of all lists, int64, and how many each has, int64, (lists,)."""
    payloads = [_payload(one) for one in lists]
    if any(payload is None for payload in payloads):
        return pa.array([value for one in lists for value in one.value], pa.int64()), _lengths(lists)
    data = np.frombuffer(b"".join(payload for payload in payloads if payload), np.uint8)
    ends = np.cumsum([0, *(len(payload or b"") for payload in payloads)])
    last = np.flatnonzero(data < 0x80)  # the last byte of each number
    return pa.array(varints(data, last)), np.diff(np.searchsorted(last, ends))


def bytes_values(lists: Sequence[BytesList]) -> tuple[pa.Array, Int64s]:
    """Returns the values of all lists, binary, and how many each has, int64, (lists,)."""
    return pa.array([value for one in lists for value in one.value], pa.binary()), _lengths(lists)


def varints(data: npt.NDArray[np.uint8], last: Int64s) -> Int64s:
    """Returns numbers of base 128 that stand one after another; `last`: where each ends, int64, (numbers,)."""
    starts = np.concatenate([[0], last[:-1] + 1])[: len(last)]
    sizes = last - starts + 1
    numbers = (data[starts] & 0x7F).astype(np.uint64)
    for place in range(1, int(sizes.max(initial=1))):
        longer = np.flatnonzero(sizes > place)
        numbers[longer] |= (data[starts[longer] + place] & 0x7F).astype(np.uint64) << np.uint64(7 * place)
    signed: Int64s = numbers.view(np.int64)
    return signed


def _payload(one: FloatList | Int64List) -> bytes | None:
    """Returns the bytes of the values, or None where there is more in the message than values."""
    data = one.SerializeToString()
    if not data:
        return data
    size, shift, at = 0, 0, 1
    while at < len(data):
        size |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            break
    return data[at:] if data[0] == _PACKED and at + size == len(data) else None


def _lengths(lists: Sequence[BytesList | FloatList | Int64List]) -> Int64s:
    return np.fromiter((len(one.value) for one in lists), np.int64, len(lists))
