"""The index beside a shard: read where it is looked at, refused where it is not that of the shard."""

import io
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import DataError
from schemas.manifest_pb2 import Shard
from schemas.shard_index import POSITION, open_index

TABLE = np.array([(0, 5), (40, 7), (90, 0)], POSITION)
SHARD = Shard(path="train/a.tfrecord", index_path="train/a.npy", records=3)


def saved(values: Any, allow_pickle: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=allow_pickle)
    return buffer.getvalue()


HUGE_HEADER = b"\x93NUMPY\x02\x00" + (20_000).to_bytes(4, "little") + b" " * 20_000


def several(**values: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **values)
    return buffer.getvalue()


def write(folder: Path, content: bytes) -> Path:
    path = folder / "train" / "a.npy"
    path.parent.mkdir()
    path.write_bytes(content)
    return path


class Explosive:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_an_index(tmp_path: Path) -> None:
    write(tmp_path, saved(TABLE))
    index = open_index(tmp_path, SHARD)
    assert isinstance(index, np.memmap)
    assert index.tolist() == TABLE.tolist()
    with pytest.raises(ValueError, match="read-only"):
        index["offset"][0] = 1


def test_a_missing_one(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        open_index(tmp_path, SHARD)
    expected = f"{tmp_path}/train/a.npy: is missing though the manifest names it; write the data set again"
    assert str(error.value) == expected


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (TABLE[:2], "[('offset', '<i8'), ('length', '<i4')] of shape (2,)"),
        (TABLE[:0], "[('offset', '<i8'), ('length', '<i4')] of shape (0,)"),
        (TABLE[:, None], "[('offset', '<i8'), ('length', '<i4')] of shape (3, 1)"),
        (TABLE["offset"].copy(), "int64 of shape (3,)"),
        (TABLE.astype([("offset", "<i4"), ("length", "<i4")]), "[('offset', '<i4'), ('length', '<i4')] of shape (3,)"),
    ],
    ids=["too few", "none", "another shape", "another type", "narrow offsets"],
)
def test_one_of_another_shard_or_type(tmp_path: Path, values: Any, found: str) -> None:
    path = write(tmp_path, saved(values))
    with pytest.raises(DataError) as error:
        open_index(tmp_path, SHARD)
    assert str(error.value) == f"{path}: holds {found} where the manifest says 3 records; write the data set again"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        saved(TABLE)[:-1],
        saved(TABLE)[:20],
        b"no array at all",
        several(a=TABLE),
        b"PK\x03\x04 no archive either",
        HUGE_HEADER,
    ],
    ids=["empty", "a byte short", "half a header", "garbage", "several arrays", "a broken archive", "a huge header"],
)
def test_one_that_is_no_array(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DataError) as error:
        open_index(tmp_path, SHARD)
    assert str(error.value).startswith(f"{path}: is damaged (")
    assert str(error.value).endswith("); write the data set again")
    assert "\n" not in str(error.value)


def test_any_damage_to_the_header_is_refused_or_leaves_an_index(tmp_path: Path) -> None:
    content = saved(TABLE)
    path = write(tmp_path, content)
    draw = random.Random(1)
    refused = 0
    for place in range(content.index(b"\n") + 1):
        for value in (0, 0xFF, *b"(){}[]',9-\n", draw.randrange(256)):
            path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            try:
                assert open_index(tmp_path, SHARD).shape == TABLE.shape
            except DataError as error:
                refused += 1
                assert "\n" not in str(error)
    assert refused > 500


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    path = write(tmp_path, saved(np.array([Explosive(trap)] * 3, object), allow_pickle=True))
    with pytest.raises(DataError) as error:
        open_index(tmp_path, SHARD)
    assert str(error.value).startswith(f"{path}: is damaged (")
    assert not trap.exists()


def test_a_pickle_is_not_unpickled(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    write(tmp_path, pickle.dumps(Explosive(trap)))
    with pytest.raises(DataError):
        open_index(tmp_path, SHARD)
    assert not trap.exists()


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "train" / "a.npy").mkdir(parents=True)
    with pytest.raises(DataError, match=r"a\.npy: cannot be read \(Is a directory\); write the data set again"):
        open_index(tmp_path, SHARD)
