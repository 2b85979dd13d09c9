"""Elements grouped apart: all of them, each once, and no longer fused with what made them."""

import apache_beam as beam
from apache_beam.testing.util import assert_that, equal_to

from pipeline.spread import Spread


def test_every_element_arrives_once() -> None:
    words = ["zero", "one", "two", "three"]
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        assert_that(pipeline | beam.Create(enumerate(words)) | Spread(), equal_to(words))


def test_what_follows_runs_apart_from_what_came_before() -> None:
    pipeline = beam.Pipeline(runner="FnApiRunner")
    _ = pipeline | beam.Create([(0, "a"), (1, "b")]) | Spread()
    kinds = {transform.spec.urn for transform in pipeline.to_runner_api().components.transforms.values()}
    assert "beam:transform:group_by_key:v1" in kinds
