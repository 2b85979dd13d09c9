"""Records on disk: columns of values become `tf.train.Example` messages in TFRecord frames.

The encoder works on whole columns and makes, for each record, the bytes that protobuf makes of the
features taken in the order of their names:

    Example    0A len { Features }
    Features   0A len { 0A len name 12 len { Feature } }   for each feature
    Feature    0A len { 0A len bytes }        one value of bytes
               12 len { 0A len floats }       packed little-endian float32
               1A len { 0A len varints }      packed varints

A TFRecord frame is: length (uint64), its masked CRC-32C, the data, their masked CRC-32C, all
little-endian, with mask(crc) = ((crc >> 15) | (crc << 17)) + 0xA282EAD8.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import google_crc32c
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.binary import (
    Bytes,
    Offsets,
    binary_column,
    byte_sizes,
    check_block_bytes,
    contents,
    fixed_column,
    join_columns,
)
from schemas.errors import DataError

Mask = npt.NDArray[np.bool_]

FRAME_HEADER = 12  # bytes before the data of a frame
FRAME_BYTES = FRAME_HEADER + 4  # bytes of a frame beside its data
DIGEST_MODULUS = 1 << 256
_MASK_DELTA = 0xA282EAD8
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 0x0A, 0x12, 0x1A  # tag bytes within Feature


@dataclass(frozen=True)
class Int64Column:
    """Whole numbers of each record.

    Attributes:
      values: int64, (values,), those of all records one after another.
      offsets: int64, (records + 1,); record i holds values[offsets[i]:offsets[i + 1]].
    """

    values: npt.NDArray[np.int64]
    offsets: Offsets


@dataclass(frozen=True)
class FloatColumn:
    """Numbers of each record: float32 values, otherwise as `Int64Column`."""

    values: npt.NDArray[np.float32]
    offsets: Offsets


@dataclass(frozen=True)
class BytesColumn:
    """One string of bytes of each record: a binary array, (records,), without nulls."""

    values: pa.BinaryArray


@dataclass(frozen=True)
class CodedColumn:
    """Whole numbers of each record, of which many are the same: each different one is encoded once.

    Attributes:
      distinct: int64, (different values,).
      codes: Arrow integers, (values,), indices into `distinct`: those of all records one after another.
      offsets: int64, (records + 1,); record i holds codes[offsets[i]:offsets[i + 1]].
    """

    distinct: npt.NDArray[np.int64]
    codes: pa.Array
    offsets: Offsets


Column = Int64Column | CodedColumn | FloatColumn | BytesColumn


def one_each(count: int) -> Offsets:
    """Returns the offsets of a column with exactly one value per record, int64, (count + 1,)."""
    return np.arange(count + 1, dtype=np.int64)


def encode_examples(columns: Mapping[str, Column]) -> pa.BinaryArray:
    """Returns one serialised `Example` per record, as a binary array, (records,).

    Args:
      columns: By feature name; all of the same number of records.
    """
    pieces: list[pa.BinaryArray] = []
    total: Offsets | None = None
    for name in sorted(columns):
        head, payload = _entry(name, columns[name])
        pieces += [head, payload]
        size = byte_sizes(head) + byte_sizes(payload)
        total = size if total is None else total + size
    if total is None:
        raise ValueError("an Example needs one feature or more")
    return join_columns([_heads([b"\x0a", total]), *pieces])


def feature_messages(column: Column) -> pa.BinaryArray:
    """Returns the values of each row as one serialised `Feature`, binary, (rows,)."""
    tag, payload = _payload(column)
    sizes, listed, list_size = _list_sizes(tag, payload)
    return join_columns([_heads([bytes([tag]), list_size], (sizes, listed)), payload])


def length_prefixes(tag: bytes, sizes: Offsets) -> pa.BinaryArray:
    """Returns a tag and a length before each of the fields that have these sizes, binary, (n,)."""
    return _heads([tag, sizes])


def frame(records: pa.BinaryArray) -> pa.BinaryArray:
    """Returns each serialised record as one TFRecord frame, as a binary array, (records,)."""
    lengths, place = np.unique(byte_sizes(records).astype("<u8"), return_inverse=True)
    heads = np.empty((len(lengths), FRAME_HEADER), np.uint8)
    heads[:, :8] = lengths.view(np.uint8).reshape(-1, 8)
    heads[:, 8:] = _masked_crcs([row.tobytes() for row in heads[:, :8]])
    return join_columns([fixed_column(heads[place]), records, fixed_column(_masked_crcs(records.to_pylist()))])


def records_digest(records: Iterable[bytes]) -> int:
    """Returns the sum of the SHA-256 of each serialised record, modulo 2^256.

    It does not depend on their order, and those of two sets of records add up to that of both.
    """
    digests = np.frombuffer(b"".join(hashlib.sha256(record).digest() for record in records), ">u4").reshape(-1, 8)
    # Sums of 32-bit parts fit 64 bits; Python's whole numbers take it from there.
    parts: list[int] = digests.sum(axis=0, dtype=np.uint64).tolist()
    return sum(part << shift for part, shift in zip(reversed(parts), range(0, 256, 32), strict=True)) % DIGEST_MODULUS


def frame_offsets(content: bytes, path: str) -> Offsets:
    """Checks every frame of a TFRecord file.

    Args:
      content: The whole file.
      path: Of the file, for error texts.

    Returns:
      The position of each frame, and the end of the last one; int64, (records + 1,).

    Raises:
      DataError: A frame that is cut off or does not fit its checksums.
    """
    offsets = [0]
    view = memoryview(content)
    while (at := offsets[-1]) < len(content):
        head = bytes(view[at : at + FRAME_HEADER])
        length = int.from_bytes(head[:8], "little")
        end = at + length + FRAME_BYTES
        if len(head) < FRAME_HEADER or _masked_crc(head[:8]) != head[8:]:
            raise DataError(f"{path}, byte {at}: no TFRecord frame begins here; the file is damaged; write it again")
        data = bytes(view[at + FRAME_HEADER : end - 4])
        if end > len(content) or _masked_crc(data) != view[end - 4 : end]:
            raise DataError(f"{path}, byte {at}: the record does not fit its checksum; write the file again")
        offsets.append(end)
    return np.array(offsets, np.int64)


def frame_contents(content: bytes, offsets: Offsets) -> Iterator[bytes]:
    """Yields the record in each frame of a TFRecord file; offsets as of `frame_offsets`."""
    for start, end in pairwise(offsets.tolist()):
        yield content[start + FRAME_HEADER : end - 4]


def _entry(name: str, column: Column) -> tuple[pa.BinaryArray, pa.BinaryArray]:
    """Returns what stands before the values of one feature in each record, and the values."""
    key = name.encode()
    named = b"\x0a" + _varint(len(key)) + key
    tag, payload = _payload(column)
    sizes, listed, list_size = _list_sizes(tag, payload)
    feature_size = 1 + _varint_sizes(list_size) + list_size
    entry_size = len(named) + 1 + _varint_sizes(feature_size) + feature_size
    head = _heads([b"\x0a", entry_size, named + b"\x12", feature_size, bytes([tag]), list_size], (sizes, listed))
    return head, payload


def _list_sizes(tag: int, payload: pa.BinaryArray) -> tuple[Offsets, Mask, Offsets]:
    """Returns the bytes of the values of each row, whether they are there at all, and the bytes of the list."""
    sizes = byte_sizes(payload)
    # An empty packed list is left out, an empty string of bytes is not.
    listed = np.ones_like(sizes, bool) if tag == _BYTES_LIST else sizes > 0
    return sizes, listed, np.where(listed, 1 + _varint_sizes(sizes) + sizes, 0)


def _payload(column: Column) -> tuple[int, pa.BinaryArray]:
    if isinstance(column, BytesColumn):
        return _BYTES_LIST, pc.cast(column.values, pa.binary())
    if isinstance(column, FloatColumn):
        return _FLOAT_LIST, binary_column(column.values.astype("<f4").view(np.uint8), column.offsets * 4)
    if isinstance(column, CodedColumn):
        return _INT64_LIST, _coded_varints(column)
    data, ends = _joined_varints(column.values)
    return _INT64_LIST, binary_column(data, ends[column.offsets])


def _coded_varints(column: CodedColumn) -> pa.BinaryArray:
    data, ends = _joined_varints(column.distinct)
    codes = column.codes.to_numpy()
    if len(codes) * int(np.diff(ends).max(initial=1)) >= 2**31:  # rarely more than a bound, so rarely counted
        check_block_bytes(int(np.bincount(codes, minlength=len(column.distinct)) @ np.diff(ends)))
    values, ends_of_all = contents(binary_column(data, ends).take(column.codes))
    return binary_column(values, ends_of_all.astype(np.int64)[column.offsets])


def _joined_varints(numbers: npt.NDArray[np.int64]) -> tuple[Bytes, Offsets]:
    """Returns all varints one after another, and where each ends, int64, (n + 1,)."""
    encoded, mask = _varints(numbers)
    return encoded[mask], np.concatenate([[0], np.cumsum(_varint_sizes(numbers))])


def _heads(parts: list[bytes | Offsets], last: tuple[Offsets, Mask] | None = None) -> pa.BinaryArray:
    """Returns constant bytes and varints side by side, one row per record.

    Args:
      parts: Constant bytes, or a number per record to be written as a varint.
      last: Sizes written as one more tag and varint, but only where the mask says so.
    """
    rows = next(len(part) for part in parts if not isinstance(part, bytes))
    blocks: list[tuple[Bytes, Mask]] = []
    for part in parts:
        blocks.append(_constant(part, rows) if isinstance(part, bytes) else _varints(part))
    if last is not None:
        sizes, listed = last
        for values, mask in (_constant(b"\x0a", rows), _varints(sizes)):
            blocks.append((values, mask & listed[:, None]))
    values = np.concatenate([block for block, _ in blocks], axis=1)
    mask = np.concatenate([mask for _, mask in blocks], axis=1)
    return binary_column(values[mask], np.concatenate([[0], np.cumsum(mask.sum(axis=1))]))


def _constant(part: bytes, rows: int) -> tuple[Bytes, Mask]:
    values = np.broadcast_to(np.frombuffer(part, np.uint8), (rows, len(part)))
    return values, np.ones((rows, len(part)), bool)


def _varints(numbers: npt.NDArray[np.int64]) -> tuple[Bytes, Mask]:
    """Returns base-128 varints, (n, widest) bytes, and which of the bytes are in use."""
    rest = _narrowest(numbers)
    values, masks = [], []
    while True:
        following = rest >> rest.dtype.type(7)
        more = following > 0
        values.append((rest & rest.dtype.type(0x7F)).astype(np.uint8) | (more.astype(np.uint8) << 7))
        masks.append(more)
        if not more.any():
            break
        rest = following
    in_use = [np.ones(len(numbers), bool), *masks[:-1]]
    return np.stack(values, axis=1), np.stack(in_use, axis=1)


def _varint_sizes(numbers: npt.NDArray[np.int64]) -> Offsets:
    """Returns how many bytes each varint takes; a negative number takes ten."""
    rest = _narrowest(numbers)
    sizes = np.ones(len(numbers), np.int64)
    while (rest := rest >> rest.dtype.type(7)).any():
        sizes += rest > 0
    return sizes


def _narrowest(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32] | npt.NDArray[np.uint64]:
    """Half the width is twice the speed, and ids fit."""
    unsigned = numbers.astype(np.int64, copy=False).view(np.uint64)
    return unsigned.astype(np.uint32) if int(unsigned.max(initial=0)) < 2**32 else unsigned


def _varint(number: int) -> bytes:
    values, mask = _varints(np.array([number], np.int64))
    return values[mask].tobytes()


def _masked_crc(part: bytes) -> bytes:
    """Returns what `_masked_crcs` does of one part, without arrays, which take ten times as long as the sum itself."""
    crc: int = google_crc32c.value(part)
    return (((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFF_FFFF).to_bytes(4, "little")


def _masked_crcs(parts: list[bytes]) -> Bytes:
    """Returns the masked CRC-32C of each part as little-endian bytes, (n, 4)."""
    crcs = np.fromiter((google_crc32c.value(part) for part in parts), np.uint32, len(parts))
    masked = ((crcs >> np.uint32(15)) | (crcs << np.uint32(17))) + np.uint32(_MASK_DELTA)
    return masked.astype("<u4").view(np.uint8).reshape(-1, 4)
