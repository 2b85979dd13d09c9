"""Closes windows: decides what each is made of, and writes that down, once."""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from pipeline import files
from pipeline.guards import durable, lease
from pipeline.origins import SUFFIX
from pipeline.report import words
from pipeline.streaming.closing import closings
from pipeline.streaming.closing.closings import TOO_LATE, Closing
from pipeline.streaming.closing.due import Held, Times, due_time, free_name, held_bytes, kind_of, take_due
from pipeline.streaming.closing.gather import Gathered, Placed, gather, is_covered, new_lines, positions_of
from pipeline.streaming.closing.ledger import Ledger
from pipeline.streaming.closing.publish import is_there
from pipeline.streaming.job import StreamJob
from pipeline.streaming.spooled import Spooled
from schemas.errors import DataError, RefusedError
from schemas.formats.rejected import Rejected, dump_rejected, excerpt
from schemas.streams.positions import NONE
from schemas.streams.windows import window_name

TOO_LATE_REASON = "too_late"
_ATTEMPTS = 100  # to close a window that others close at the same time
_DIGEST_DIGITS = 12


def windows_there(job: StreamJob) -> set[str]:
    """Returns the names of windows whose records lie there, closed or not, for no span is published of them yet."""
    return {path.split("/", 1)[0] for path in files.every_file(files.join(job.folder, "windows"))}


class Closer:
    """Decides for one stream; used by one thread at a time."""

    def __init__(self, job: StreamJob) -> None:
        self.job = job
        self.times = Times(job.window, job.lateness)
        self._others: set[str] = set()  # spans that were there and are none of a stream's
        self._told = set(job.left)  # closings whose spans somebody has been asked to publish
        self._told_open = -1
        self._sizes: Counter[int] | None = None  # bytes that are held, by window
        self._stopped: int | None = None  # event time that the source had reached when it was stopped

    @cached_property
    def ledger(self) -> Ledger:
        """What is closed, as of the last look."""
        ledger = Ledger(self.job.closings)
        ledger.refresh()
        return ledger

    def hold(self, ref: Spooled, reached: int, others: Callable[[], Iterable[Held]]) -> Held:
        """Returns records that have come with what they will be.

        Args:
          ref: To them.
          reached: How far event time has come.
          others: Returns all that waits, these not yet; asked once.

        Raises:
          RefusedError: Their window holds more than it may.
        """
        if self._sizes is None:
            self._sizes = held_bytes(others())
        self._sizes[ref.window] += ref.bytes
        self._tell()
        self.check_size(f"window {window_name(ref.window, self.job.window)}: holds", self._sizes[ref.window])
        return Held(ref, kind_of(ref.window, self.times, reached, self.is_closed(ref.window)))

    def due_times(self, held: Held) -> list[int]:
        """Returns the event times at which `close` may have something to do with what is held."""
        return [due_time(held.kind, held.ref.window, self.times)]

    def close(
        self, held: list[Held], reached: int, before: int, stopped: int | None = None
    ) -> tuple[list[str], list[Held]]:
        """Closes what is due.

        Args:
          held: All that waits.
          reached: How far event time has come: all that is not late has been read up to there.
          before: How far it had come at the call before this one, or before an earlier start ended.
          stopped: How far it had really come where the source was stopped and all is closed; None: as far as `reached`.

        Returns:
          Names of closings whose spans are to be published, and what goes on waiting.

        Raises:
          LengthwiseError: Records cannot be read, or nothing can be written.
        """
        self._stopped = stopped
        rest = self._close_all_due(held, reached, before)
        self._delete_closed(held, rest)
        self._sizes = held_bytes(rest)
        self._tell()
        return self._unpublished(), rest

    def _close_all_due(self, held: list[Held], reached: int, before: int) -> list[Held]:
        while True:
            try:
                return self._close_due(held, reached, before)
            except DataError:  # somebody else has closed what was being read, and deleted it?
                known = len(self.ledger.names)
                self.ledger.refresh()
                if len(self.ledger.names) == known:
                    raise

    def _delete_closed(self, held: list[Held], rest: list[Held]) -> None:
        """Deletes files that nobody needs any more, whatever older state a worker may begin again with."""
        left = {one.ref.path for one in rest}
        done = [one.ref for one in held if one.ref.path not in left]
        needless = [ref.path for ref in done if is_covered(ref.ranges, self.ledger.covered.get(ref.source, NONE))]
        with contextlib.suppress(OSError, DataError):
            files.delete([path + suffix for path in needless for suffix in ("", SUFFIX)])

    def _close_due(self, held: list[Held], reached: int, _before: int) -> list[Held]:
        """Closes what is due; returns what goes on waiting."""
        due, rest = take_due(held, self.times, reached)
        for (kind, window), refs in due.items():
            self.close_window(kind, window, lambda refs=refs: new_lines(refs, self.ledger.covered))  # type: ignore[misc]
        return rest

    def close_window(self, kind: str, window: int, new: Callable[[], Iterable[Placed]]) -> None:
        """Closes one window; what is in a closed window already is left out.

        Args:
          kind: What its records were held as.
          window: When it begins.
          new: Returns its records without those that are in a closed window by then.

        Raises:
          DataError: Records cannot be read, or nothing can be written.
        """
        for _ in range(_ATTEMPTS):
            self.ledger.refresh()  # others may have closed what is held here, under another name
            name, now = free_name(kind, window, self.job.window, self.ledger.names | self._others)
            if self._is_of_others(name, now):
                continue
            closing = self._plan(name, now, window, new())
            if closing is None:
                return
            # What a loss of power took of them nobody would read again, once they are said to be in this window.
            durable.sync(files.join(self.job.root, path) + end for path in closing.files for end in self._ends(closing))
            lease.check(self.job)  # who has taken over reads what is not closed again
            if closings.create(self.job.closings, closing):
                self.ledger.add(closing)
                return
            self._delete_needless(closing)
        raise DataError(f"{self.job.root}: others close windows there all the time; stop all streams but one")

    def _ends(self, closing: Closing) -> tuple[str, ...]:
        return ("",) if closing.kind == TOO_LATE else ("", SUFFIX)

    def _delete_needless(self, closing: Closing) -> None:
        """Deletes files of a closing that somebody else was quicker with, who may have written some of the same."""
        needed = closings.load(self.job.closings, closing.name).files
        files.delete([files.join(self.job.root, path) for path in closing.files if path not in needed])

    def _is_of_others(self, name: str, kind: str) -> bool:
        """Returns whether a name is taken by a span, so that another one has to be found."""
        if kind == TOO_LATE or not is_there(self.job.root, name):
            return False
        self.ledger.refresh()
        if name not in self.ledger.names:  # else another worker was faster, and what it took is left out
            self._others.add(name)
        return True

    def _plan(self, name: str, kind: str, window: int, parts: Iterable[Placed]) -> Closing | None:
        """Returns what a window is made of; None: of nothing that is not in another one."""
        found = self._reject(name, window, parts) if kind == TOO_LATE else gather(self.job.window_folder(name), parts)
        if not found.records:
            return None
        start = len(self.job.root) + 1
        paths = tuple(path[start:] for path in found.paths)
        length, is_over = self.job.window, self._stopped is None or window + self.job.window <= self._stopped
        return Closing(name, kind, window, length, paths, found.records, found.bytes, found.positions, is_over)

    def _reject(self, name: str, window: int, parts: Iterable[Placed]) -> Gathered:
        """Writes records that came too late to the rejected output."""
        every = list(parts)
        rejected = [item for part in every for item in _too_late(part, window, self.job)]
        if not rejected:
            return Gathered([], 0, 0, {})
        content = dump_rejected(rejected)
        # Others that close the same at the same time may have other records for it.
        digest = hashlib.sha256(content).hexdigest()[:_DIGEST_DIGITS]
        path = files.join(self.job.too_late, f"{name}-{digest}.jsonl")
        files.write(path, content)
        return Gathered([path], len(rejected), len(content), positions_of(every))

    def _tell(self) -> None:
        """Says how many windows are open, where that has changed."""
        count = len(self._sizes or ())
        if count != self._told_open:
            files.write(self.job.held_path, str(count).encode())
            self._told_open = count

    @property
    def waiting_bytes(self) -> int:
        """Bytes of all records that wait."""
        return sum((self._sizes or Counter()).values())

    def check_size(self, what: str, size: int) -> None:
        """Checks that records that are held together are not more than they may be.

        Args:
          what: Of which so many bytes are held, in words.
          size: In bytes.

        Raises:
          RefusedError: They are.
        """
        most = self.job.window_bytes
        if size > most:
            raise RefusedError(
                f"{what} {_in_words(size, most)} of records before it is over, and --window_bytes allows "
                f"{_in_words(most, size)}; nothing of it is published and nothing is lost: start the stream again and "
                "allow more, or with a shorter --window and another --output"
            )

    def is_closed(self, window: int) -> bool:
        """Returns whether a window has been closed."""
        return window_name(window, self.job.window) in self.ledger.names

    def _unpublished(self) -> list[str]:
        """Returns closings whose records still lie there and that nobody has been told of, in order.

        More than those of this call: where a worker died after it had closed a window, who comes after it tells.
        """
        found = sorted((windows_there(self.job) & self.ledger.names) - self._told)
        self._told.update(found)
        return found


def _in_words(size: int, other: int) -> str:
    """Returns a number of bytes, in full where it would read like the one that it differs from."""
    return words.size(size) if words.size(size) != words.size(other) else f"{size:,} bytes"


def _too_late(part: Placed, window: int, job: StreamJob) -> Iterator[Rejected]:
    name = window_name(window, job.window)
    rule = f"a record must come before the window {name} and the lateness that --allowed_lateness allows are over"
    for text, position in zip(part.lines.texts, part.lines.positions.tolist(), strict=True):
        yield Rejected(part.source, position, 0, TOO_LATE_REASON, rule, excerpt(text))
