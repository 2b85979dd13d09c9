"""What a run on any engine leaves, in a form that two runs can be compared by."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from schemas.manifest import fingerprint, load_manifest, named_files


class Outcome(NamedTuple):
    """A data set.

    Attributes:
      fingerprint: Of the manifest, computed from what the manifest says.
      digests: SHA-256 by path of every file that the manifest names (shards, their indexes, vocabularies, statistics),
        computed from the files; "missing" where there is none.
      stated: The same, as the manifest states it.
    """

    fingerprint: str
    digests: dict[str, str]
    stated: dict[str, str]


def outcome_of(folder: str | Path) -> Outcome:
    """Reads a data set on the local disk, every byte of it.

    Raises:
      DataError: There is none.
    """
    manifest = load_manifest(folder)
    stated = named_files(manifest)
    return Outcome(fingerprint(manifest), {path: _digest(Path(folder) / path) for path in stated}, stated)


def differences(a: Outcome, b: Outcome) -> list[str]:
    """Returns in words what differs between two data sets, or between one of them and its own manifest."""
    found = [f"fingerprints: {a.fingerprint} and {b.fingerprint}"] if a.fingerprint != b.fingerprint else []
    for name, outcome in (("first", a), ("second", b)):
        wrong = [path for path, digest in outcome.digests.items() if digest != outcome.stated[path]]
        found += [f"{name}: no shard"] if not any(path.endswith(".tfrecord") for path in outcome.digests) else []
        found += [f"{path}: is not what the {name} manifest states: {outcome.digests[path]}" for path in wrong]
    for path in sorted(a.digests.keys() | b.digests.keys()):
        if path not in a.digests or path not in b.digests:
            found.append(f"{path}: only in the {'first' if path in a.digests else 'second'}")
        elif a.digests[path] != b.digests[path]:
            found.append(f"{path}: {a.digests[path]} and {b.digests[path]}")
    return found


def _digest(path: Path) -> str:
    if not path.is_file():
        return "missing"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
