"""Whether records are events of sequences, and by what they would be grouped and ordered."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.infer.facts import FieldFacts
from schemas.times import parse_times

_LOOKED_AT = 1_000  # records whose times are read
_KEY_WORDS = ("id", "key", "case", "session", "user", "customer", "patient", "device", "trace")
_LEAST_EVENTS = 2  # of a key, on average
_LISTS = {"strings", "integers", "numbers", "frames"}


class Grouping(NamedTuple):
    """How events seem to belong together.

    Attributes:
      by: Field of the key.
      order_by: Field of the time.
      events: Of a key, on average.
    """

    by: str
    order_by: str
    events: float


def find_grouping(records: Sequence[Mapping[str, Any]], facts: Mapping[str, FieldFacts]) -> Grouping | None:
    """Returns how records would be grouped, where each has a time, a key that others share, and no list of its own.

    Args:
      records: Of the sample.
      facts: By path of the field.
    """
    if any(fact.kind in _LISTS for fact in facts.values()):
        return None
    whole = [path for path, fact in facts.items() if fact.present == len(records) and "." not in path]
    times = [path for path in whole if facts[path].kind == "string" and _are_times(records, path)]
    named = {path for path in whole if facts[path].kind in {"string", "integer"} and _is_key(path)}
    keys = sorted(named.difference(times))
    found = [(path, len(records) / len({record[path] for record in records})) for path in keys]
    shared = [(path, events) for path, events in found if events >= _LEAST_EVENTS]
    if len(times) != 1 or not shared:
        return None
    by, events = min(shared, key=lambda item: item[1])
    return Grouping(by, times[0], events)


def _are_times(records: Sequence[Mapping[str, Any]], path: str) -> bool:
    values = pa.array([record[path] for record in records[:_LOOKED_AT]], pa.string())
    return not parse_times(values, "iso8601", "UTC")[1].any()


def _is_key(path: str) -> bool:
    """Whether the name of a field is that of a key: its last word, or the one before an id, is."""
    name = path.lower()
    return name.endswith(_KEY_WORDS) or name.startswith(_KEY_WORDS[1:])
