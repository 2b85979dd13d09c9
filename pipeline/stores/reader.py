"""A stream over an object: one request from where it is read to where that ends, none for what nobody reads."""

import io
import re
from collections.abc import Callable
from typing import Any

from pipeline.stores.client import BEYOND, StoreError

_TAIL_BYTES = 1 << 20  # fetched at once where somebody reads from the end: files with a footer are mostly smaller
_RANGE = re.compile(r"bytes \d+-\d+/(\d+)")
_TRIES = 3  # to go on where a connection broke
# The response to a request for a range of bytes, as HTTP states it, of the version with this tag (empty: any).
Fetch = Callable[[str, str], Any]


class ObjectStream(io.RawIOBase):
    """The bytes of an object, readable and seekable.

    Args:
      fetch: Asks for a range of it.
    """

    def __init__(self, fetch: Fetch) -> None:
        super().__init__()
        self._fetch = fetch
        self._at = 0
        self._size: int | None = None
        self._version = ""
        self._body: Any = None  # of a response; stands at `_body_at`
        self._body_at = 0
        self._tail, self._tail_at = b"", 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Returns the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves the position; asks for the end of the object where that is named, and for nothing else."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence)
        self._at = max(0, (self._find_end() if base is None else base) + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fills a buffer as far as the next bytes are at hand; 0: the object ends."""
        view = memoryview(buffer).cast("B")
        part = self._of_tail(len(view))
        if part is None:
            part = b"" if self._size is not None and self._at >= self._size else self._of_body(len(view))
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        """Gives the connection back, or drops it where bytes are under way that nobody wants."""
        self._drop()
        super().close()

    def _of_tail(self, size: int) -> bytes | None:
        if self._size is None or not self._tail or not self._tail_at <= self._at < self._size:
            return None
        start = self._at - self._tail_at
        return self._tail[start : start + size]

    def _of_body(self, size: int) -> bytes:
        for left in reversed(range(_TRIES)):
            try:
                if self._body is None or self._body_at != self._at:
                    self._ask()
                if self._body is None:  # the object ends before it
                    return b""
                part = bytes(self._body.read(size))
                self._body_at += len(part)
                if part or self._size is None or self._at >= self._size:
                    return part
                raise ConnectionError("the connection ended early")
            except _broken():
                self._drop()
                if not left:
                    raise
        raise AssertionError("unreachable")

    def _ask(self) -> None:
        self._drop()
        try:
            response = self._fetch(f"bytes={self._at}-", self._version)
        except StoreError as error:
            if error.code not in BEYOND:
                raise
            self._find_end()
            return
        self._note(response)
        self._body, self._body_at = response["Body"], self._at

    def _find_end(self) -> int:
        if self._size is None:
            try:
                response = self._fetch(f"bytes=-{_TAIL_BYTES}", self._version)
            except StoreError as error:
                if error.code not in BEYOND:
                    raise
                self._size = 0  # an empty object has no last bytes
                return 0
            self._tail = bytes(response["Body"].read())
            self._note(response)
            self._tail_at = (self._size or 0) - len(self._tail)
        return self._size or 0

    def _note(self, response: Any) -> None:
        found = _RANGE.match(response.get("ContentRange", ""))
        self._size = int(found[1]) if found else int(response["ContentLength"])
        self._version = response.get("ETag", self._version)

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
        self._body = None


def _broken() -> tuple[type[BaseException], ...]:
    """Returns what a body raises whose connection broke; a request itself is tried again by boto3."""
    from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError
    from urllib3.exceptions import HTTPError

    return ConnectionError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError, HTTPError
