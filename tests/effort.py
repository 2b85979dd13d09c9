"""How much of what takes long a run of the tests tries: part of it ordinarily, all of it in a search."""

from hypothesis import settings

_ORDINARY = 60  # examples of a test that names no number, by `tests/conftest.py`

SEARCHES = settings.default.max_examples > _ORDINARY


def tries(count: int) -> int:
    """Returns the examples of a test that has so many ordinarily: in a search as many times more as other tests."""
    return count * settings.default.max_examples // _ORDINARY
