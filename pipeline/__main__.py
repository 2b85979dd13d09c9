"""`python -m pipeline`."""

import gc
import os
import sys
from typing import NoReturn

from pipeline import cli
from pipeline.commands.common import INTERRUPTED

# Importing Beam and building a graph make some hundred thousand objects that stay. Python would look
# through them again and again for garbage, for a fifth of the time that importing takes.
_NEW_OBJECTS_BEFORE_COLLECTION = 100_000


def main() -> int:
    """Runs a command in a process of its own; returns the exit code."""
    gc.set_threshold(_NEW_OBJECTS_BEFORE_COLLECTION)
    code = cli.main()
    if code == INTERRUPTED:
        _end_at_once(code)
    gc.freeze()  # the memory of a process that ends needs no last look through it either
    return code


def _end_at_once(code: int) -> NoReturn:
    """Ends the process without waiting for threads: an interrupt in the middle of Beam may leave some that wait.

    Ours are stopped by then, and what they wrote is deleted.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
