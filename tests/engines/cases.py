"""Runs that every engine must end with the same bytes: of text that is found on any machine, Python's own library."""

import itertools
import json
import shutil
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from examples.python_functions.harvest import Function, harvest

_PACKAGES = ("json", "logging", "urllib", "concurrent")
_SEQUENCE = "source: {type: tokens, tokenizer: words, lowercase: false"
PLAIN = f"name: plain\nid: id\nsequences: {{{_SEQUENCE}}}}}\nbuckets: {{count: 3}}\n"
LABELLED = f"""
name: labelled
id: id
duplicate_ids: keep_first
sequences: {{{_SEQUENCE}, vocabulary: {{top_k: 400, min_frequency: 2}}}}}}
label: {{from: package, type: class}}
split: {{by: hash, fractions: {{train: 0.8, validation: 0.1, test: 0.1}}}}
buckets: {{count: 4}}
"""
EVENTS = """
name: events
group: {by: function, order_by: line}
sequences: {word: {type: tokens, tokenizer: none}, width: {type: series, dims: 1}}
split: {by: hash, fractions: {train: 0.8, test: 0.2}}
buckets: {count: 2}
"""
SERIES = """
name: series
id: id
sequences: {shape: {type: series, dims: 2, normalize: zscore}}
label: {from: package, type: class}
buckets: {count: 3}
"""


class Case(NamedTuple):
    """A command to run on several engines.

    Attributes:
      name: Of the case.
      spec: File of its spec.
      inputs: Files of its records.
      options: Of `run`, beside spec, input and output.
      data: Folder of the data set within the output.
      before: A case that runs before it into the same output; None: none.
    """

    name: str
    spec: Path
    inputs: Sequence[Path | str]
    options: tuple[str, ...] = ()
    data: str = "."
    before: "Case | None" = None

    def arguments(self, output: Path | str, *flags: str) -> list[str]:
        """Returns the command line."""
        given = [word for path in self.inputs for word in ("--input", str(path))]
        return ["run", "--spec", str(self.spec), *given, "--output", str(output), "--no_report", *self.options, *flags]


def write_cases(folder: Path) -> list[Case]:
    """Writes specs and records; returns the cases."""
    functions = _functions(folder / "library")
    texts = [_as_text(function) for function in functions]
    first = _write(folder / "first.jsonl", texts[::2])
    second = _write(folder / "second.jsonl", [*texts[:80:2], *texts[1::2]])  # 40 ids occur again
    events = _write(folder / "events.jsonl", itertools.chain.from_iterable(map(_as_events, functions)))
    series = _write(folder / "series.jsonl", map(_as_series, functions))
    specs = {"plain": PLAIN, "labelled": LABELLED, "events": EVENTS, "series": SERIES}
    files = {name: folder / f"{name}.yaml" for name in specs}
    for name, text in specs.items():
        files[name].write_text(text)
    base = Case("span", files["labelled"], [first], ("--span", "1"), "spans/1")
    return [
        Case("plain", files["plain"], [first]),
        Case("labelled", files["labelled"], [first, second]),
        Case("events", files["events"], [events]),
        Case("series", files["series"], [series]),
        Case("span", files["labelled"], [second], ("--span", "2", "--accept_drift"), "spans/2", base),
    ]


def write_rejected(folder: Path, case: Case) -> Case:
    """Returns a case with a record that must be rejected."""
    bad = _write(folder / "bad.jsonl", [{"id": "no source"}])
    return case._replace(inputs=[*case.inputs, bad])


def _functions(library: Path) -> list[Function]:
    """Copies some packages, so that the rest of the library need not be read, and returns their functions."""
    for name in _PACKAGES:
        shutil.copytree(Path(sysconfig.get_path("stdlib"), name), library / name)
    return harvest(library).functions


def _as_text(function: Function) -> dict[str, Any]:
    return {"id": f"{function.name}:{function.line}", "source": function.source, "package": function.package}


def _as_series(function: Function) -> dict[str, Any]:
    lines = function.source.splitlines()
    shape = [[float(len(line) - len(line.lstrip())), float(len(line))] for line in lines]
    return {"id": f"{function.name}:{function.line}", "shape": shape, "package": function.package}


def _as_events(function: Function) -> list[dict[str, Any]]:
    lines = enumerate(function.source.splitlines())
    return [
        {
            "function": f"{function.name}:{function.line}",
            "line": i,
            "word": line.split()[0],
            "width": [float(len(line))],
        }
        for i, line in lines
        if line.strip()
    ]


def _write(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path
