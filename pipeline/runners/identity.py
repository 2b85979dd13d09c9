"""What a process has of all that decides what a job does: told by who submits, compared by every worker.

A job carries a `Submitter`. Where a worker unpickles it, before any other code of the job is run there, what
the worker has is compared with what the submitting process has. So every process of every worker is checked, and
none writes a byte with other code than the rest.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from schemas.errors import DataError

PACKAGE = "lengthwise"
SOURCES = "sources"
_FOLDERS = ("pipeline", "schemas")
_SUFFIXES = (".py", ".json")
_FAILED, _LEASE = "failed", "lease"  # what else travels with the facts
_SHOWN = 8  # hexadecimal digits of a digest
# Other releases of these may read a job differently, or make other bytes of the same records.
_EQUAL = ("python", "apache-beam", "tokenizers")
_EQUAL_MAJOR = ("numpy", "protobuf", "pyarrow")


@dataclass(frozen=True)
class Submitter:
    """Stands for who submits a job: pickled, it tells what is there; unpickled, it refuses a worker that differs.

    Attributes:
      failed: Folder in which a worker leaves why it refuses; empty: it only raises that.
      lease: File that it deletes to end the run for all workers; empty: none.
    """

    failed: str = ""
    lease: str = ""

    def __reduce__(self) -> tuple[Callable[..., "Submitter"], tuple[dict[str, str]]]:
        return _arrive, ({**here(), _FAILED: self.failed, _LEASE: self.lease},)


def _arrive(sent: Mapping[str, str]) -> Submitter:
    """Checks the worker at which a job has arrived.

    Args:
      sent: As `here` returned it where the job was submitted.

    Raises:
      DataError: It has other code.
    """
    different = differences(sent, here())
    if different:
        error = DataError(
            f"a worker on {platform.node()} cannot do this job: it has {', '.join(different)}; "
            "install the same there (of a checkout: the same sources), or submit from where they are the same"
        )
        with contextlib.suppress(Exception):  # other code may do this in another way
            _leave(error, sent)
        raise error
    return Submitter(sent.get(_FAILED, ""), sent.get(_LEASE, ""))


def _leave(error: DataError, sent: Mapping[str, str]) -> None:
    """Leaves a refusal for the command and ends the run: Flink waits 3 minutes for who refuses, and tries again."""
    from pipeline import files
    from pipeline.failure import leave_message  # which itself knows the job

    if sent.get(_LEASE) and files.exists(sent[_LEASE]):
        leave_message(sent[_FAILED], error)
        files.delete([sent[_LEASE]])


def differences(sent: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Returns what makes a worker unfit for a job, in words.

    Args:
      sent: What the submitting process has, by name; what it does not know is left out or empty.
      found: What the worker has.
    """
    told = []
    # The version alone does not decide: that of a checkout is the one that it had when it was installed.
    if sent.get(SOURCES) != found.get(SOURCES):
        told.append(f"{_package(found)} where the job was submitted with {_package(sent)}")
    told += [f"{name} {found[name]} and not {sent[name]}" for name in _EQUAL if _differ(sent, found, name)]
    majors = {name: _major(sent, name) for name in _EQUAL_MAJOR}
    told += [
        f"{name} {found[name]} and not {major}.x"
        for name, major in majors.items()
        if major and _major(found, name) not in ("", major)
    ]
    return told


@functools.cache
def here() -> Mapping[str, str]:
    """Returns what this process has, by name: versions, and the digest of our own sources."""
    minor = ".".join(platform.python_version_tuple()[:2])
    packages = (PACKAGE, *_EQUAL[1:], *_EQUAL_MAJOR)
    return {SOURCES: sources_digest(), "python": minor, **{name: version_of(name) for name in packages}}


@functools.cache
def version_of(package: str) -> str:
    """Returns the version of an installed package; empty where it is not installed, or is a bare checkout."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


@functools.cache
def sources_digest() -> str:
    """Returns a digest of what this package consists of: a version says nothing of a checkout that was changed."""
    return digest_of_folders(Path(__file__).parents[2])


def digest_of_folders(root: Path) -> str:
    """Returns a digest of the sources of a copy of the package.

    Args:
      root: The folder that holds `pipeline` and `schemas`.

    Raises:
      DataError: One of them cannot be read.
    """
    digest = hashlib.sha256()
    for path in sorted(chain.from_iterable(_sources(root / folder) for folder in _FOLDERS)):
        content = hashlib.sha256(_content(path)).digest()
        digest.update(os.path.relpath(path, root).encode() + b"\0" + content)
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[str]:
    """Yields the paths of our own files; editors and notebooks leave hidden ones, which are never installed."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        ours = (f"{parent}/{name}" for name in names if name.endswith(_SUFFIXES) and not name.startswith("."))
        yield from filter(os.path.isfile, ours)


def _content(path: str) -> bytes:
    """Returns the content of a source file, with the line ends that Python reads whatever a checkout has."""
    try:
        return Path(path).read_bytes().replace(b"\r\n", b"\n")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; mend this copy of the package") from None


def _package(facts: Mapping[str, Any]) -> str:
    version = facts.get(PACKAGE) or "without a version"
    return f"{PACKAGE} {version} (sources {facts.get(SOURCES, '')[:_SHOWN] or 'unknown'})"


def _differ(sent: Mapping[str, str], found: Mapping[str, str], name: str) -> bool:
    """Returns whether both have a package, in different versions; what is needed and missing is told by who imports."""
    return bool(sent.get(name) and found.get(name)) and sent[name] != found[name]


def _major(facts: Mapping[str, str], name: str) -> str:
    return facts.get(name, "").split(".")[0]
