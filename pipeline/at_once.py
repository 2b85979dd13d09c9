"""Many small requests to a filesystem: several at a time where each of them waits for a network."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from pipeline import files

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 16  # requests of one worker
_AHEAD = 256  # answers held at a time


def at_once(work: Callable[[T], R], items: Iterable[T], folder: str) -> Iterable[R]:
    """Yields what `work` returns for each item, in their order.

    Args:
      work: Asks the filesystem; what it raises is raised here.
      items: What to ask for.
      folder: A path on the filesystem that is asked; on the local disk one request follows the other.
    """
    if files.is_local(folder):
        yield from map(work, items)
        return
    waiting = iter(items)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while some := list(islice(waiting, _AHEAD)):
            yield from pool.map(work, some)
