"""Proposes a spec from data: what each field seems to be, and what would have to be decided.

The proposal is meant to run as it stands, or after one more line: where it is unsure which field
is the label, it names the candidates and leaves the choice to a person.
"""

import contextlib
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import yaml

from pipeline.infer.events import Grouping, find_grouping
from pipeline.infer.facts import FieldFacts, collect_facts
from pipeline.infer.sample import take_sample
from schemas.errors import DataError, LengthwiseError
from schemas.formats.reading import COMPRESSION_SUFFIXES, LINES

_MOST_CLASSES = 1_000
_LABEL_NAMES = ("label", "labels", "class", "category", "target", "y", "tag", "tags", "sentiment")
_ID_NAMES = ("id", "uid", "uuid", "guid", "key", "record_id")
_MOST_TOP_K = 20_000
_SETTING = re.compile(r"`input: \{(format|encoding): ([^{}]+)\}` in the spec")
_NUMBERS = {"type": "series", "dims": 1, "layout": "flat", "normalize": "zscore"}
_SPLIT = {"by": "hash", "fractions": {"train": 0.8, "validation": 0.1, "test": 0.1}}


@dataclass(frozen=True)
class Proposal:
    """A spec to look at.

    Attributes:
      text: The spec as YAML, with comments.
      notes: What was found out on the way, for people.
    """

    text: str
    notes: list[str]


@dataclass
class _Draft:
    """A spec in the making."""

    values: dict[str, Any]
    candidates: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def propose(inputs: Sequence[str], named_format: str = "", encoding: str = "") -> Proposal:
    """Looks at records and proposes a spec.

    Args:
      inputs: Patterns, each `PATTERN` or `SPLIT=PATTERN`.
      named_format: Of all files; empty: by their suffixes.
      encoding: Of all files; empty: UTF-8.

    Raises:
      UsageError: A pattern that matches nothing.
      DataError: There is no record, or no field of the records holds a sequence.
    """
    with _said_as_options():
        sample = take_sample(inputs, named_format, encoding)
    found, records = sample.inputs, sample.records
    facts = collect_facts(records)
    grouping = find_grouping(records, facts)
    name, named = _name_of([file.path for file in found]), any(file.split for file in found)
    draft = _events(name, facts, grouping) if grouping else _draft(name, facts, len(records), named)
    if sample.settings:
        draft.values["input"] = sample.settings
    draft.notes.insert(0, sample.note)
    if len(found) > 1 and all(file.reading.format == LINES for file in found):
        draft.notes.insert(1, "each line is read as a record; where each file is one, say --format text_files")
    return Proposal(_render(draft), draft.notes)


@contextlib.contextmanager
def _said_as_options() -> Iterator[None]:
    """Context in which a remedy names the option of `infer`, not the setting of a spec that is not there yet."""
    try:
        yield
    except LengthwiseError as error:
        raise type(error)(_SETTING.sub(r"--\1 \2", str(error)), error.details) from error


def _name_of(paths: Sequence[str]) -> str:
    """Returns the name of a file without the suffixes of its compression and format; of several, their folder's."""
    name = PurePosixPath(paths[0])
    if len(paths) > 1:
        shared = (one for one in name.parents if all(PurePosixPath(path).is_relative_to(one) for path in paths))
        folder = next(shared, name).name
        if folder:
            return folder
    return PurePosixPath(name.stem).stem if name.suffix.lower() in COMPRESSION_SUFFIXES else name.stem


def _events(name: str, facts: dict[str, FieldFacts], grouping: Grouping) -> _Draft:
    """Returns a spec that groups events: each other field is a sequence of one step an event."""
    draft = _Draft(_named(name))
    draft.values["group"] = {
        "by": grouping.by,
        "order_by": grouping.order_by,
        "order_as": "time",
        "time_format": "iso8601",
        "zone": "UTC",
    }
    steps = {path: fact for path, fact in facts.items() if path not in {grouping.by, grouping.order_by}}
    names = _feature_names(steps)
    sequences: dict[str, Any] = {}
    for path, fact in sorted(steps.items()):
        values = _NUMBERS if fact.kind == "number" else {"type": "tokens"}
        aligned = {"aligned_with": next(iter(sequences))} if sequences else {}
        sequences[names[path]] = {**values, **({"from": path} if path != names[path] else {}), **aligned}
    if not sequences:
        raise DataError(f"the events hold nothing beside {grouping.by} and {grouping.order_by}; name another file")
    draft.values["sequences"] = sequences
    draft.values["split"] = dict(_SPLIT)
    draft.notes.append(
        f"these look like events: {grouping.events:.1f} for each {grouping.by}; proposed is to group them by it, in "
        f"the order of {grouping.order_by}; a time that states no offset is taken for UTC: correct `zone` otherwise"
    )
    return draft


def _named(name: str) -> dict[str, Any]:
    return {"name": _ascii(name).lstrip("_-0123456789") or "data"}


def _draft(name: str, facts: dict[str, FieldFacts], records: int, named: bool) -> _Draft:
    draft = _Draft(_named(name))
    identity = next((path for path in _by_name(facts, _ID_NAMES) if facts[path].identifies(records)), None)
    if identity:
        draft.values["id"] = identity
    rest = {path: fact for path, fact in facts.items() if path != identity}
    sequences = {path: fact for path, fact in rest.items() if fact.is_sequence()}
    label, kind = _find_label(rest, sequences, records, draft)
    sequences.pop(label, None)
    if not sequences:
        sequences = _longest_text(rest, label)
    if not sequences:
        raise DataError(f"no field holds a sequence (a text, a list of tokens or frames): {_describe(facts)}")
    names = _feature_names(sequences)
    draft.values["sequences"] = {
        names[path]: _sequence(path, names[path], fact, records, draft) for path, fact in sorted(sequences.items())
    }
    if label:
        draft.values["label"] = {"from": label, "type": kind}
        if kind == "per_step_class" and len(sequences) > 1:
            draft.values["label"]["of"] = names[_aligned_with(label, rest, sequences)]
    if not named:
        draft.values["split"] = dict(_SPLIT)
    return draft


def _sequence(path: str, name: str, fact: FieldFacts, records: int, draft: _Draft) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if fact.dims:
        values |= {"type": "series", "dims": fact.dims}
        if fact.kind == "numbers":
            values["layout"] = "flat"
        values["normalize"] = "zscore"
    else:
        values["type"] = "tokens"
        if fact.kind == "string":
            values |= {"tokenizer": "words", "lowercase": True}
        # Tokens seen once are no use but to train what stands for unknown ones.
        open_ended = fact.kind == "string" or fact.many_values
        values["vocabulary"] = {"top_k": _MOST_TOP_K, "min_frequency": 2 if open_ended else 1}
    if path != name:
        values["from"] = path
    if fact.empty:
        values["empty"] = "drop"
        draft.notes.append(f"{path}: {fact.empty:,} records are empty; proposed is to drop and count them")
    if fact.present < records:
        draft.notes.append(f"{path}: {records - fact.present:,} records lack it and would be rejected")
    return values


def _find_label(
    facts: dict[str, FieldFacts], sequences: dict[str, FieldFacts], records: int, draft: _Draft
) -> tuple[str, str]:
    """Returns path and type of the label, or empty strings where a person has to choose."""
    kinds = {path: _label_kind(path, fact, facts, sequences, records) for path, fact in facts.items()}
    candidates = [path for path, kind in kinds.items() if kind]
    likely = _by_name({path: facts[path] for path in candidates}, _LABEL_NAMES)
    chosen = likely[0] if likely else candidates[0] if len(candidates) == 1 else ""
    if chosen:
        fact = facts[chosen]
        shown = f"{len(fact.values)} different values" if fact.values else "numbers"
        draft.notes.append(f"label: {chosen} ({kinds[chosen]}, {shown})")
        return chosen, kinds[chosen]
    draft.candidates = [_in_one_line({"from": path, "type": kinds[path]}) for path in candidates]
    return "", ""


def _label_kind(
    path: str, fact: FieldFacts, facts: dict[str, FieldFacts], sequences: dict[str, FieldFacts], records: int
) -> str:
    if fact.present < records:
        return ""
    few = 2 <= len(fact.values) <= min(_MOST_CLASSES, max(2, records // 5)) and not fact.many_values
    if fact.kind == "strings" and few and _aligned_with(path, facts, sequences):
        return "per_step_class"
    if path in sequences:
        return ""
    if fact.kind in {"string", "integer", "boolean"} and few:
        return "class"
    return "number" if fact.kind == "number" else ""


def _aligned_with(path: str, facts: dict[str, FieldFacts], sequences: dict[str, FieldFacts]) -> str:
    """Returns the sequence that has as many steps as a list of tags in every record, if there is one."""
    for other, fact in sequences.items():
        richer = fact.dims or fact.many_values or len(fact.values) > 5 * len(facts[path].values)
        if other != path and richer and fact.lengths == facts[path].lengths:
            return other
    return ""


def _by_name(facts: dict[str, FieldFacts], names: Sequence[str]) -> list[str]:
    """Returns the paths whose last name is one of `names`, the most telling first."""
    last = {path: path.rsplit(".", 1)[-1].lower() for path in facts}
    return sorted((path for path in facts if last[path] in names), key=lambda path: (names.index(last[path]), path))


def _feature_names(sequences: Iterable[str]) -> dict[str, str]:
    """Returns a name for each path: its last name where that is a name of its own, else the whole path."""
    last = {path: path.rsplit(".", 1)[-1] for path in sequences}
    names: dict[str, str] = {}
    for path in sorted(last):
        alone = list(last.values()).count(last[path]) == 1 and last[path] not in {"id", "label"}
        clean = _ascii(last[path] if alone else path.replace(".", "_"))
        name = clean if clean[0].isalpha() and clean not in {"id", "label"} else f"field_{clean}"
        others = (f"{name}_{i}" for i in itertools.count(2))
        names[path] = name if name not in names.values() else next(o for o in others if o not in names.values())
    return names


def _ascii(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in name)


def _longest_text(facts: dict[str, FieldFacts], label: str) -> dict[str, FieldFacts]:
    """Returns the field of the most words; where all texts are short, one of them still is the sequence."""
    texts = {path: fact for path, fact in facts.items() if fact.kind == "string" and path != label}
    longest = max(texts, key=lambda path: (sum(texts[path].lengths), path), default=None)
    return {longest: texts[longest]} if longest else {}


def _in_one_line(values: dict[str, Any]) -> str:
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=True, width=math.inf)
    line = str(text).strip()
    return json.dumps(values) if "\n" in line else line  # a name may hold a newline; JSON is YAML, too


def _describe(facts: dict[str, FieldFacts]) -> str:
    return ", ".join(f"{path} ({fact.kind})" for path, fact in sorted(facts.items())) or "the records have no fields"


def _render(draft: _Draft) -> str:
    text = yaml.safe_dump(draft.values, sort_keys=False, allow_unicode=True, width=100)
    if draft.candidates:
        lines = "\n".join(f"# label: {candidate}" for candidate in draft.candidates)
        text += f"# Which field is the label? Remove the # of one, or keep all to prepare data without.\n{lines}\n"
    elif "label" not in draft.values:
        text += "# No field looks like a label; name one: label: {from: FIELD, type: class}\n"
    return text
