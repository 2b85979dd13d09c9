"""When a measure is beyond a limit. Apart from all that computes measures, for reports that only read them."""

from schemas.manifest_pb2 import DriftMeasure

EVENTS = "events"  # the feature of the measure of rejected events


def is_beyond(measure: DriftMeasure, limit: float) -> bool:
    """Returns whether a value is beyond a limit and beyond what chance explains; never where the limit is 0, none."""
    return bool(limit and measure.value > max(limit, measure.margin))
