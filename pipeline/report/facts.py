"""What a report is drawn from: everything that a data set says of itself, read once."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from pipeline import files
from schemas.buckets import Int64s
from schemas.errors import DataError
from schemas.manifest import MANIFEST_NAME, parse_manifest
from schemas.manifest_pb2 import LengthStatistics, Manifest, SplitStatistics
from schemas.messages import fill
from schemas.spec import CLASS, PER_STEP_CLASS, TRAIN
from schemas.statistics_pb2 import DatasetStatistics, LengthDetails
from schemas.vocabulary import parse_tokens

_MOST_EXAMPLES = 3  # rejected records of each reason
_STATISTICS_PREFIX, _STATISTICS_SUFFIX = "statistics", ".json"


@dataclass(frozen=True)
class Example:
    """A rejected record, as the data set's file of rejected records states it."""

    place: str
    rule: str
    excerpt: str


@dataclass(frozen=True)
class Facts:
    """All that is known of one data set.

    Attributes:
      manifest: As it is stored.
      statistics: What the records are like; None where there is no such file.
      classes: Names of the classes, in their order.
      examples: By reason: the first rejected records.
      missing: Sentences about what could not be read.
    """

    manifest: Manifest
    statistics: DatasetStatistics | None = None
    classes: tuple[str, ...] = ()
    examples: dict[str, list[Example]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def splits(self) -> list[str]:
        """Names of the splits: train, validation and test first, then the others by name."""
        usual = {"train": 0, "validation": 1, "test": 2}
        return sorted(self.manifest.statistics, key=lambda name: (usual.get(name, 3), name))

    @property
    def counts_label_steps(self) -> bool:
        """Whether classes are counted by steps and not by records."""
        return self.manifest.spec.label.type == PER_STEP_CLASS

    @property
    def has_classes(self) -> bool:
        """Whether the label is a class, of records or of steps."""
        return self.manifest.spec.label.type in (CLASS, PER_STEP_CLASS)


def training(manifest: Manifest) -> SplitStatistics:
    """Returns the statistics of the training split; of a span that has no training record, those of no records."""
    # Asking a map of messages for what it does not have would add it to the manifest.
    return manifest.statistics[TRAIN] if TRAIN in manifest.statistics else SplitStatistics()


def histogram(lengths: LengthStatistics | LengthDetails) -> tuple[Int64s, Int64s]:
    """Returns the distinct lengths in rising order and the records of each, int64, (n,) both."""
    return np.array(lengths.lengths, np.int64), np.array(lengths.counts, np.int64)


def load_facts(folder: str) -> Facts:
    """Reads what a report needs from the folder of a data set.

    Raises:
      DataError: There is no data set, or its manifest is damaged. Other files that are missing or
        changed are told in the report.
    """
    path = files.join(folder, MANIFEST_NAME)
    if not files.exists(path):
        raise DataError(f"{folder}: holds no data set (no {MANIFEST_NAME}); check the path")
    return gather(folder, parse_manifest(files.read(path), path))


def gather(folder: str, manifest: Manifest) -> Facts:
    """Returns the facts of a data set whose manifest was read already."""
    missing: list[str] = []
    statistics = _read_statistics(folder, manifest, missing)
    classes: tuple[str, ...] = ()
    content = _content(folder, manifest.classes.path, manifest.classes.sha256, missing)
    if content is not None:
        classes = tuple(parse_tokens(content, manifest.classes.path).to_pylist())
    examples: dict[str, list[Example]] = {}
    for file in manifest.rejected_files:
        content = _content(folder, file.path, file.sha256, missing)
        _add_examples(examples, content or b"", manifest)
    return Facts(manifest, statistics, classes, examples, tuple(missing))


def _read_statistics(folder: str, manifest: Manifest, missing: list[str]) -> DatasetStatistics | None:
    for file in manifest.statistics_files:
        name = PurePosixPath(file.path).name
        if name.startswith(_STATISTICS_PREFIX) and name.endswith(_STATISTICS_SUFFIX):
            content = _content(folder, file.path, file.sha256, missing)
            return None if content is None else fill(DatasetStatistics(), json.loads(content))
    missing.append("no file of statistics is named in the manifest")
    return None


def _content(folder: str, path: str, sha256: str, missing: list[str]) -> bytes | None:
    """Returns the content of a file that the manifest names, None where it is not what was written."""
    if not path:
        return None
    try:
        content = files.read(files.join(folder, path))
    except DataError:
        missing.append(f"{path} is missing")
        return None
    if hashlib.sha256(content).hexdigest() != sha256:
        missing.append(f"{path} was changed since it was written")
        return None
    return content


def _add_examples(examples: dict[str, list[Example]], content: bytes, manifest: Manifest) -> None:
    """Adds the first of each reason, and reads no further than it must."""
    totals = dict(manifest.counts.rejected)
    for reason, count in manifest.counts.events.rejected.items():
        totals[reason] = totals.get(reason, 0) + count
    wanted = sum(min(_MOST_EXAMPLES, count) for count in totals.values())
    start = 0
    while wanted and start < len(content):
        end = content.find(b"\n", start) % (len(content) + 1)
        row: dict[str, Any] = json.loads(content[start:end])
        start = end + 1
        found = examples.setdefault(row["reason"], [])
        if len(found) < _MOST_EXAMPLES:
            place = f"{row['file']}, line {row['line']}" if row["line"] else f"{row['file']} (offset {row['offset']})"
            found.append(Example(place, row["rule"], row["excerpt"]))
            wanted -= 1
