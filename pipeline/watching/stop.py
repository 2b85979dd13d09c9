"""SIGTERM and SIGINT as something that can be waited for, so that nothing is broken off in the middle."""

import contextlib
import os
import select
import signal
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import IO

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether somebody asked to stop.

    A pipe and not `threading.Event`, whose lock a signal handler must not take.

    Attributes:
      count: How often they asked.
    """

    def __init__(self) -> None:
        self.count = 0
        self._reading, self._writing = os.pipe()

    @property
    def asked(self) -> bool:
        """Whether they did."""
        return self.count > 0

    def ask(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Asks to stop; a signal handler."""
        self.count += 1
        os.write(self._writing, b"!")

    def wait(self, seconds: float, streams: Sequence[IO[bytes]] = ()) -> bool:
        """Waits for a stop, or for one of some streams to have something to read.

        Returns:
          Whether a stop was asked for meanwhile; each is told once.
        """
        watched = [self._reading, *(stream.fileno() for stream in streams)]
        ready, _, _ = select.select(watched, [], [], max(0.0, seconds))
        if self._reading not in ready:
            return False
        os.read(self._reading, 1)
        return True

    def close(self) -> None:
        """Closes the pipe."""
        os.close(self._reading)
        os.close(self._writing)


@contextlib.contextmanager
def stoppable() -> Iterator[Stop]:
    """Context in which SIGTERM and SIGINT ask to stop; of the main thread."""
    stop = Stop()
    before = {number: signal.signal(number, stop.ask) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
