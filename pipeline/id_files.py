"""The record ids of one staged part in a file, in shares that hold the same ids in every part.

An id is kept as 128 bits of its BLAKE2b digest: two ids of a thousand million records are alike by chance once
in 10^20 such data sets. A share is a range of digests, so that whoever reads one share of all parts sees every
record with the same id. The file is an Arrow file with a record batch for each share.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import files
from pipeline.arrow_files import write_batches
from schemas.buckets import Int64s

Digests = npt.NDArray[np.uint64]

_IDS = pa.schema(
    {
        "high": pa.uint64(),
        "low": pa.uint64(),
        "record": pa.int32(),  # its place in the part
        "file": pa.dictionary(pa.int32(), pa.string()),
        "offset": pa.int64(),
    }
)


def write_ids(path: str, digests: Digests, sources: pa.DictionaryArray, offsets: Int64s, shares: int) -> None:
    """Writes the ids of a part.

    Args:
      path: Of the file.
      digests: uint64, (records, 2).
      sources: The file of each record.
      offsets: Position of each in its file.
      shares: Their number.
    """
    share = (digests[:, 0] >> np.uint64(32)) * np.uint64(shares) >> np.uint64(32)
    order = np.argsort(share, kind="stable")
    columns = [pa.array(digests[:, 0]), pa.array(digests[:, 1]), pa.array(np.arange(len(digests), dtype=np.int32))]
    batch = pa.record_batch([*columns, sources, pa.array(offsets)], schema=_IDS)
    batch = batch if shares == 1 else batch.take(pa.array(order))
    ends = np.searchsorted(share[order], np.arange(shares + 1)).tolist()
    write_batches(path, _IDS, (batch.slice(start, end - start) for start, end in pairwise(ends)))


def read_ids(path: str, share: int) -> pa.RecordBatch:
    """Returns the ids of a part in one share: high and low halves of the digest, record, file and offset."""
    return read_batch(path, share)


def read_batch(path: str, number: int) -> pa.RecordBatch:
    """Returns one record batch of a file."""
    with files.reading(path) as stream, pa.ipc.open_file(pa.PythonFile(stream, mode="r")) as reader:
        return reader.get_batch(number)


def repeated(high: npt.NDArray[np.uint64], low: npt.NDArray[np.uint64]) -> tuple[Int64s, Int64s]:
    """Returns the places of records whose digest an earlier record has, and those of the first ones that have it.

    Args:
      high: uint64, (records,); one half of each digest, in the order of the records.
      low: The other half.

    Returns:
      int64, (repeated,), each; in the order of the digests.
    """
    ordered = np.sort(high)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    rows = np.flatnonzero(np.isin(high, again)) if len(again) else np.zeros(0, np.int64)
    rows = rows[np.lexsort((rows, low[rows], high[rows]))]
    new = np.ones(len(rows), bool)
    new[1:] = (high[rows][1:] != high[rows][:-1]) | (low[rows][1:] != low[rows][:-1])
    first = rows[np.maximum.accumulate(np.where(new, np.arange(len(rows)), 0))]
    return rows[~new], first[~new]
