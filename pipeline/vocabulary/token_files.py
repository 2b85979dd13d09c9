"""Token counts of one block in a file, in parts that hold the same tokens in every block.

A part is one of PARTITIONS, which a token belongs to by a hash of its bytes, so that all counts of a
token can be added up without looking at the other parts. The file is an Arrow file with a record batch
for each token column and partition; a reader fetches only those it asks for.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import files
from pipeline.arrow_files import write_batches
from pipeline.vocabulary.rules import vocabulary_rules
from pipeline.vocabulary.token_counts import COUNTS
from schemas.dataset_pb2 import DatasetSpec
from schemas.hashing import hash_strings

# A dictionary of strings, (n,), and indices into it, (tokens,).
Tokens = tuple[pa.Array, npt.NDArray[np.integer]]

PARTITIONS = 32
_SHIFT = np.uint64(64 - (PARTITIONS - 1).bit_length())


def token_columns(spec: DatasetSpec) -> list[str]:
    """Returns the vocabularies that are counted, by name: token sequences, categories, and "label" for classes."""
    return list(vocabulary_rules(spec))


def partition_of(tokens: pa.Array) -> npt.NDArray[np.int64]:
    """Returns the partition of each token, string, (n,): int64, (n,), in [0, PARTITIONS)."""
    partitions: npt.NDArray[np.int64] = (hash_strings(tokens) >> _SHIFT).astype(np.int64)
    return partitions


def occurring(dictionary: pa.Array, indices: npt.NDArray[np.integer]) -> pa.Table:
    """Returns the entries of a dictionary, string, (n,), that indices name, and how often, sorted by partition.

    Returns:
      A table of COUNTS whose rows are in the order of their partitions, one chunk for each of these.
    """
    counts = np.bincount(indices, minlength=len(dictionary)).astype(np.int64)
    partitions = np.where(counts > 0, partition_of(dictionary), PARTITIONS)
    order = np.argsort(partitions.astype(np.int8), kind="stable")
    ends = np.searchsorted(partitions[order], np.arange(PARTITIONS + 1))
    tokens = dictionary.take(pa.array(order[: ends[-1]])).cast(pa.large_string())
    whole = pa.table({"token": tokens, "count": counts[order[: ends[-1]]]}, schema=COUNTS)
    return pa.concat_tables(whole.slice(start, end - start) for start, end in pairwise(ends))


def joined(parts: Sequence[Tokens]) -> Tokens:
    """Returns the tokens of several features one after another, in one dictionary."""
    if len(parts) == 1:
        return parts[0]
    dictionaries = [dictionary.cast(pa.string()) for dictionary, _ in parts]
    whole = pa.concat_arrays(dictionaries).dictionary_encode()
    codes = whole.indices.to_numpy()
    ends = np.cumsum([0, *map(len, dictionaries)])
    indices = [codes[start + part.astype(np.int64)] for start, (_, part) in zip(ends, parts, strict=False)]
    return whole.dictionary, np.concatenate(indices)


def once_each(dictionary: pa.Array, indices: npt.NDArray[np.integer], records: npt.NDArray[np.integer]) -> Tokens:
    """Returns tokens without those that their record has twice.

    Args:
      dictionary: string, (n,), all different.
      indices: Of the tokens, (tokens,).
      records: Number of the record of each token, (tokens,).
    """
    size = max(1, len(dictionary))
    return dictionary, np.unique(records.astype(np.int64) * size + indices) % size


def write_token_counts(path: str, counted: Sequence[pa.Table]) -> None:
    """Writes the counts of a block.

    Args:
      path: Of the file.
      counted: As `occurring` returns them, for each token column in the order of `token_columns`.
    """
    batches = (
        pa.record_batch([tokens, counts], schema=COUNTS)
        for table in counted
        for tokens, counts in zip(table["token"].chunks, table["count"].chunks, strict=True)
    )
    write_batches(path, COUNTS, batches)


def read_token_counts(path: str, column: int, partitions: range) -> pa.Table:
    """Returns the counts of a block in some partitions of one token column, as a table of COUNTS."""
    with files.reading(path) as stream, pa.ipc.open_file(pa.PythonFile(stream, mode="r")) as reader:
        batches = [reader.get_batch(column * PARTITIONS + partition) for partition in partitions]
    return pa.Table.from_batches(batches, COUNTS)
