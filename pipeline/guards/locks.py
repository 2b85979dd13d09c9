"""One run at a time writes to a folder: a lock of the kernel's on DIR/.lock, which ends with its holder.

The lock is flock(2) on the open file, so that one that a dead process left is free whatever its content says, and
nothing depends on process ids or clocks. The content only tells whoever has to wait whom for. Object stores have no
locks; see `pipeline.guards.publication`.
"""

import contextlib
import datetime
import errno
import fcntl
import json
import os
import platform
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline import files
from schemas.errors import HeldError, UsageError
from schemas.messages import printable

LOCK_NAME = ".lock"
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_MOST_BYTES = 4096  # of the content


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, as the content of its file says.

    Attributes:
      run: Name of the run; empty until it has one.
      host: Where it runs.
      pid: Its process there.
      since: When it took the lock, in seconds since 1970.
      command: What it was told to do.
    """

    run: str
    host: str
    pid: int
    since: float
    command: str

    def told(self, now: float | None = None) -> str:
        """Returns the holder in words.

        Args:
          now: Seconds since 1970, for its age, which is left out where a clock was set back meanwhile.
        """
        run = f"run {printable(self.run)}, " if self.run else ""
        age = f" ({_in_words(now - self.since)})" if now is not None and now >= self.since else ""
        return f"{run}pid {self.pid} on host {printable(self.host)}, since {_as_date(self.since)}{age}"


@dataclass
class _Held:
    """A lock of this process.

    Attributes:
      descriptor: Of the open file; None where the filesystem knows no locks.
      thread: That took it.
      holder: What the file says.
    """

    descriptor: int | None
    thread: int
    holder: Holder


_held: dict[str, _Held] = {}


def _forget_in_child() -> None:
    """A process that is forked off must not keep the lock alive when this one is dead."""
    for held in _held.values():
        if held.descriptor is not None:
            os.close(held.descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)


@contextlib.contextmanager
def holding(folder: str, command: str, console: Console) -> Iterator[None]:
    """Context in which no other run writes to a folder, which is made where it is missing.

    A thread that holds the lock may take it again. An object store has none, nor has what is no folder, which
    whoever plans the run refuses.

    Args:
      folder: The folder.
      command: What the run does, for whoever has to wait.
      console: Told of a lock that a dead run left, and of a filesystem without locks.

    Raises:
      HeldError: Another run holds it.
      UsageError: The folder cannot be written to.
    """
    if not folder or not files.is_local(folder) or files.is_file(folder) or _is_mine(folder):
        yield
        return
    key = _key(folder)
    made = _make_folders(folder)
    try:
        _held[key] = _take(folder, command, console)
        try:
            yield
        finally:
            _release(folder, _held.pop(key))
    finally:
        for path in made:  # only those that are empty: a run that fails leaves nothing
            with contextlib.suppress(OSError):
                path.rmdir()


def is_held(folder: str) -> bool:
    """Returns whether this process can be sure that no other one writes to a folder."""
    held = _held.get(_key(folder))
    return held is not None and held.descriptor is not None


def _is_mine(folder: str) -> bool:
    held = _held.get(_key(folder))
    return held is not None and held.thread == threading.get_ident()


def name_run(folder: str, run: str) -> None:
    """Writes the name of the run that holds a lock into its file."""
    held = _held.get(_key(folder))
    if held is not None and held.descriptor is not None:
        held.holder = replace(held.holder, run=run)
        _tell(held.descriptor, held.holder)


def _key(folder: str) -> str:
    return str(Path(folder).resolve()) if files.is_local(folder) else folder


def _make_folders(folder: str) -> list[Path]:
    """Makes a folder; returns those that were missing, the innermost first."""
    path = Path(folder)
    missing = [part for part in (path, *path.parents) if not part.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(folder, error) from None
    return missing


def _not_writable(folder: str, error: OSError) -> UsageError:
    return UsageError(f"--output: {folder}: cannot be written: {error.strerror}; name another folder")


def _take(folder: str, command: str, console: Console) -> _Held:
    path = Path(folder, LOCK_NAME)
    now = datetime.datetime.now(datetime.UTC).timestamp()
    holder = Holder("", platform.node(), os.getpid(), now, command)
    while True:
        try:
            # Neither a link, which may lead anywhere, nor what the processes of workers would inherit.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:  # whoever held the lock has deleted the empty folder
            _make_folders(folder)
            continue
        except OSError as error:
            raise _not_writable(str(path), error) from None
        try:
            locked = _try_lock(folder, descriptor, now, console)
            if locked and not _is_at(descriptor, path):  # its holder deleted it between the two steps
                os.close(descriptor)
                continue
            before = _content(descriptor)
            if locked and before is not None:
                line = f"{folder}: taking over from a run that was killed: {before.told()}"
                console.print(line, highlight=False)
            if locked:
                _tell(descriptor, holder)
        except BaseException:
            os.close(descriptor)
            raise
        if not locked:
            os.close(descriptor)
        return _Held(descriptor if locked else None, threading.get_ident(), holder)


def _try_lock(folder: str, descriptor: int, now: float, console: Console) -> bool:
    """Locks an open file; returns False where the filesystem has no locks.

    Raises:
      HeldError: Another run holds it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        other = _content(descriptor)
        who = f": {other.told(now)}" if other else ""
        raise HeldError(f"{folder}: another run writes there{who}; wait for it, or stop it") from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise _not_writable(f"{folder}/{LOCK_NAME}", error) from None
        # Not refused: whoever has only such a filesystem could not work at all, publishing is one atomic step without
        # a lock, too, and what two runs would share (staging that one goes on from) is not shared here.
        line = f"{folder}: its filesystem has no locks ({error.strerror}); let one run at a time write there"
        console.print(line, highlight=False)
        return False


def _is_at(descriptor: int, path: Path) -> bool:
    """Returns whether an open file is the one that lies at a path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _tell(descriptor: int, holder: Holder) -> None:
    content = json.dumps(asdict(holder)).encode()
    with contextlib.suppress(OSError):  # on a full disk the lock holds all the same
        os.pwrite(descriptor, content, 0)
        os.ftruncate(descriptor, len(content))


def _content(descriptor: int) -> Holder | None:
    """Returns what the file of a lock says; None where it says nothing (yet)."""
    try:
        values: dict[str, Any] = json.loads(os.pread(descriptor, _MOST_BYTES, 0))
        text = {name: str(values[name]) for name in ("run", "host", "command")}
        return Holder(pid=int(values["pid"]), since=float(values["since"]), **text)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _release(folder: str, held: _Held) -> None:
    """Deletes the file while the lock is still held: nobody ever deletes the file of another."""
    path = Path(folder, LOCK_NAME)
    if held.descriptor is None:
        with contextlib.suppress(OSError):
            path.unlink()
        return
    with contextlib.suppress(OSError):
        if _is_at(held.descriptor, path):
            path.unlink()
    os.close(held.descriptor)


def _as_date(seconds: float) -> str:
    try:
        return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "an unknown time"


def _in_words(seconds: float) -> str:
    """Returns a length of time in its two largest units."""
    whole = int(seconds)
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller} {name}"
    return f"{whole} s"
