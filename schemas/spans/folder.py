"""Data on the local disk: one data set, or a range of the spans of a root as if they were one."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from schemas.errors import DataError, UsageError
from schemas.manifest import MANIFEST_NAME, load_manifest
from schemas.manifest_pb2 import Manifest
from schemas.spans.merging import definer_of, differ, merge_manifests, stated_vocabularies
from schemas.spans.names import SPANS, in_order, select, span_path
from schemas.vocabulary_files import begins_with

# Spans may be pruned or replaced while they are read: what is there is listed again, so many times.
_ATTEMPTS = 5
_SHOWN_NAMES = 10


@dataclass(frozen=True)
class SpanRange:
    """Spans of a root that are read as one data set.

    Attributes:
      root: Folder that holds `spans/`.
      since: The first one, a date such as 2026-11-20; empty: no limit.
      until: The last one, included; empty: no limit.
      last: Only so many, the newest; 0: all.
      names: Of the spans themselves, in place of limits; empty: the limits say which.
      beside: Names of spans that say only what ids mean, and whose records are not read; with `names`.
    """

    root: str | Path
    since: str = ""
    until: str = ""
    last: int = 0
    names: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Returns the root and the limits, as options say them."""
        named = f"({shown_names(self.names)})" if self.names else ""
        return " ".join([str(self.root), self.limits or named]).strip()

    @property
    def limits(self) -> str:
        """The options that say the limits."""
        named = (("since", self.since), ("until", self.until), ("last", self.last))
        return " ".join(f"--{name} {value}" for name, value in named if value)


Data: TypeAlias = str | Path | SpanRange


def folder_of(data: Data) -> Path:
    """Returns the folder that the paths of the manifest are relative to."""
    return Path(data.root if isinstance(data, SpanRange) else data)


def load_data(data: Data) -> Manifest:
    """Reads the manifest of a data set, or makes that of a range of spans.

    The range is what is there at one moment: spans that are pruned while they are read are no longer in it.

    Args:
      data: Folder of a data set or of one span; a root with spans, which means all of them; or a range of them.

    Raises:
      DataError: There is no data set, or no span in the range; a manifest is damaged; spans do not belong together.
      UsageError: A range is asked of a data set that has no spans, or its limits mean nothing.
    """
    if not has_spans(data):
        return load_manifest(folder_of(data))
    limits = data if isinstance(data, SpanRange) else SpanRange(data)
    return merge_manifests(_load_range(limits), {*limits.beside} - {*limits.names})


def check_data(data: Data) -> None:
    """Refuses at once what `load_data` would refuse, but for what only the manifests of several spans tell.

    To read and merge those of a year of spans takes a second or two.

    Raises:
      UsageError, DataError: See `load_data`.
    """
    if has_spans(data):
        _choose(data if isinstance(data, SpanRange) else SpanRange(data))
    else:
        load_manifest(folder_of(data))


def has_spans(data: Data) -> bool:
    """Returns whether data are several spans, and no data set of its own.

    Raises:
      UsageError: They are not, and a range of them is asked for.
    """
    folder = folder_of(data)
    limits = data if isinstance(data, SpanRange) else SpanRange(data)
    if (folder / MANIFEST_NAME).exists() or not (folder / SPANS).is_dir():
        if limits.limits:
            raise UsageError(
                f"{limits.limits}: {folder} has no spans of which a range could be taken; leave it out, or name the "
                f"folder that holds {SPANS}/"
            )
        return False
    return True


@contextmanager
def explained(folder: Path, manifest: Manifest) -> Iterator[None]:
    """Says of a file that cannot be read that its data are no longer what they were, where that is why.

    Args:
      folder: That the paths of the manifest are relative to.
      manifest: Of `load_data`, as it was before.

    Raises:
      DataError: The one that is raised within, or another one in its place.
    """
    try:
        yield
    except DataError:
        changes = _changes(folder, manifest)
        if not changes:
            raise
        raise DataError(
            f"{folder}: {' and '.join(changes)} since it was opened; begin again with what is there now "
            "(train: the same command with --fresh)"
        ) from None


def _changes(folder: Path, manifest: Manifest) -> list[str]:
    """Returns what is no longer what it was, such as "the span 'x' was replaced"."""
    parts = {f"the span '{part.name}'": (span_path(part.name), part.fingerprint) for part in manifest.parts}
    changes = {
        what: _change(folder / path, fingerprint)
        for what, (path, fingerprint) in (parts or {"the data set": ("", manifest.fingerprint)}).items()
    }
    return [f"{what} was {change}" for what, change in changes.items() if change]


def _change(folder: Path, fingerprint: str) -> str:
    try:
        return "" if load_manifest(folder).fingerprint == fingerprint else "replaced"
    except DataError:
        return "removed"


def span_names(manifest: Manifest) -> list[str]:
    """Returns the names of the spans that a manifest is of, in order; none of a plain data set."""
    return [part.name for part in manifest.parts]


def shown_names(names: Iterable[str]) -> str:
    """Returns names for a message: all of a few, else the first and the last."""
    named = list(names)
    if len(named) <= _SHOWN_NAMES:
        return ", ".join(named)
    return f"{named[0]} to {named[-1]} ({len(named)} spans)"


def _choose(limits: SpanRange) -> list[str]:
    root = Path(limits.root)
    if limits.names:
        return _named(root, [*limits.names, *limits.beside])
    there = in_order(path.parent.name for path in (root / SPANS).glob(f"*/{MANIFEST_NAME}"))
    chosen = select(there, limits.since, limits.until, limits.last)
    if not chosen:
        raise DataError(_nothing(root, limits, there))
    return chosen


def _named(root: Path, names: Collection[str]) -> list[str]:
    gone = [name for name in names if not (root / span_path(name) / MANIFEST_NAME).exists()]
    if gone:
        raise DataError(f"{root}: the span {shown_names(gone)} is not published there; publish it, or leave it out")
    return in_order({*names})


def _load_range(limits: SpanRange) -> dict[str, Manifest]:
    root = Path(limits.root)
    for attempt in range(_ATTEMPTS):
        chosen = _choose(limits)
        spans: dict[str, Manifest] = {}
        try:
            for name in chosen:
                spans[name] = _load_span(root, name)
            _check_vocabularies(root, spans)
        except DataError:
            gone = [name for name in chosen if not (root / span_path(name) / MANIFEST_NAME).exists()]
            other = [name for name, manifest in spans.items() if _change(root / span_path(name), manifest.fingerprint)]
            if not gone + other or attempt == _ATTEMPTS - 1:
                raise
        else:
            return spans
    raise AssertionError  # the last attempt returns or raises


def _load_span(root: Path, name: str) -> Manifest:
    folder = root / span_path(name)
    manifest = load_manifest(folder)
    if manifest.span.name not in ("", name):
        raise DataError(
            f"{folder / MANIFEST_NAME}: is the manifest of the span '{manifest.span.name}' and lies where that of "
            f"'{name}' should; move the folder back, or publish the span again with --replace"
        )
    return manifest


def _nothing(root: Path, limits: SpanRange, there: list[str]) -> str:
    if not there:
        return f"{root}: no span is published there; `python -m pipeline run --span NAME` publishes one"
    return f"{limits}: no span is in this range; there are {shown_names(there)}; choose another range"


def _check_vocabularies(root: Path, spans: Mapping[str, Manifest]) -> None:
    """Refuses a vocabulary that is no beginning of the longest one, which only the content of files tells."""
    name = definer_of(spans)
    longest = stated_vocabularies(spans[name])
    known: set[tuple[str, str]] = set()  # vocabularies that were looked at, so that each is read once a generation
    for other, manifest in spans.items():
        for what, mine in stated_vocabularies(manifest).items():
            whole = longest.get(what)
            if whole is None or mine.size >= whole.size or (what, mine.sha256) in known:
                continue  # `merge_manifests` says what is wrong with the first two
            if not begins_with(root / span_path(name) / whole.path, whole, mine):
                raise differ(other, name, f"the {what} of the one is no beginning of that of the other")
            known.add((what, mine.sha256))
