"""`python -m pipeline`."""

import gc
import sys

from pipeline import cli

# Importing Beam and building a graph make some hundred thousand objects that stay. Python would look
# through them again and again for garbage, for a fifth of the time that importing takes.
_NEW_OBJECTS_BEFORE_COLLECTION = 100_000


def main() -> int:
    """Runs a command in a process of its own; returns the exit code."""
    gc.set_threshold(_NEW_OBJECTS_BEFORE_COLLECTION)
    try:
        return cli.main()
    finally:
        gc.freeze()  # the memory of a process that ends needs no last look through it either


if __name__ == "__main__":
    sys.exit(main())
