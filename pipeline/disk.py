"""Disk that a run needs beside its input, and what there is of it, found out before the work.

What a record takes is counted on a sample of the input. While a run lasts these lie on the disk: the
staged records (4 bytes for each token or number), the different tokens of each block, the vocabularies,
the encoded records in segments, and the same once more in shards.
"""

import errno
import math
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import files
from pipeline.job import Job
from pipeline.sample import sample_block
from pipeline.subwords import load_tokenizers
from schemas.binary import byte_sizes
from schemas.dataset_pb2 import DatasetSpec, DuplicateIds
from schemas.errors import DataError, UsageError
from schemas.formats.fields import ID, LABEL, raw_fields_of
from schemas.formats.joined import join_blocks
from schemas.manifest import stored_features
from schemas.ragged import Ragged
from schemas.records.events import Events, read_events
from schemas.records.examples import ExampleBlock
from schemas.records.grouping import EventTable, group_events
from schemas.records.validate import validate

_SAMPLE_BLOCKS = 8  # spread evenly over the input
_SAMPLE_BYTES = 1 << 16  # 64 KiB of each
_STAGED_RECORD = 40  # bytes: where its id ends, position, line, file, split, order, label
_ID_RECORD = 32  # of each id that must be its own: digest, place, file
_STAGED_SEQUENCE = 12  # of each sequence of a record: where it ends, steps cut off
_FRAME = 38  # of each record: frame, the message's own fields, its row of an index
_FEATURE = 12  # of each feature of a record, beside its name and its values
_STAGED_EVENT = 20  # bytes: piece, position, line
_BATCH = 1_500  # of each partition of the events of a block, beside these
_NUMBER = 4  # bytes of a staged token, and of a number
_IN_BLOCK = _IN_ALL = 20  # of each different token beside its bytes: where it ends, and its counts
_MOST = 1.5  # times what the sample says: for input that is not alike


class Need(NamedTuple):
    """Bytes of disk that a run needs at a time, beside its input: as the sample says, and at most."""

    likely: int
    most: int


def estimate(job: Job) -> Need:
    """Returns what a run needs; reads a sample of the input, 512 KiB or the longest records in it.

    Raises:
      DataError: A file cannot be read.
    """
    blocks, spec = job.blocks(), job.spec
    chosen = blocks[:: -(-len(blocks) // _SAMPLE_BLOCKS)]
    parts = [sample_block(block, spec.input, raw_fields_of(spec), _SAMPLE_BYTES) for block in chosen]
    seen = sum(part.consumed for part in parts)
    if not seen:
        return Need(0, 0)
    raw = join_blocks([part.raw for part in parts], [0] * len(parts), [0] * len(parts), 1).raw
    times = sum(block.bytes for block in blocks) / seen
    if job.partitions:
        likely = int(_bytes_of_events(read_events(raw, spec), spec, times, len(blocks), job.partitions))
    else:
        copies = 3 if job.sets else 2
        likely = int(bytes_of(validate(raw, spec, load_tokenizers(job)), spec, times, len(blocks), copies=copies))
    return Need(likely, int(_MOST * likely))


def _bytes_of_events(events: Events, spec: DatasetSpec, times: float, blocks: int, partitions: int) -> float:
    """Returns the bytes that all events take in files of them, and those of their records as `bytes_of` does."""
    staged = len(events.offsets) * _STAGED_EVENT + sum(int(column.nbytes) for column in events.columns.values())
    everything = np.zeros(len(events.offsets), np.int64)
    grouped = group_events(EventTable(events.columns, events.offsets, everything), spec)
    keys = events.columns[ID]
    more = _more_keys(len(pc.unique(keys[: len(keys) // 2])), len(pc.unique(keys)), times)
    records = bytes_of(validate(grouped.raw, spec), spec, times, partitions, more)
    return float(times * staged + blocks * partitions * _BATCH + records)


def bytes_of(
    examples: ExampleBlock, spec: DatasetSpec, times: float, blocks: int, more: float = 0, copies: int = 2
) -> float:
    """Returns the bytes that all records take as staged records, in segments and in shards.

    Args:
      examples: Of the sample.
      spec: A resolved spec.
      times: How many times the sample the input is.
      blocks: How many blocks the input is cut into.
      more: How many times as many records as the sample the input has; 0: `times`.
      copies: Of the encoded records: in segments and in shards, and where they are gathered in between, once more.
    """
    records = len(examples) * (more or times) / times
    ids = int(byte_sizes(examples.ids).sum())
    staged = records * (_STAGED_RECORD + _STAGED_SEQUENCE * len(examples.sequences)) + ids
    staged += 0 if spec.duplicate_ids == DuplicateIds.keep else records * _ID_RECORD
    names = sum(_FEATURE + len(feature.name) for feature in stored_features(spec))
    encoded = records * (_FRAME + names) + ids
    dictionaries = 0.0
    values = {**examples.sequences, **({LABEL: examples.label} if isinstance(examples.label, Ragged) else {})}
    for sequence in values.values():
        width = _NUMBER
        if pa.types.is_dictionary(sequence.values.type):
            different = pc.unique(sequence.values.indices)
            # A varint holds 7 bits of an id in a byte.
            width = -(-max(1, (len(different) + 2).bit_length()) // 7)
            dictionaries += _dictionaries(sequence.values, different, times, blocks)
        staged += len(sequence.values) * _NUMBER
        encoded += len(sequence.values) * width
    return times * (staged + copies * encoded) + dictionaries


def _dictionaries(tokens: pa.DictionaryArray, different: pa.Array, times: float, blocks: int) -> float:
    """Returns the bytes of the different tokens: twice for each block, and three times for all.

    Different tokens grow with a power of the number of tokens (Heaps' law), which two halves of the
    sample tell.
    """
    if not len(different):
        return 0.0
    half = max(1, len(pc.unique(tokens.indices[: len(tokens) // 2])))
    power = min(1.0, math.log2(len(different) / half))
    size = byte_sizes(tokens.dictionary.take(different)).sum() / len(different)
    of_a_block = len(different) * (times / blocks) ** power
    of_all = len(different) * times**power
    return float(blocks * of_a_block * (2 * size + _IN_BLOCK) + of_all * (3 * size + _IN_ALL))


def _more_keys(half: int, whole: int, times: float) -> float:
    """Returns how many times as many keys as a sample the input has.

    Were each event of a key drawn at random from K, n events would have d(n) = K (1 - exp(-n / K)) keys, and
    d(2n) / d(n) = 1 + exp(-n / K). Where the second half of the sample brings as many new keys as the first,
    as in files sorted by key, they grow with the input.

    Args:
      half: Keys in the first half of the sample.
      whole: Keys in all of it.
      times: How many times the sample the input is.
    """
    new = min(1.0, max(1e-9, whole / max(1, half) - 1))
    if new == 1:
        return times
    rate = 2 * math.log(new)
    return math.expm1(rate * times) / math.expm1(rate)


def check_space(job: Job, need: Need) -> str:
    """Returns a sentence about the disk, empty where the output lies on none of this machine's.

    Raises:
      UsageError: Less is free than the run is likely to need.
    """
    free = free_bytes(job.output)
    if free is None:
        return ""
    if free < need.likely:
        raise UsageError(
            f"--output {job.output}: {_size(free)} are free on its disk, and staging and output need about "
            f"{_size(need.likely)}; free some space, or name a folder on another disk"
        )
    tight = "; this may be too little" if free < need.most else ""
    return f"disk: about {_size(need.likely)}, at most {_size(need.most)}, of {_size(free)} free{tight}"


def is_disk_full(error: BaseException) -> bool:
    """Returns whether an error tells of a full disk; runners keep nothing of it but its text."""
    return os.strerror(errno.ENOSPC) in str(error)


def with_need(error: DataError, need: Need) -> DataError:
    """Returns an error with what the run needs, where it tells of a full disk; else the same."""
    if not is_disk_full(error):
        return error
    return DataError(
        f"{error}; the run needs about {_size(need.likely)}, at most {_size(need.most)}, at a time; free some space, "
        "or name a folder on another disk as --output",
        error.details,
    )


def free_bytes(path: str) -> int | None:
    """Returns the bytes free where a local path lies or will lie; None where that is unknown."""
    if not files.is_local(path):
        return None
    folder = Path(path).absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _size(count: int) -> str:
    """Returns a number of bytes in words."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
