"""Being told to stop: by Ctrl-C, or by SIGTERM, as schedulers do before they take a machine away."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from schemas.errors import LengthwiseError


class Stopped(LengthwiseError):  # noqa: N818  # nothing went wrong
    """A training was told to stop, and has kept where it was."""

    exit_code = 130


@contextmanager
def terminable() -> Iterator[None]:
    """Within it SIGTERM interrupts as Ctrl-C does, so that nothing half written is left behind.

    Raises:
      KeyboardInterrupt: There was one.
    """
    if threading.current_thread() is not threading.main_thread():  # only there can signals be caught
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class StopSignals:
    """Notices SIGINT and SIGTERM while it is entered; a second one interrupts at once.

    Attributes:
      told: Whether to stop at the next step.
    """

    def __init__(self) -> None:
        """Notices nothing yet."""
        self.told = False
        self._at_once = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopSignals":
        """Takes the place of the handlers, which only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        """Puts the handlers back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within it the first signal interrupts, for work without steps in which to look.

        Raises:
          KeyboardInterrupt: There was one.
        """
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        again, self.told = self.told, True
        if again or self._at_once:
            raise KeyboardInterrupt
