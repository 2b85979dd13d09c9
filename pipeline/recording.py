"""Which files a thread writes, with digests of what was in memory: nothing is read again to know them."""

import contextlib
import hashlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple


class Written(NamedTuple):
    """A file that was written.

    Attributes:
      path: Its path.
      bytes: Its size.
      sha256: Of its content, hexadecimal.
    """

    path: str
    bytes: int
    sha256: str


class _Recorder(threading.local):
    """Of a thread.

    Attributes:
      written: The files that it has written; None where nobody wants to know them.
      digest: Of the file that it writes.
      size: Bytes of it so far.
    """

    written: list[Written] | None = None
    digest: Any = None
    size: int = 0


_recorder = _Recorder()


@contextlib.contextmanager
def recording() -> Iterator[list[Written]]:
    """Context in which the files that this thread writes are listed, in the order in which they are whole.

    Those of a context within another one are listed in both.
    """
    before, written = _recorder.written, list[Written]()
    _recorder.written = written
    try:
        yield written
    finally:
        _recorder.written = before
        if before is not None:
            before += written


def recorded(pieces: Iterable[bytes | memoryview]) -> Iterable[bytes | memoryview]:
    """Returns the pieces of a file, and digests each as it goes by."""
    return pieces if _recorder.written is None else _digested(pieces)


def note(path: str) -> None:
    """Lists the file whose pieces went by last."""
    if _recorder.written is not None:
        _recorder.written.append(Written(path, _recorder.size, _recorder.digest.hexdigest()))


def pieces_digest() -> str:
    """Returns the SHA-256 of the pieces that went by last, of a file that may have no name yet."""
    return str(_recorder.digest.hexdigest())


def last_digest() -> str:
    """Returns the SHA-256 of the file that this thread wrote last; empty where nobody wants to know it."""
    return _recorder.written[-1].sha256 if _recorder.written else ""


def _digested(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += memoryview(piece).nbytes
        yield piece
    _recorder.digest, _recorder.size = digest, size
