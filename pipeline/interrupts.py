"""Interrupts that end a run wherever it is, but never in the middle of what must be done whole."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _State:
    """Of the main thread, the only one in which Python handles signals."""

    shielded = 0  # how many shields are open
    waiting = False  # whether a signal came meanwhile


@contextlib.contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Context in which SIGINT and SIGTERM raise KeyboardInterrupt and set the event.

    Runners wrap an interrupt in errors of their own, so that only the event tells it for sure.
    """
    interrupted = threading.Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        interrupted.set()
        if _State.shielded:
            _State.waiting = True
            return
        raise KeyboardInterrupt

    if not _in_main_thread():  # only there can signals be caught
        yield interrupted
        return
    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Context at whose end, and not before, an interrupt takes effect.

    For the few steps that would leave a lock held or a thread unknown if they were broken off.
    """
    if not _in_main_thread():
        yield
        return
    _State.shielded += 1
    try:
        yield
    finally:
        _State.shielded -= 1
        waiting = _State.waiting and not _State.shielded
        if waiting:
            _State.waiting = False
    if waiting:
        raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
