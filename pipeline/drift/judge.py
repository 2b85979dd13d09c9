"""What follows from drift: a span that is too far from its base is not published, one that is far is told."""

from collections.abc import Sequence

from pipeline import files
from pipeline.drift.compare import compare
from pipeline.drift.limits import EVENTS, is_beyond
from pipeline.drift.population import Population, load_statistics, population
from pipeline.drift.told import held
from pipeline.job import Job
from pipeline.spans.base import load_base
from pipeline.spans.outside import folder_within, outside_if_there
from pipeline.spans.published import load_span
from schemas.errors import RefusedError
from schemas.manifest import MANIFEST_NAME
from schemas.manifest_pb2 import DriftMeasure, Manifest, Span
from schemas.messages import canonical_json, printable, to_plain
from schemas.spans.names import is_outside
from schemas.statistics_pb2 import DatasetStatistics

OOV = "oov_rate_change"  # depends on the vocabulary, so that it is compared with the base that states it
DRIFT_NAME = "drift.json"  # in the folder of a failed run
_WHAT = {
    "length_distance": "Jensen-Shannon distance of the lengths of '{}'",
    "oov_rate_change": "change of the share of '{}' that is out of vocabulary",
    "class_share_change": "change of the share of a class",
    "mean_shift": "shift of the mean of '{}' in standard deviations",
    "rejected_share_change": "change of the share of {} rejected",
}


def judge_drift(job: Job, manifest: Manifest, statistics: DatasetStatistics) -> None:
    """Sets `span.drift` of a manifest to how far the span is from its bases; does nothing where there is no base.

    Args:
      job: The run, which knows the base and whether drift is accepted.
      manifest: Of the span; all of it but files of statistics and fingerprints.
      statistics: Of the span.

    Raises:
      DataError: A measure is beyond `fail`, or what it is compared with cannot be read. All measures are in drift.json
        in the run's folder of failures.
    """
    manifest_of_base = load_base(job)
    if manifest_of_base is None or job.span is None or job.span.base is None:
        return
    taken = job.span.base
    outside = taken.folder if taken.folder == taken.name else ""
    base = population(manifest_of_base, load_statistics(taken.folder, manifest_of_base), outside)
    origin = _origin(job.span.root, base)
    span = population(manifest, statistics)
    measures = compare(span, base, origin)
    manifest.span.drift_base = origin.name
    del manifest.span.drift[:]
    manifest.span.drift.extend(measures)
    beyond = [measure for measure in measures if is_beyond(measure, measure.fail)]
    if beyond and not job.accept_drift:
        path = files.join(job.failed, DRIFT_NAME)
        files.write(path, canonical_json({"span": job.span.name, **_told(measures, span, base, origin)}))
        chosen = worst(beyond, "fail")
        against = base if chosen.measure == OOV else origin
        what = f"the {'base' if against is base else 'earlier base'}"
        raise RefusedError(_refusal(what, chosen, len(beyond), span, against, path))


def _origin(root: str, base: Population) -> Population:
    """Returns what the base itself was compared with, if that is published.

    Where each span extends the vocabularies of the one before, each has another base: what changes slowly would be far
    from none of them.
    """
    name = base.manifest.span.drift_base
    if is_outside(base.name) or name in ("", base.name):  # what a data set outside was compared with lies there
        return base
    folder = folder_within(root, name)
    if is_outside(name):
        found = outside_if_there(name, base.manifest)
    else:
        found = load_span(root, name) if files.exists(files.join(folder, MANIFEST_NAME)) else None
    return population(found, load_statistics(folder, found), name) if found else base


def drift_lines(manifest: Manifest) -> list[str]:
    """Returns what a run says of the drift of a span that it has published: a line for each measure beyond a limit."""
    lines = []
    for measure in manifest.span.drift:
        kind = next((kind for kind in ("fail", "warn") if is_beyond(measure, getattr(measure, kind))), "")
        if kind:
            limit = f"drift.{kind}.{measure.measure} ({getattr(measure, kind):g})"
            accepted = "; published all the same" if kind == "fail" else ""
            base = _compared_with(manifest.span, measure)
            lines.append(f"drift from '{base}': {describe(measure)}, beyond {limit}{accepted}")
    return lines


def _compared_with(span: Span, measure: DriftMeasure) -> str:
    return str(span.base if measure.measure == OOV and span.base else span.drift_base)


def describe(measure: DriftMeasure) -> str:
    """Returns a measure in words: what it is of, its value, and what chance makes of it."""
    feature = measure.feature
    if measure.measure == "rejected_share_change":
        feature = feature if feature == EVENTS else "records"
    what = _WHAT[measure.measure].format(printable(feature))
    return f"{what} {measure.value:.4g} (by chance about {measure.by_chance:.2g})"


def worst(measures: Sequence[DriftMeasure], kind: str) -> DriftMeasure:
    """Returns the measure that is the most times its limit; the first of equal ones."""
    return max(measures, key=lambda measure: float(measure.value / getattr(measure, kind)))


def _refusal(what: str, measure: DriftMeasure, count: int, span: Population, base: Population, path: str) -> str:
    limit = f"drift.fail.{measure.measure}"
    more = f", and {count - 1:,} more measure(s) beyond their limits" if count > 1 else ""
    mine, theirs = held(measure, span), held(measure, base, is_base=True)
    return (
        f"too far from {what} '{base.name}': {describe(measure)} is beyond {limit} ({measure.fail:g}): "
        f"{what} has "
        f"{theirs}, this span {mine}{more}; look at {path} and at the input, raise {limit} in the spec, or publish all "
        "the same by --accept_drift"
    )


def _told(
    measures: Sequence[DriftMeasure], span: Population, base: Population, origin: Population
) -> dict[str, object]:
    """Returns all measures, with what the span and the base that it is compared with hold."""
    return {
        "base": base.name,
        "drift_base": origin.name,
        "measures": [
            {
                **to_plain(measure),
                "beyond_fail": is_beyond(measure, measure.fail),
                "span_has": held(measure, span),
                "base_has": held(measure, base if measure.measure == OOV else origin, is_base=True),
            }
            for measure in measures
        ],
    }
