import threading

import pytest

from pipeline.at_once import AT_ONCE, at_once
from schemas.errors import DataError


@pytest.mark.parametrize("folder", ["data", "gs://bucket/data"])
def test_answers_come_in_the_order_of_the_items(folder: str) -> None:
    assert list(at_once(lambda i: i * i, range(1_000), folder)) == [i * i for i in range(1_000)]
    assert list(at_once(str, [], folder)) == []


def test_requests_to_an_object_store_wait_together() -> None:
    barrier = threading.Barrier(AT_ONCE, timeout=60)
    assert list(at_once(lambda i: barrier.wait() >= 0, range(AT_ONCE), "s3://bucket")) == [True] * AT_ONCE


def test_a_local_disk_is_asked_by_the_thread_that_wants_to_know() -> None:
    here = threading.get_ident()
    assert set(at_once(lambda _: threading.get_ident(), range(3), "data")) == {here}


@pytest.mark.parametrize("folder", ["data", "s3://bucket"])
def test_what_a_request_raises_is_raised(folder: str) -> None:
    def refuse(item: int) -> None:
        raise DataError(f"{item}: is gone")

    with pytest.raises(DataError, match="0: is gone"):
        list(at_once(refuse, range(3), folder))
