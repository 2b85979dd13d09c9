"""Elements of a bundle in several threads: the same outputs as in one."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from pipeline.threads import ThreadedDoFn, stop_threads


class Double(ThreadedDoFn):
    """Yields twice each number, and the number itself under a tag; later ones are done sooner."""

    def work(self, element: int, *sides: int) -> Iterator[Any]:
        time.sleep((20 - element) / 2000)
        yield 2 * element + sum(sides)
        yield beam.pvalue.TaggedOutput("same", element)


class Fail(ThreadedDoFn):
    def work(self, element: int, *_: Any) -> Iterator[Any]:
        if element == 7:
            raise ValueError("seven is refused")
        yield element


class Watch(ThreadedDoFn):
    """Counts how many elements are at work at once."""

    lock = threading.Lock()
    now = 0
    most = 0

    def work(self, element: int, *_: Any) -> Iterator[Any]:
        with self.lock:
            Watch.now += 1
            Watch.most = max(Watch.most, Watch.now)
        time.sleep(0.01)
        with self.lock:
            Watch.now -= 1
        yield element


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_outputs_under_every_tag_with_side_inputs(threads: int) -> None:
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        side = beam.pvalue.AsSingleton(pipeline | "Side" >> beam.Create([100]))
        found = (
            pipeline | beam.Create(range(20)) | beam.ParDo(Double(threads), side).with_outputs("same", main="double")
        )
        assert_that(found.double, equal_to([2 * i + 100 for i in range(20)]), label="double")
        assert_that(found.same, equal_to(list(range(20))), label="same")


@pytest.mark.parametrize("threads", [2, 3])
def test_outputs_keep_the_order_of_the_elements(threads: int) -> None:
    function = Double(threads)
    function.setup()
    function.start_bundle()
    during = [output for element in range(20) for output in function.process(element)]
    after = [output.value for output in function.finish_bundle() if not isinstance(output, beam.pvalue.TaggedOutput)]
    function.teardown()
    plain = [output for output in during if isinstance(output, int)]
    assert plain + after == [2 * i for i in range(20)]
    # What is waiting is bounded: no more than two elements for each thread.
    assert len(after) == 2 * threads - 1


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_is_that_of_the_element(threads: int) -> None:
    with pytest.raises(ValueError, match="seven is refused"), beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = pipeline | beam.Create(range(20)) | beam.ParDo(Fail(threads))


def test_as_many_at_once_as_there_are_threads() -> None:
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        _ = pipeline | beam.Create(range(40)) | beam.ParDo(Watch(4))
    assert (Watch.now, Watch.most) == (0, 4)


def test_stopping_waits_for_what_is_at_work() -> None:
    done: list[int] = []

    class Slow(ThreadedDoFn):
        def work(self, element: int, *_: Any) -> Iterator[Any]:
            time.sleep(0.2)
            done.append(element)
            yield element

    function = Slow(2)
    function.setup()
    function.start_bundle()
    for element in range(3):
        list(function.process(element))
    time.sleep(0.05)
    stop_threads()
    assert sorted(done) == [0, 1]
