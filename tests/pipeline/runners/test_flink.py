import pytest

from pipeline.runners.endpoints import Address, Problem
from pipeline.runners.flink import Cluster, ask_cluster, check_cluster, cluster_warnings, pool_warnings
from schemas.errors import DataError, UsageError
from tests.pipeline.runners.servers import answering, flink, refusing, silent

FOUND = Cluster("1.20.1", 2, 4, 4, frozenset({"10.0.0.1", "fd00::1"}), 1)


def test_what_a_cluster_says_of_itself() -> None:
    with answering(flink("10.0.0.1", "[fd00::1]")) as address:
        assert ask_cluster(f"http://{address}") == FOUND


@pytest.mark.parametrize("content", [b"<html>", b"{}", b"[1]", b'{"flink-version": "1.20.1"}', b""])
def test_another_server(content: bytes) -> None:
    with answering({"/v1/overview": content, "/v1/taskmanagers": b"{}"}) as address:
        assert ask_cluster(f"http://{address}") == Problem("something answers there, but it is no Flink")


def test_a_server_without_that_page_and_none_at_all() -> None:
    with answering({}) as address:
        said = "something answers there with the HTTP status 404, but it is no Flink"
        assert ask_cluster(f"http://{address}") == Problem(said)
    assert ask_cluster(f"http://{refusing()}") == Problem("connection refused, so that nothing listens there")
    with silent() as address:
        assert ask_cluster(f"http://{address}", 0.1) == Problem("no answer within 0.1 s")


def test_a_cluster_of_the_right_version() -> None:
    assert check_cluster("m:1", FOUND, "1.20") == FOUND
    assert check_cluster("m:1", FOUND, "") == FOUND


def refusal(found: Cluster | Problem, version: str, jar: str = "", kind: type[Exception] = UsageError) -> str:
    with pytest.raises(kind) as caught:
        check_cluster("m:1", found, version, jar)
    return str(caught.value)


def test_a_cluster_of_another_version() -> None:
    begin = "--flink_master=m:1: is Flink 1.20.1, and the job server is for 2.2; "
    assert refusal(FOUND, "2.2") == f"{begin}say --flink_version=1.20, or name a cluster of 2.2"
    assert refusal(FOUND, "2.2", "a.jar") == f"{begin}name a --flink_job_server_jar for 1.20"


def test_a_cluster_that_beam_knows_nothing_of() -> None:
    old = FOUND._replace(version="1.15.4")
    remedy = "take a cluster of 1.19, 1.20, 2.0, 2.1 or 2.2, which Beam has job servers for"
    assert refusal(old, "2.2") == f"--flink_master=m:1: is Flink 1.15.4, and the job server is for 2.2; {remedy}"
    assert refusal(old, "") == (
        f"--flink_master=m:1: is Flink 1.15.4, and no job server of the installed Beam is for it; {remedy}"
    )


def test_a_cluster_that_cannot_be_asked() -> None:
    said = refusal(Problem("no such host", is_known=False), "2.2", kind=DataError)
    assert said == (
        "--flink_master=m:1: cannot be reached from here: no such host; start the cluster, or name the host and the "
        "port of its REST interface"
    )
    with pytest.raises(DataError, match=r"is `\[local\]`, with the brackets\)$"):
        check_cluster("local", Problem("no such host"), "2.2")
    with pytest.raises(DataError, match=r"port of its REST interface$"):
        check_cluster("localhost:1", Problem("connection refused"), "2.2")


def test_what_makes_a_job_wait() -> None:
    assert cluster_warnings("m:1", FOUND, -1) == []
    assert cluster_warnings("m:1", FOUND, 4) == []
    [said] = cluster_warnings("m:1", FOUND._replace(task_managers=0, slots=0, free=0), 8)
    assert said.startswith("Flink at m:1 has 0 task managers and no slot: unless it starts task managers itself")
    [said] = cluster_warnings("m:1", FOUND, 5)
    assert said.startswith("--parallelism=5: Flink at m:1 has 4 slot(s): unless ")
    [said] = cluster_warnings("m:1", FOUND._replace(free=0), 4)
    assert said == "Flink at m:1 has no free slot of 4: the job waits until another one ends"


HERE, NAMED = Address("localhost", 5), Address("pool", 5)
SHARE = "and would stop each other's workers; give each task manager a pool of its own"


def test_task_managers_that_share_a_pool() -> None:
    with answering(flink("10.0.0.1", "10.0.0.2", "10.0.0.1", managers=3)) as address:
        found = ask_cluster(f"http://{address}")
    assert isinstance(found, Cluster)
    assert (found.neighbours, found.hosts) == (2, {"10.0.0.1", "10.0.0.2"})
    start = "--environment_config=localhost:5: 2 task managers on one host share this pool, "
    assert pool_warnings(HERE, found) == [start + SHARE]
    [said] = pool_warnings(NAMED, found)
    assert said == (
        "--environment_config=pool:5: 3 task managers share this pool, unless the name leads each of them to another "
        f"one, {SHARE}"
    )


def test_task_managers_with_a_pool_each() -> None:
    assert pool_warnings(HERE, FOUND) == []  # on two hosts, each with its own localhost
    assert pool_warnings(HERE, FOUND._replace(hosts=frozenset(), neighbours=0)) == []
    assert pool_warnings(NAMED, FOUND._replace(task_managers=1)) == []
