"""In what two specs, or other plain values, differ that must be the same."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from schemas.dataset_pb2 import DatasetSpec
from schemas.messages import canonical_json, printable, to_plain
from schemas.spec import resolve

# What a span may say otherwise than its base: where its records are found and what it is called and checked for, and
# what buckets were chosen by, which are chosen already; and when its records came to be, which is not stored.
FREE_OF_BASE = frozenset({"name", "input", "drift", "buckets.seconds", "event_time"})
# What says nothing of the records.
FREE_OF_ITSELF = frozenset({"name", "drift"})


class Difference(NamedTuple):
    """The first field in which two specs differ.

    Attributes:
      path: Of the field, such as sequences.text.max_length.
      ours: Its value as JSON; "nothing" where it is not set.
      theirs: In the other spec.
    """

    path: str
    ours: str
    theirs: str


def spec_difference(ours: DatasetSpec, theirs: DatasetSpec, free: Collection[str] = ()) -> Difference | None:
    """Returns the first field, by path, in which two specs differ once every default is filled in; None: in none.

    Args:
      ours: A spec.
      theirs: Another one.
      free: Paths of fields that may differ, with all below them.
    """
    if ours == theirs:
        return None
    found = _first(to_plain(resolve(ours)), to_plain(resolve(theirs)), "", free)
    return Difference(found[0], _shown(found[1]), _shown(found[2])) if found else None


def first_difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str | None:
    """Returns the path of the first field in which plain values differ; None: in none."""
    found = _first(ours, theirs, "", ())
    return found[0] if found else None


def _first(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str, free: Collection[str]
) -> tuple[str, Any, Any] | None:
    for name in sorted({*ours, *theirs}):
        where = f"{path}.{name}" if path else name
        mine, other = ours.get(name), theirs.get(name)
        if where in free or mine == other:
            continue
        if not isinstance(mine, Mapping | None) or not isinstance(other, Mapping | None):
            return where, mine, other
        found = _first(mine or {}, other or {}, where, free)
        if found:
            return found
    return None


def _shown(value: Any) -> str:
    return "nothing" if value is None else printable(canonical_json(value).decode())
