"""How a checkpoint grows with each remainder that a source defers: `python -m tests.engines.flink.residuals`.

The smallest job that shows it: one element, read by a splittable DoFn that gives nothing and defers its remainder; the
runner comes back to it once a second. Nothing of this package takes part. Up to Beam 2.75 the runner keeps each
remainder in a state cell of a name of its own, and Flink forgets no name (apache/beam#27648): some 5.9 KB a second.
Later runners keep all in one cell (apache/beam#39191).
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.utils.timestamp import Duration

from tests.engines.fetching import NotThereError, missing_tools
from tests.engines.flink.cluster import Cluster
from tests.engines.flink.parts import ENGINES, fetch
from tests.engines.processes import children

_PAUSE_SECONDS = 0.2
_LOOKS, _LOOK_SECONDS = 6, 10.0


class Unbounded(OffsetRestrictionTracker):  # type: ignore[misc]  # Beam has no types
    """Says that there is always more."""

    def is_bounded(self) -> bool:
        """Returns that there is no end."""
        return False


class Restrictions(RestrictionProvider):  # type: ignore[misc]  # Beam has no types
    """All numbers."""

    def initial_restriction(self, _element: int) -> OffsetRange:
        """Returns all numbers from 0."""
        return OffsetRange(0, 1 << 60)

    def create_tracker(self, restriction: OffsetRange) -> Unbounded:
        """Returns what numbers are claimed by."""
        return Unbounded(restriction)

    def restriction_size(self, _element: int, _restriction: OffsetRange) -> int:
        """Returns some size."""
        return 1


_TRACKER = beam.DoFn.RestrictionParam(Restrictions())


class Defer(beam.DoFn):  # type: ignore[misc]  # Beam has no types
    """Claims a number and defers the rest."""

    @beam.DoFn.unbounded_per_element()  # type: ignore[untyped-decorator]
    def process(self, _element: int, tracker: Any = _TRACKER) -> Iterator[int]:
        """Yields nothing."""
        tracker.try_claim(tracker.current_restriction().start)
        tracker.defer_remainder(Duration(_PAUSE_SECONDS))
        yield from ()


def main() -> int:
    """Runs the command."""
    missing = missing_tools("Flink")
    if missing:
        print("\n".join(missing))
        return 2
    try:
        parts = fetch(ENGINES, print)
    except NotThereError as error:
        print(error)
        return 2
    with tempfile.TemporaryDirectory() as folder, children(Path(folder, "logs")) as group:
        cluster = Cluster(group, parts, Path(folder, "cluster"))
        cluster.start(hosts=1)
        options = PipelineOptions([*cluster.flags, "--streaming", "--checkpointing_interval=2000"])
        pipeline = beam.Pipeline(options=options)
        _ = pipeline | beam.Create([0], reshuffle=False) | beam.ParDo(Defer())
        pipeline.run()
        print(f"Beam's runner {parts.engine.beam}, Flink {parts.engine.flink}: bytes of the last checkpoint")
        for look in range(1, _LOOKS + 1):
            time.sleep(_LOOK_SECONDS)
            found = cluster.checkpoints()
            print(f"{look * _LOOK_SECONDS:4.0f} s, {found.completed:3} of them: {found.bytes:10,}", flush=True)
        cluster.cancel()
    return 0


if __name__ == "__main__":
    sys.exit(main())
