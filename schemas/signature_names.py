"""The names of what a saved model takes, which may hold letters, digits and "_" only."""

import re
from collections.abc import Iterable

from schemas.errors import DataError

_OTHER = re.compile(r"[^A-Za-z0-9_]")


def signature_name(name: str) -> str:
    """Returns the name by which a signature takes a feature: "frames_missing" of "frames/missing"."""
    return _OTHER.sub("_", name)


def signature_names(names: Iterable[str]) -> dict[str, str]:
    """Returns `signature_name` of each of some names.

    Raises:
      DataError: Two of them would be the same.
    """
    taken: dict[str, str] = {}
    for name in sorted(names):
        argument = signature_name(name)
        if argument in taken:
            raise DataError(
                f"'{taken[argument]}' and '{name}' would both be '{argument}' in a signature, whose names hold "
                "letters, digits and '_' only; rename one of them in the spec, write the data set again, and train "
                "on it"
            )
        taken[argument] = name
    return {name: argument for argument, name in taken.items()}
