"""What becomes of records when, and which of those that are held make up which window: pure functions.

A window is closed when event time has passed its end. What comes for a closed window is late: it waits until the
allowed lateness is over as well, and makes one span of its own. What comes after that is too late.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.streaming.closing.closings import LATE, TOO_LATE, WINDOW
from pipeline.streaming.spooled import Spooled
from schemas.streams.windows import late_name, window_name


class Held(NamedTuple):
    """Records that wait.

    Attributes:
      ref: To them.
      kind: What they will be: WINDOW, LATE or TOO_LATE.
    """

    ref: Spooled
    kind: str


class Times(NamedTuple):
    """How windows follow one another, in microseconds.

    Attributes:
      window: Length of a window.
      lateness: How long after its end records of a closed window are taken for a late span.
    """

    window: int
    lateness: int


def kind_of(window: int, times: Times, reached: int, is_closed: bool) -> str:
    """Returns what records of a window will be that come now.

    Args:
      window: When it begins.
      times: Of all windows.
      reached: How far event time has come.
      is_closed: Whether the window has been closed.
    """
    if window + times.window + times.lateness <= reached:
        return TOO_LATE
    return LATE if is_closed else WINDOW


def due_time(kind: str, window: int, times: Times) -> int:
    """Returns the event time at which what is held of a window is closed.

    Of what is too late it has passed, so that it is closed at once.
    """
    return window + times.window + (times.lateness if kind == LATE else 0)


def take_due(
    held: Iterable[Held], times: Times, reached: int
) -> tuple[dict[tuple[str, int], list[Spooled]], list[Held]]:
    """Returns what is to be closed, by kind and window, in the order of the windows, and what goes on waiting."""
    due: dict[tuple[str, int], list[Spooled]] = {}
    rest = []
    for one in held:
        if due_time(one.kind, one.ref.window, times) <= reached:
            due.setdefault((one.kind, one.ref.window), []).append(one.ref)
        else:
            rest.append(one)
    return {key: due[key] for key in sorted(due, key=lambda key: (key[1], key[0] != WINDOW, key[0]))}, rest


def free_name(kind: str, window: int, length: int, names: Iterable[str]) -> tuple[str, str]:
    """Returns the name under which something is closed now, and the kind that it has become by that.

    Of a window that is closed meanwhile, by whoever else, the rest is late.

    Args:
      kind: What it was held as.
      window: When it begins.
      length: Of a window.
      names: Of the closings that there are.
    """
    name, taken = window_name(window, length), set(names)
    if kind == WINDOW and name not in taken:
        return name, WINDOW
    if kind == TOO_LATE:
        return _first_free((f"{name}-too-late-{i}" for i in range(1, len(taken) + 2)), taken), TOO_LATE
    return _first_free((late_name(name, i) for i in range(1, len(taken) + 2)), taken), LATE


def held_bytes(held: Iterable[Held]) -> Counter[int]:
    """Returns the bytes that are held of each window."""
    found: Counter[int] = Counter()
    for one in held:
        found[one.ref.window] += one.ref.bytes
    return found


def _first_free(names: Iterable[str], taken: set[str]) -> str:
    return next(name for name in names if name not in taken)
