"""The index beside a shard: where each of its records begins, and how long it is.

A NumPy array file (.npy) of one (offset, length) for each record, in their order. `offset` is that
of the record's TFRecord frame in the shard, `length` the one that buckets go by.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.errors import DataError
from schemas.manifest_pb2 import Shard

POSITION = np.dtype([("offset", "<i8"), ("length", "<i4")])

Positions = npt.NDArray[np.void]


def open_index(folder: str | Path, shard: Shard) -> Positions:
    """Opens the index of a shard without reading it into memory.

    Args:
      folder: Of the data set.
      shard: Of the manifest.

    Returns:
      Records of the type `POSITION`, (records,), read from the disk where they are looked at.

    Raises:
      DataError: It is missing, is no index, or is that of another shard.
    """
    path = Path(folder) / shard.index_path
    try:
        # Not `np.load`, which opens archives as well, and says of pickles that they may be allowed.
        index: Any = np.lib.format.open_memmap(path, mode="r")
    except FileNotFoundError:
        raise DataError(f"{path}: is missing though the manifest names it; write the data set again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); write the data set again") from None
    except Exception as error:  # A damaged header fails in many ways: it is read as Python is.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"{path}: is damaged ({reason}); write the data set again") from None
    if index.dtype != POSITION or index.shape != (shard.records,):
        raise DataError(
            f"{path}: holds {index.dtype} of shape {index.shape} where the manifest says {shard.records} records; "
            "write the data set again"
        )
    positions: Positions = index
    return positions
