"""The values of many lists of `tf.train.Feature` as one array each, without a loop over values.

A list is asked for its bytes, for protobuf gives those a hundred times faster than its values
(https://protobuf.dev/programming-guides/encoding). They are, as `schemas.example` has it:

    list of numbers    0A len { floats of 32 bits, or numbers of base 128 }
    list of strings    0A len { bytes }                for each string
    feature            0A or 12 or 1A len { list }     of strings, floats or integers
    feature list       0A len { feature }              for each step
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from schemas.binary import Bytes, binary_column
from schemas.example_pb2 import BytesList, FeatureList, FloatList, Int64List
from schemas.ragged import Int64s

_PACKED = 0x0A  # tag byte of the values
_KINDS = _BYTES, _FLOATS, _ = 0x0A, 0x12, 0x1A  # tag bytes of the kinds of a feature
_SHORT_HEADER = 6  # bytes before the values of a step: tag and size of step, list and values


class Steps(NamedTuple):
    """The values of the steps of several records.

    Attributes:
      values: Arrow array, (values,), those of all steps one after another.
      sizes: int64, (steps,), how many values each step has.
      lengths: int64, (records,), how many steps each record has.
    """

    values: pa.Array
    sizes: Int64s
    lengths: Int64s


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


def step_values(lists: Sequence[FeatureList]) -> Steps | None:
    """Returns the values of all steps, or None where they must be read one step at a time.

    That is where a step has no values, or several strings, or where the steps are of different kinds,
    or both of different sizes and long.
    """
    parts = [one.SerializeToString() for one in lists]
    content = b"".join(parts)
    data = np.frombuffer(content, np.uint8)
    found = _equal_steps(content, data) or _short_steps(content, data)
    if found is None:
        return None
    starts, header, tag = found
    sizes = np.diff(starts, append=len(data)) - header
    ends = np.concatenate([[0], np.cumsum(sizes)])
    payload = data[np.repeat(starts + header - ends[:-1], sizes) + np.arange(ends[-1])]
    lengths = np.diff(np.searchsorted(starts, np.cumsum([0, *map(len, parts)])))
    if tag == _BYTES:
        return Steps(binary_column(payload, ends), np.ones(len(starts), np.int64), lengths)
    if tag == _FLOATS:
        return Steps(pa.array(payload.view("<f4")), sizes // 4, lengths)
    last = np.flatnonzero(payload < 0x80)
    return Steps(pa.array(varints(payload, last)), np.diff(np.searchsorted(last, ends)), lengths)


def _equal_steps(content: bytes, data: Bytes) -> tuple[Int64s, int, int] | None:
    """Returns where each step begins, bytes before its values and its kind, where all have one size."""
    try:
        size, at = _number(content, 1)
        width, tag = at + size, content[at]
        _, at = _number(content, at + 1)
        size, header = _number(content, at + 1)
    except IndexError:  # a step without values, and nothing behind it
        return None
    if header + size != width or tag not in _KINDS or len(data) % width:
        return None
    rows = data.reshape(-1, width)[:, :header]
    return (np.arange(len(rows)) * width, header, tag) if (rows == rows[0]).all() else None


def _short_steps(content: bytes, data: Bytes) -> tuple[Int64s, int, int] | None:
    """Returns the same where no size takes more than one byte."""
    found, at = [], 0
    while at < len(content):
        size = content[at + 1]
        if size < _SHORT_HEADER - 2 or size > 0x7F:
            return None
        found.append(at)
        at += size + 2
    if not found:
        return None
    starts = np.array(found)
    sizes, tag = data[starts + 1], content[2]
    alike = (data[starts] == _PACKED) & (data[starts + 2] == tag) & (data[starts + 4] == _PACKED)
    alike &= (data[starts + 3] == sizes - 2) & (data[starts + 5] == sizes - 4)
    return (starts, _SHORT_HEADER, tag) if tag in _KINDS and alike.all() else None


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Returns the number of base 128 that begins at a position, and where it ends."""
    number, shift = data[at] & 0x7F, 7
    while data[at] >= 0x80:
        at += 1
        number |= (data[at] & 0x7F) << shift
        shift += 7
    return number, at + 1


def varints(data: Bytes, last: Int64s) -> Int64s:
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
    size, at = _number(data, 1)
    return data[at:] if data[0] == _PACKED and at + size == len(data) else None


def _lengths(lists: Sequence[BytesList | FloatList | Int64List]) -> Int64s:
    return np.fromiter((len(one.value) for one in lists), np.int64, len(lists))
