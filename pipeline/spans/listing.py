"""The published spans of a folder, for people and for machines."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pipeline.drift.limits import is_beyond
from pipeline.listing import sizes_within
from pipeline.spans.published import load_span, published_names, span_folder
from schemas.errors import DataError
from schemas.manifest_pb2 import DriftMeasure, Manifest
from schemas.spans.gaps import gaps
from schemas.spans.names import SPANS, in_order, select

_TITLES = ["span", "base", "generation", "records", "drift", "MB", "fingerprint"]
_DIGITS = 12  # of a fingerprint in the table


def list_spans(root: str, since: str = "", until: str = "", last: int = 0) -> dict[str, Any]:
    """Returns the spans of a range as plain values; see `schemas.spans.names.select`.

    Raises:
      UsageError: The range is none, or asks for dates of names that are none.
      DataError: There are no spans, or the manifest of one cannot be read.
    """
    there = published_names(root)
    if not there:
        raise DataError(f"{root}: holds no published span (no {SPANS}/NAME/manifest.json); check the path")
    names = select(there, since, until, last)
    spans = [describe_one(root, name, load_span(root, name)) for name in names]
    records: Counter[str] = Counter()
    for span in spans:
        records.update(span["records"])
    return {
        "root": root,
        "spans": spans,
        "gaps": [gap._asdict() for gap in gaps(names)],
        "totals": {
            "spans": len(spans),
            "records": dict(sorted(records.items())),
            "bytes": sum(span["bytes"] for span in spans),
        },
    }


def describe_one(root: str, name: str, manifest: Manifest) -> dict[str, Any]:
    """Returns what there is to know of a span."""
    span, folder = manifest.span, span_folder(root, name)
    return {
        "span": name,
        "records": {split: statistics.records for split, statistics in sorted(manifest.statistics.items())},
        "base": span.base or None,
        "generation": span.generation,
        "extends": span.extends,
        "fingerprint": manifest.fingerprint,
        "drift": verdicts(manifest),
        "bytes": sum(sizes_within(folder).values()),
    }


def verdicts(manifest: Manifest) -> dict[str, int]:
    """Returns how many measures of drift are ok, beyond the limit of a warning, and beyond that of a failure."""
    return dict(Counter(_verdict(measure) for measure in manifest.span.drift))


def _verdict(measure: DriftMeasure) -> str:
    return next((kind for kind in ("fail", "warn") if is_beyond(measure, getattr(measure, kind))), "ok")


def table_of(listed: Mapping[str, Any]) -> str:
    """Returns spans and the gaps between them as lines of text, in columns as wide as what is in them."""
    missing = {gap["since"]: gap for gap in listed["gaps"]}
    spans = {span["span"]: span for span in listed["spans"]}
    rows = [_TITLES]
    for name in in_order([*spans, *missing]):
        rows.append(_cells(spans[name]) if name in spans else _gap_cells(missing[name]))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _gap_cells(gap: Mapping[str, Any]) -> list[str]:
    return [_range(gap), "", "", f"missing ({gap['periods']:,})", "", "", ""]


def _range(gap: Mapping[str, Any]) -> str:
    return str(gap["since"]) if gap["periods"] == 1 else f"{gap['since']} to {gap['until']}"


def _cells(span: Mapping[str, Any]) -> list[str]:
    drift = span["drift"]
    return [
        span["span"],
        span["base"] or "(plans itself)",
        f"{span['generation']}{' (extends)' if span['extends'] else ''}",
        ", ".join(f"{split} {count:,}" for split, count in span["records"].items()),
        ", ".join(f"{drift[verdict]} {verdict}" for verdict in ("fail", "warn", "ok") if verdict in drift) or "-",
        f"{span['bytes'] / 1e6:,.1f}",
        span["fingerprint"][:_DIGITS],
    ]
