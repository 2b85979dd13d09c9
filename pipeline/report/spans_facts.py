"""What the report over time is drawn from: the manifests of the published spans of a folder, in order."""

from dataclasses import dataclass

from pipeline import files
from pipeline.drift.limits import is_beyond
from pipeline.spans.published import load_span, published_names, span_folder
from schemas.errors import DataError
from schemas.manifest import MANIFEST_NAME
from schemas.manifest_pb2 import DriftMeasure, Manifest
from schemas.spans.gaps import gaps, names_of
from schemas.spans.names import in_order, period_of
from schemas.vocabulary import parse_tokens

MOST_SPANS = 100  # that are shown: the newest
_MOST_GAPS = 3  # times as many places as spans, beyond which missing ones are left out of drawings


@dataclass(frozen=True)
class SpansFacts:
    """What is known of the spans of a folder.

    Attributes:
      spans: By name: manifests of those that are shown, in order; one or more.
      older: Published spans before them.
      classes: Names of the classes of the newest span; empty where there are none, or their file cannot be read.
    """

    spans: dict[str, Manifest]
    older: int = 0
    classes: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """Days or hours between the first and the last that have no span; empty where names are not all of one kind."""
        found = [period_of(name) for name in self.spans]
        if len({one.length if one else None for one in found}) > 1:
            return []
        return [name for gap in gaps(self.spans) for name in names_of(gap)]

    @property
    def places(self) -> list[str]:
        """Names in the order in which they are drawn: spans, and missing dates between them where these are few."""
        missing = self.missing
        if len(missing) + len(self.spans) > _MOST_GAPS * len(self.spans):
            return list(self.spans)
        return in_order([*self.spans, *missing]) if missing else list(self.spans)

    def beyond(self, kind: str) -> dict[str, list[DriftMeasure]]:
        """Returns the measures beyond "warn" or "fail" by span, of those spans that have any."""
        found = {
            name: [measure for measure in span.span.drift if is_beyond(measure, getattr(measure, kind))]
            for name, span in self.spans.items()
        }
        return {name: measures for name, measures in found.items() if measures}


def load_spans(root: str, most: int = MOST_SPANS) -> SpansFacts:
    """Reads the newest spans of a folder.

    Args:
      root: Folder of all spans.
      most: Spans to read.

    Raises:
      DataError: There is none, or the manifest of one cannot be read.
    """
    names = published_names(root)
    if not names:
        raise DataError(f"{root}: holds no spans; check the path")
    return spans_facts(root, {name: load_span(root, name) for name in names[-most:]}, max(0, len(names) - most))


def spans_facts(root: str, spans: dict[str, Manifest], older: int = 0) -> SpansFacts:
    """Returns what is known of spans whose manifests were read already."""
    name, newest = list(spans.items())[-1]
    return SpansFacts(spans, older, _classes(span_folder(root, name), newest.classes.path))


def is_root(folder: str) -> bool:
    """Returns whether a folder holds published spans and is no data set itself."""
    return not files.exists(files.join(folder, MANIFEST_NAME)) and bool(published_names(folder))


def rejected(span: Manifest) -> int:
    """Returns the records of a span that were rejected."""
    return sum(span.counts.rejected.values())


def _classes(folder: str, path: str) -> tuple[str, ...]:
    if not path:
        return ()
    try:
        tokens = parse_tokens(files.read(files.join(folder, *path.split("/"))), path)
    except DataError:
        return ()
    return tuple(tokens.to_pylist())


def share(some: int, of: int) -> float:
    """Returns a share; 0 of nothing."""
    return some / of if of else 0.0
