"""What the fields of sampled records hold: kinds, lengths, different values."""

from dataclasses import dataclass, field
from typing import Any

_MOST_VALUES = 2_000  # different values remembered for each field
_TEXT_WORDS = 3  # a field of fewer words on average is a name and no text


@dataclass
class FieldFacts:
    """Facts about one field.

    Attributes:
      kind: "string", "integer", "number", "boolean", "strings", "integers", "numbers", "frames",
        or "mixed".
      present: Records in which it has a value.
      empty: Of these, how many are an empty list, or a text without a word.
      dims: Numbers of one frame; 0 where it is no series.
      lengths: Words or elements of each record, in order.
      values: Different values, or elements of lists, as far as remembered.
      many_values: There are more than remembered.
    """

    kind: str = ""
    present: int = 0
    empty: int = 0
    dims: int = 0
    lengths: list[int] = field(default_factory=list)
    values: set[Any] = field(default_factory=set)
    many_values: bool = False

    def is_sequence(self) -> bool:
        """Whether it looks like a sequence rather than a single value."""
        if self.kind == "string":
            several = sum(self.lengths) >= _TEXT_WORDS * max(1, self.present)
            return several and (self.many_values or len(self.values) > self.present // 10)
        return bool(self.dims) or self.kind in {"strings", "integers"}

    def identifies(self, records: int) -> bool:
        """Whether every record has a value of its own, as far as remembered."""
        whole = self.present == records and self.kind in {"string", "integer"}
        return whole and (self.many_values or len(self.values) == records)

    def add(self, value: Any) -> None:
        """Adds the value of one record."""
        kind = _kind_of(value)
        self.present += 1
        # An empty list can be a list of anything.
        if kind != "empty" and kind != self.kind:
            self.kind = _merged(self.kind, kind)
        elements = value if isinstance(value, list) else value.split() if isinstance(value, str) else [value]
        self.lengths.append(len(elements))
        self.empty += not elements
        if kind == "frames":
            widths = {len(frame) for frame in value}
            self.dims = widths.pop() if len(widths) == 1 and self.dims in {0, len(value[0])} else -1
        elif kind == "numbers":
            self.dims = 1
        else:
            self._remember(value if isinstance(value, list) else [value])

    def _remember(self, values: list[Any]) -> None:
        if self.many_values:
            return
        self.values.update(value if isinstance(value, str | bool | int | float) else repr(value) for value in values)
        self.many_values = len(self.values) > _MOST_VALUES


def collect_facts(records: list[dict[str, Any]]) -> dict[str, FieldFacts]:
    """Returns the facts about every field, by path; fields that hold what no spec reads are left out."""
    facts: dict[str, FieldFacts] = {}
    for record in records:
        for path, value in _leaves(record, ""):
            facts.setdefault(path, FieldFacts()).add(value)
    return {path: fact for path, fact in facts.items() if fact.kind and fact.kind != "mixed" and fact.dims >= 0}


def _leaves(record: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found = []
    for name, value in record.items():
        if not name or "." in name:
            continue  # no path in a spec can say it
        if isinstance(value, dict):
            found += _leaves(value, f"{prefix}{name}.")
        elif value is not None:
            found.append((f"{prefix}{name}", value))
    return found


def _kind_of(value: Any) -> str:
    if isinstance(value, list):
        inner = {_kind_of(item) for item in value[:100]}
        if not inner:
            return "empty"
        if inner <= {"integers", "numbers"}:
            return "frames"
        if inner == {"integer", "number"}:
            return "numbers"
        return f"{inner.pop()}s" if len(inner) == 1 else "mixed"
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number"}
    return kinds.get(type(value), "mixed")


def _merged(old: str, new: str) -> str:
    """The kind of a field that has been of two kinds."""
    if not old:
        return new
    pair = {old, new}
    if pair == {"integer", "number"}:
        return "number"
    return "numbers" if pair == {"integers", "numbers"} else "mixed"
