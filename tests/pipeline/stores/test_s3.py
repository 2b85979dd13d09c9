"""Single files on an object store: what each costs, and what nobody ever sees of them."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import files
from pipeline.listing import sizes_within, states
from pipeline.stores import s3
from pipeline.stores.client import StoreError
from pipeline.stores.reader import ObjectStream
from pipeline.stores.s3 import ObjectStore
from pipeline.stores.systems import object_store
from schemas.errors import DataError
from tests.pipeline.stores.server import StoreServer


def test_a_file_is_one_request(bucket: str, server: StoreServer) -> None:
    path = files.join(bucket, "a", "b.gz")
    files.write(path, b"0123456789")
    assert files.read(path) == b"0123456789"
    assert files.read_range(path, 3, 4) == b"3456"
    assert files.read_range(path, 8, 4) == b"89"
    assert files.read_range(path, 0, 0) == b""
    assert server.counts == {"PUT": 1, "GET": 3, "bytes": 16}
    assert (files.exists(path), files.exists(path[:-1]), files.size(path)) == (True, False, 10)
    assert server.counts["HEAD"] == 3


def test_an_empty_file_is_written_and_read(bucket: str) -> None:
    path = files.join(bucket, "empty")
    files.write(path, b"")
    assert files.read(path) == b""
    with files.reading(path) as stream:
        assert stream.read() == b""
        assert stream.seek(0, 2) == 0


def test_a_buffer_is_filled_by_one_request_or_not_at_all(bucket: str, server: StoreServer) -> None:
    path = files.join(bucket, "file")
    files.write(path, b"0123456789")
    buffer = bytearray(b"-" * 9)
    files.read_into(path, 1, memoryview(buffer)[2:8])
    assert buffer == b"--123456-"
    assert server.counts["GET"] == 1
    with pytest.raises(DataError, match=re.escape(f"{path}: ends at byte 10, 2 bytes too early")):
        files.read_into(path, 5, memoryview(bytearray(7)))


def test_a_stream_asks_once_for_what_is_read_in_order(bucket: str, server: StoreServer) -> None:
    path, content = files.join(bucket, "file"), bytes(range(256)) * 8_000
    files.write(path, content)
    with files.reading(path) as stream:
        assert stream.read(10) == content[:10]
        stream.seek(0)
        assert stream.read() == content
    assert server.counts["GET"] == 1
    with files.reading(path) as stream:
        assert stream.seek(-4, 2) == len(content) - 4
        assert stream.read() == content[-4:]
        stream.seek(-100_000, 2)
        assert stream.read(9) == content[-100_000:-99_991]  # a footer and what it points at, in one request
    assert server.counts["GET"] == 2
    assert server.counts["HEAD"] == 0


class _Stored:
    """Answers requests for ranges of bytes; now and then a connection breaks."""

    def __init__(self, content: bytes, breaks_after: int) -> None:
        self._content, self._breaks_after, self._left = content, breaks_after, 0

    def fetch(self, wanted: str, version: str) -> Any:
        first, last = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted).groups()  # type: ignore[union-attr]
        size = len(self._content)
        start = int(first) if first else max(0, size - int(last))
        if start >= size:
            raise StoreError(5, "beyond", "416")
        self._left = self._breaks_after if first else size
        self._at = start
        return {"Body": self, "ContentRange": f"bytes {start}-{size - 1}/{size}", "ETag": "x"}

    def read(self, size: int = -1) -> bytes:
        most = len(self._content) - self._at if size < 0 else size
        if not self._left:
            raise ConnectionResetError("reset")
        part = self._content[self._at : self._at + min(most, self._left)]
        self._left -= len(part)
        self._at += len(part)
        return part

    def close(self) -> None:
        pass


@given(
    content=st.binary(max_size=200),
    steps=st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.integers(-250, 250), st.integers(0, 250)), max_size=8),
    breaks_after=st.integers(1, 60),
)
def test_any_reads_are_those_of_a_file(content: bytes, steps: list[tuple[int, int, int]], breaks_after: int) -> None:
    stream, at = ObjectStream(_Stored(content, breaks_after).fetch), 0
    for whence, offset, size in steps:
        at = max(0, (0, at, len(content))[whence] + offset)
        assert stream.seek(offset, whence) == at
        found = b""
        while len(found) < size and (part := stream.read(size - len(found))):
            found += part
        assert found == content[at : at + size]
        at += len(found)
        assert stream.tell() == at


def test_an_object_that_is_replaced_while_it_is_read_is_no_mixture(bucket: str) -> None:
    path = files.join(bucket, "file")
    files.write(path, b"a" * 3_000_000)
    with pytest.raises(DataError, match="was written anew while it was read"), files.reading(path) as stream:
        stream.read(1)
        files.write(path, b"b" * 3_000_000)
        stream.seek(2_000_000)
        stream.read(1)


def test_a_large_file_goes_up_in_parts_and_gets_its_name_at_last(
    bucket: str, server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 5 << 20)
    pieces = [bytes([i]) * (1 << 20) for i in range(12)]
    target = files.join(bucket, "final")
    assert files.write_pieces(files.join(bucket, "part"), pieces, lambda: target) == target
    assert server.counts == {"BEGIN": 1, "PART": 3, "COMPLETE": 1, "HEAD": 1, "COPY": 1, "DELETE": 1}
    assert files.read(target) == b"".join(pieces)
    assert files.every_file(bucket) == ["final"]


@pytest.mark.parametrize("count", [1, 7])
def test_what_breaks_off_is_never_seen(bucket: str, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 5 << 20)

    def pieces() -> Iterator[bytes]:
        yield from [b"x" * (1 << 20)] * count
        raise DataError("broken off")

    with pytest.raises(DataError, match=r"^broken off$"):
        files.write_pieces(files.join(bucket, "part"), pieces(), lambda: files.join(bucket, "final"))
    assert files.every_file(bucket) == []
    assert object_store().abort_uploads(bucket) == 0


def test_uploads_of_a_killed_run_are_given_up(bucket: str) -> None:
    store, name = object_store(), bucket.removeprefix("s3://")
    for key in ("data/part", "other/part"):
        store.client.create_multipart_upload(Bucket=name, Key=key)
    assert files.every_file(bucket) == []
    assert store.abort_uploads(f"{bucket}/data") == 1
    assert store.abort_uploads(bucket) == 1


def test_a_failed_rename_raises_and_loses_nothing(bucket: str, server: StoreServer) -> None:
    source, target = files.join(bucket, "a"), files.join(bucket, "b")
    files.write(source, b"1")
    files.rename(source, target)
    assert files.every_file(bucket) == ["b"]
    with pytest.raises(DataError, match=re.escape(f"{target}: cannot be written: no such object")):
        files.rename(source, target)
    for kind, left in (("COPY", ["b"]), ("DELETE", ["b", "c"])):
        server.refused = lambda asked, path, kind=kind: "400 Bad" * (asked == kind)
        with pytest.raises(DataError, match="cannot be written: the store says Refused: not now"):
            files.rename(target, files.join(bucket, "c"))
        server.refused = lambda kind, path: ""
        assert files.every_file(bucket) == left


def test_what_a_store_does_not_delete_is_told(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Denies:
        def delete_objects(self, **wanted: Any) -> Any:
            return {"Errors": [{"Key": "a", "Code": "AccessDenied", "Message": "no"}]}

    monkeypatch.setattr(ObjectStore, "client", Denies())
    with pytest.raises(OSError, match="a: cannot be deleted: AccessDenied no"):
        files.delete([files.join(bucket, "a")])


def test_a_short_refusal_of_the_store_is_overcome(bucket: str, server: StoreServer) -> None:
    refused = iter(["503 Slow Down"])
    server.refused = lambda kind, path: next(refused, "")
    files.write(files.join(bucket, "a"), b"1")
    assert server.counts["PUT"] == 2


def test_folders_are_listed_and_deleted(bucket: str, server: StoreServer) -> None:
    names = ["data/a.jsonl", "data/sub/b.jsonl", "data/.hidden", "data/.staging/x", "data2/c.jsonl"]
    for name in names:
        files.write(files.join(bucket, name), name.encode())
    server.counts.clear()
    folder = files.join(bucket, "data")
    assert [file.path for file in files.match(files.join(folder, "*.jsonl"))] == [f"{folder}/a.jsonl"]
    assert [file.path for file in files.below(folder)] == [f"{folder}/a.jsonl", f"{folder}/sub/b.jsonl"]
    assert [file.path for file in files.below(f"{folder}/")] == [f"{folder}/a.jsonl", f"{folder}/sub/b.jsonl"]
    assert files.match_any(folder, ["*.jsonl", "*/*.jsonl", "sub/c*"]) == [f"{folder}/a.jsonl", f"{folder}/sub/b.jsonl"]
    assert files.match(files.join(bucket, "none")) == []
    assert sizes_within(folder) == {name.removeprefix("data/"): len(name) for name in names[:4]}
    found = states([f"{folder}/a.jsonl", f"{folder}/none"])
    assert found[f"{folder}/a.jsonl"].bytes == 12
    assert found[f"{folder}/a.jsonl"].changed > 1e9
    assert f"{folder}/none" not in found
    assert server.counts == {"LIST": 6, "HEAD": 1}
    files.delete_folder(folder)
    assert files.every_file(bucket) == ["data2/c.jsonl"]


def test_many_files_are_deleted_by_few_requests(bucket: str, server: StoreServer) -> None:
    files.delete(files.join(bucket, f"{i}") for i in range(2_001))  # none of which is there
    assert server.counts == {"DELETE": 3}
