"""Beam's filesystem of S3-compatible stores, with other requests than Beam's.

Paths and patterns are Beam's, and so are the options. Beam makes a client for each request (a tenth of a second),
looks an object up before it reads or writes it, reads 16 MiB where a few bytes are asked for, writes each object
with three requests, cannot write an empty one, tries what cannot work for ten minutes, and where writing is broken
off it completes the object as far as it is. Here a file costs one request, and an object is whole or not there.
"""

import io
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, cast

from apache_beam.io.aws.s3filesystem import S3FileSystem
from apache_beam.io.filesystem import CompressionTypes, FileMetadata

from pipeline.stores.client import BUSY, CHANGED, UNKNOWN, StoreError, client_of, in_words
from pipeline.stores.reader import ObjectStream

SCHEME = "s3://"
PART_BYTES = 8 << 20  # of an upload; a file of fewer bytes is written by one request
_BUFFER_BYTES = 256 << 10
_MOST_DELETED = 1_000  # by one request
_MOST_COPIED = 5 << 30  # bytes, by one request
_TRIES = 4  # of a conditional request, where another one is under way, which takes a moment
_PAUSE_SECONDS = 0.5


class ObjectStore(S3FileSystem):  # type: ignore[misc]  # Beam has no types
    """Objects of an S3-compatible store; what a method raises is an OSError with a line a person understands."""

    @classmethod
    def scheme(cls) -> str:
        """One that no path has: Beam itself must find one filesystem for s3 only, its own."""
        return "lengthwise-s3"

    @property
    def client(self) -> Any:
        """The client, shared by all of the process."""
        return client_of(self._options)

    def exists(self, path: str) -> bool:
        """Returns whether there is an object of this name."""
        try:
            return bool(self._head(path))
        except FileNotFoundError:
            return False

    def size(self, path: str) -> int:
        """Returns the bytes of an object."""
        return int(self._head(path)["ContentLength"])

    def metadata(self, path: str) -> FileMetadata:
        """Returns size and time of the last change of an object."""
        head = self._head(path)
        return FileMetadata(path, int(head["ContentLength"]), head["LastModified"].timestamp())

    def open(self, path: str, mime_type: str = "", compression_type: str = CompressionTypes.UNCOMPRESSED) -> BinaryIO:
        """Opens an object to read its bytes as they are."""
        bucket, key = split_path(path)

        def fetch(wanted: str, version: str) -> Any:
            same = {"IfMatch": version} if version else {}
            with in_words(bucket):
                return self.client.get_object(Bucket=bucket, Key=key, Range=wanted, **same)

        return cast("BinaryIO", io.BufferedReader(ObjectStream(fetch), _BUFFER_BYTES))

    def read(self, path: str) -> bytes:
        """Returns all bytes of an object."""
        return self._fetch(path)

    def read_range(self, path: str, start: int, size: int) -> bytes:
        """Returns bytes of an object; fewer where it ends."""
        return self._fetch(path, Range=f"bytes={start}-{start + size - 1}") if size else b""

    def write(self, path: str, content: bytes | memoryview) -> None:
        """Writes an object by one request, which takes effect at once or not at all."""
        self._put(path, content)

    def version(self, path: str) -> str:
        """Returns the store's tag of an object, which is another one once it is written anew; empty: there is none."""
        try:
            return str(self._head(path)["ETag"])
        except FileNotFoundError:
            return ""

    def write_over(self, path: str, content: bytes, version: str) -> bool:
        """Writes an object by one request, unless another one is there than its writer knows of.

        Args:
          path: Of the object.
          content: What it will hold.
          version: Of the object that may be there, as `version` returns it.

        Returns:
          Whether it was written. A store that knows no conditions writes it whatever is there.
        """
        condition = {"IfMatch": version} if version else {"IfNoneMatch": "*"}
        for left in reversed(range(_TRIES)):
            try:
                self._put(path, content, **condition)
                return True
            except FileNotFoundError:  # it was deleted
                return False
            except StoreError as error:
                if error.code in CHANGED:
                    return False
                if error.code in UNKNOWN and condition:
                    condition = {}
                elif error.code not in BUSY or not left:
                    raise
                else:
                    time.sleep(_PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def write_pieces(self, path: str, pieces: Iterable[bytes | memoryview], final: Callable[[], str]) -> str:
        """Writes an object whose name may be known only once all of it is; see `pipeline.files.write_pieces`."""
        whole = iter(pieces)
        first = _gather(whole)
        if len(first) < PART_BYTES:
            target = final()
            self.write(target, first)
            return target
        self._upload(path, first, whole)
        target = final()
        if target != path:
            self.rename([path], [target])
        return target

    def rename(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        """Copies objects within the store, then deletes those that were copied; raises where either fails."""
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            self._copy(source, target)
        self.delete(source_file_names)

    def delete(self, paths: Iterable[str]) -> None:
        """Deletes objects; one that is not there is no error."""
        by_bucket: dict[str, list[str]] = {}
        for path in paths:
            bucket, key = split_path(path)
            by_bucket.setdefault(bucket, []).append(key)
        for bucket, keys in by_bucket.items():
            for start in range(0, len(keys), _MOST_DELETED):
                self._delete(bucket, keys[start : start + _MOST_DELETED])

    def abort_uploads(self, folder: str) -> int:
        """Gives up uploads below a folder that nobody completes, which nobody sees but the bill; returns how many."""
        bucket, prefix = split_path(f"{folder.rstrip('/')}/")
        count = 0
        with in_words(bucket):
            pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
            for page in pages:
                for upload in page.get("Uploads", []):
                    self.client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                    count += 1
        return count

    def files_in(self, folder: str) -> Iterator[FileMetadata]:
        """Yields the objects in a folder, without those in folders within it."""
        yield from self._list(f"{folder.rstrip('/')}/", Delimiter="/")

    def _list(self, dir_or_prefix: str, **other: str) -> Iterator[FileMetadata]:
        bucket, prefix = split_path(dir_or_prefix)
        with in_words(bucket):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **other)
            for page in pages:
                for item in page.get("Contents", []):
                    path = f"{SCHEME}{bucket}/{item['Key']}"
                    yield FileMetadata(path, item["Size"], item["LastModified"].timestamp())

    def _put(self, path: str, content: bytes | memoryview, **condition: str) -> None:
        bucket, key = split_path(path)
        with in_words(bucket):
            self.client.put_object(Bucket=bucket, Key=key, Body=bytes(content), **condition)

    def _head(self, path: str) -> Any:
        bucket, key = split_path(path)
        with in_words(bucket):
            return self.client.head_object(Bucket=bucket, Key=key)

    def _fetch(self, path: str, **wanted: str) -> bytes:
        bucket, key = split_path(path)
        with in_words(bucket):
            return bytes(self.client.get_object(Bucket=bucket, Key=key, **wanted)["Body"].read())

    def _copy(self, source: str, target: str) -> None:
        (from_bucket, from_key), (bucket, key) = split_path(source), split_path(target)
        place = {"Bucket": from_bucket, "Key": from_key}
        with in_words(bucket):
            if self.size(source) <= _MOST_COPIED:
                self.client.copy_object(CopySource=place, Bucket=bucket, Key=key)
            else:
                self.client.copy(place, bucket, key)

    def _delete(self, bucket: str, keys: list[str]) -> None:
        wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with in_words(bucket):
            errors = self.client.delete_objects(Bucket=bucket, Delete=wanted).get("Errors", [])
        if errors:  # which boto3 does not raise
            first = errors[0]
            raise OSError(f"{SCHEME}{bucket}/{first['Key']}: cannot be deleted: {first['Code']} {first['Message']}")

    def _upload(self, path: str, first: bytes, rest: Iterator[bytes | memoryview]) -> None:
        """Writes an object in parts, and gives them up where one fails: it is there once the last call is answered."""
        bucket, key = split_path(path)
        with in_words(bucket):
            upload = self.client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
            where = {"Bucket": bucket, "Key": key, "UploadId": upload}
            try:
                parts: list[dict[str, Any]] = []
                content = first
                while content:
                    number = len(parts) + 1
                    tag = self.client.upload_part(**where, PartNumber=number, Body=content)["ETag"]
                    parts.append({"ETag": tag, "PartNumber": number})
                    content = _gather(rest)
                self.client.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
            except BaseException:
                self.client.abort_multipart_upload(**where)
                raise


def split_path(path: str) -> tuple[str, str]:
    """Returns the bucket and the name of an object, which may be empty.

    Raises:
      ValueError: The path names no bucket.
    """
    bucket, _, key = path.removeprefix(SCHEME).partition("/")
    if not bucket:
        raise ValueError("names no bucket; say s3://BUCKET/PATH")
    return bucket, key


def _gather(pieces: Iterator[bytes | memoryview]) -> bytes:
    """Returns the next pieces until they are a part of an upload; empty: there are none."""
    found, size = [], 0
    for piece in pieces:
        found.append(piece)
        size += memoryview(piece).nbytes
        if size >= PART_BYTES:
            break
    return b"".join(found)
