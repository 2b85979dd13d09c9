"""What a stream has made of records that are known one by one, on any engine: each of them is in one place."""

import hashlib
import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.cli import main
from pipeline.streaming.closing import closings
from schemas.manifest import load_manifest
from schemas.spans.folder import load_data
from tests.engines.commands import run_here
from tests.pipeline.helpers import read_dataset, tree

SPEC = """
name: messages
id: id
event_time: {from: at}
sequences: {text: {type: tokens, tokenizer: whitespace, vocabulary: {min_frequency: 2}}}
label: {from: kind, type: class}
split: {by: hash, fractions: {train: 0.8, validation: 0.1, test: 0.1}}
buckets: {count: 4}
"""


class Placed(NamedTuple):
    """A record and where it stands.

    Attributes:
      place: Offset of Kafka, or byte of a file.
      end: Behind it.
      value: As it was written.
    """

    place: int
    end: int
    value: bytes | None


Truth = Mapping[str, Sequence[Placed]]  # by source, all records from its beginning on


class Fates(NamedTuple):
    """How many records ended where.

    Attributes:
      kept: In spans.
      rejected: In the rejected output of spans.
      too_late: In the rejected output of what came too late.
      late: In spans of late records, kept or rejected.
      spans: Number of spans.
      late_spans: Of these, those of late records.
    """

    kept: int
    rejected: int
    too_late: int
    late: int
    spans: int
    late_spans: int


def make_base(folder: Path, records: Iterable[bytes]) -> Path:
    """Makes the data set whose vocabulary and buckets the spans take; returns its folder."""
    folder.mkdir(parents=True)
    (folder / "spec.yaml").write_text(SPEC)
    (folder / "base.jsonl").write_bytes(b"".join(line + b"\n" for line in records))
    arguments = ["--spec", str(folder / "spec.yaml"), "--input", str(folder / "base.jsonl")]
    end = run_here(["run", *arguments, "--output", str(folder / "base"), "--no_report"])
    assert end.code == 0, end.stderr
    return folder / "base"


def assert_each_once(root: Path, truth: Truth) -> Fates:
    """Checks that each record is in one closed window, and in one span or one rejected row."""
    _assert_positions_once(root, truth)
    found = _outcomes(root)
    wanted = Counter(_name(source, record) for source, records in truth.items() for record in records)
    seen = found.kept + found.rejected + found.too_late
    # By id where a record is in a span, else by its place.
    ids = {_place(source, record): _name(source, record) for source, rows in truth.items() for record in rows}
    named = Counter({ids.get(name, name): 0 for name in seen})
    for name, count in seen.items():
        named[ids.get(name, name)] += count
    assert miscounted(named.elements(), wanted.elements()) == {}
    late = [name for name in found.sizes if "-late" in name]
    return Fates(
        found.kept.total(),
        found.rejected.total(),
        found.too_late.total(),
        sum(found.sizes[name] for name in late),
        len(found.sizes),
        len(late),
    )


def miscounted(found: Iterable[Hashable], wanted: Iterable[Hashable]) -> dict[Hashable, tuple[int, int]]:
    """Returns what there is more or less often than wanted: how often each, found and wanted; a readable failure."""
    times, rather = Counter(found), Counter(wanted)
    return {one: (times[one], rather[one]) for one in times | rather if times[one] != rather[one]}


def assert_as_batch(root: Path, truth: Truth, base: Path, folder: Path) -> None:
    """Checks that the spans hold what one run makes of all records but those that came too late."""
    too_late = set(_rows(root / "too_late"))
    for source, records in truth.items():
        kept = [record.value or b"null" for record in records if _place(source, record) not in too_late]
        path = folder / f"{source.rpartition('/')[2]}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(line + b"\n" for line in kept))
    options = ["--span", "all", "--base_dataset", str(base), "--max_rejected", "50%", "--accept_drift", "--no_report"]
    inputs = ["--spec", str(base.parent / "spec.yaml"), "--input", str(folder / "*.jsonl")]
    end = run_here(["run", *inputs, "--output", str(folder / "batch"), *options])
    assert end.code == 0, end.stderr
    streamed, batch = load_data(root), load_data(folder / "batch")
    assert streamed.data_fingerprint == batch.data_fingerprint
    assert main(["verify", str(root)]) == 0


def assert_nothing_left(root: Path) -> None:
    """Checks that nothing lies there that waits for anything."""
    left = {path for path in tree(root / ".stream") if path.split("/")[0] in {"spool", "windows", "stop"}}
    assert left == set()
    assert not [path for path in tree(root) if ".staging" in path or path.endswith(".tmp") or path.startswith("failed")]


def published(root: Path) -> dict[str, str]:
    """Returns digests of what must not change any more: manifests, closings and rejected rows, by path."""
    patterns = ("spans/*/manifest.json", ".stream/closings/*.json", "too_late/*.jsonl")
    paths = [path for pattern in patterns for path in root.glob(pattern)]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def changed(before: Mapping[str, str], now: Mapping[str, str], may_grow: bool = False) -> list[str]:
    """Returns the paths of `published` that are gone or of other content, and, if it may not grow, new ones."""
    paths = before if may_grow else before.keys() | now.keys()
    return sorted(path for path in paths if before.get(path) != now.get(path))


class _Outcomes(NamedTuple):
    kept: Counter[str]
    rejected: Counter[str]
    too_late: Counter[str]
    sizes: dict[str, int]


def _outcomes(root: Path) -> _Outcomes:
    """Reads every record of every span, and every rejected row."""
    kept: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    sizes = {}
    for folder in sorted((root / "spans").iterdir()):
        counts = load_manifest(folder).counts
        records, rows = [one.id for one in read_dataset(folder)], _rows(folder / "rejected")
        assert (counts.kept, sum(counts.rejected.values())) == (len(records), len(rows))
        assert counts.read == counts.kept + sum(counts.rejected.values())
        assert counts.read == closings.load(str(root / ".stream" / "closings"), folder.name).records
        kept.update(records)
        rejected.update(rows)
        sizes[folder.name] = counts.read
    return _Outcomes(kept, rejected, Counter(_rows(root / "too_late")), sizes)


def _rows(folder: Path) -> list[str]:
    lines = [line for path in sorted(folder.rglob("*.jsonl")) for line in path.read_text().splitlines()]
    return ["{file}@{offset}".format(**json.loads(line)) for line in lines]


def _place(source: str, record: Placed) -> str:
    return f"{source}@{record.place}"


def _name(source: str, record: Placed) -> str:
    try:
        return str(json.loads(record.value or b"")["id"])
    except (ValueError, KeyError, TypeError):
        return _place(source, record)


def _assert_positions_once(root: Path, truth: Truth) -> None:
    folder = root / ".stream" / "closings"
    ranges = [closings.load(str(folder), path.stem).positions for path in sorted(folder.glob("*.json"))]
    assert {source for positions in ranges for source in positions} <= set(truth)
    for source, records in truth.items():
        times_closed = np.zeros(max((record.end for record in records), default=0), np.int64)
        for start, end in (pair for positions in ranges for pair in positions.get(source, ())):
            times_closed[start:end] += 1
        assert (times_closed == 1).all(), f"{source}: {np.flatnonzero(times_closed != 1)[:10]}"
