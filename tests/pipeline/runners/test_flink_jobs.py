"""A Flink that holds some jobs, and what is cancelled there."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.runners.flink_jobs import cancel_job, cluster_of
from pipeline.runners.options import beam_options
from tests.pipeline.runners.servers import refusing

MINE = "BeamApp-me-1122044035-64070b11"
ID = f"{MINE}_3352e726-d686-4f2f-833a-3c243fef3318"


@contextlib.contextmanager
def holding(*jobs: tuple[str, str], end: str = "CANCELED") -> Iterator[tuple[str, dict[str, str]]]:
    """Context with a cluster; yields HOST:PORT and the state of each job, by number; jobs are names and states."""
    names = {str(i): name for i, (name, _) in enumerate(jobs)}
    states = {str(i): state for i, (_, state) in enumerate(jobs)}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/v1/jobs/overview"
            self._answer({"jobs": [{"jid": i, "name": names[i], "state": states[i]} for i in names]})

        def do_PATCH(self) -> None:
            number, _, mode = self.path.removeprefix("/v1/jobs/").partition("?")
            assert mode == "mode=cancel"
            states[number] = end
            self._answer({})

        def _answer(self, content: object) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}", states
    finally:
        server.shutdown()
        server.server_close()


def test_the_job_of_ours_and_no_other() -> None:
    with holding(("other", "RUNNING"), (MINE, "RUNNING"), (f"{MINE}x", "RUNNING")) as (address, states):
        assert cancel_job(f"http://{address}", ID)
        assert list(states.values()) == ["RUNNING", "CANCELED", "RUNNING"]


@pytest.mark.parametrize(
    ("states", "over"), [(["FINISHED"], True), (["RUNNING", "RUNNING"], False), ([], False), (["FAILED"], True)]
)
def test_what_is_over_or_not_told_apart_is_left_alone(states: list[str], over: bool) -> None:
    with holding(*((MINE, state) for state in states)) as (address, found):
        assert cancel_job(f"http://{address}", ID) == over
        assert list(found.values()) == states


def test_a_job_that_does_not_end_is_not_waited_for_for_ever() -> None:
    with holding((MINE, "RUNNING"), end="CANCELLING") as (address, _):
        assert not cancel_job(f"http://{address}", ID, seconds=0.01)


def test_engines_without_a_cluster() -> None:
    for flags in ([], ["--runner=FlinkRunner"], ["--runner=PrismRunner"]):
        assert cluster_of(beam_options(flags)) == ""
    assert cluster_of(beam_options(["--runner=FlinkRunner", "--flink_master=m"])) == "http://m:8081"


def test_a_cluster_that_is_gone() -> None:
    with pytest.raises(OSError, match="refused"):
        cancel_job(f"http://{refusing()}", ID)
