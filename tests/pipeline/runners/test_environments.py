from collections.abc import Sequence

import pytest

from pipeline.runners import environments
from pipeline.runners.environments import (
    DOCKER,
    EXTERNAL,
    LOOPBACK,
    Environment,
    brings_package,
    check_docker,
    check_environment,
    environment_of,
)
from pipeline.runners.options import beam_options
from schemas.errors import DataError, UsageError
from tests.pipeline.runners.servers import refusing, serving_grpc

POOL = "--environment_type=EXTERNAL --environment_config=HOST:PORT (a pool of workers beside each task manager)"
AWAY = ["198.51.100.7"]


def said(flags: Sequence[str], default: str = DOCKER) -> Environment:
    return environment_of(beam_options(flags), default)


def test_where_workers_come_from() -> None:
    assert said([]) == Environment(DOCKER, "", True)
    assert said([], LOOPBACK) == Environment(LOOPBACK, "", True)
    assert said(["--environment_type=LOOPBACK"]) == Environment(LOOPBACK, "", False)
    assert said(["--environment_type=DOCKER", "--environment_config=mine:1"]) == Environment(DOCKER, "mine:1", False)
    assert said(["--sdk_container_image=mine:1"]).config == "mine:1"
    assert said(["--environment_type=beam:env:external:v1", "--environment_config=h:1"]).kind == EXTERNAL


@pytest.mark.parametrize(
    "flags",
    [
        ["--environment_config=pool:50000"],
        ['--environment_config={"url": "pool:50000", "params": {}}'],
        ["--environment_options=external_service_address=pool:50000"],
    ],
)
def test_the_address_of_a_pool(flags: list[str]) -> None:
    assert said(["--environment_type=EXTERNAL", *flags]) == Environment(EXTERNAL, "pool:50000", False)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--environment_type=EXTERNAL"], "--environment_type=EXTERNAL: needs the pool of workers; say "),
        (["--environment_type=EXTERNAL", "--environment_config={}"], "--environment_type=EXTERNAL: needs the pool"),
        (["--environment_type=EXTERNAL", "--environment_config={x"], "--environment_config={x: is no JSON ("),
        (
            ["--environment_type=EXTERNAL", "--environment_config=pool"],
            "--environment_config=pool: is no address; say ",
        ),
        (
            ["--environment_type=PROCES"],
            "--environment_type=PROCES: is no kind of workers; say DOCKER, EXTERNAL, ",
        ),
        (["--environment_type=a:b"], "--environment_type=a:b: is no kind of workers; say DOCKER, "),
        (["--environment_type=loopback"], "--environment_type=loopback: is no kind of workers; say DOCKER, "),
        (["--environment_type=PROCESS"], "--environment_type=PROCESS: needs the command that starts a worker; say "),
    ],
)
def test_an_environment_without_what_it_needs(flags: list[str], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        said(flags)
    assert str(caught.value).startswith(told)


def check(environment: Environment, hosts: Sequence[str], flags: Sequence[str] = ()) -> list[str]:
    return check_environment(environment, beam_options(flags), hosts, "Flink")


def test_a_pool_that_is_there() -> None:
    with serving_grpc() as address:
        assert check(Environment(EXTERNAL, address, False), ["localhost"]) == []
        [warning] = check(Environment(EXTERNAL, address, False), AWAY, ["--setup_file=./setup.py"])
        assert "installs nothing for a job; install the package where its workers run" in warning


def test_a_pool_that_is_not_there() -> None:
    pool = refusing()
    begin = f"--environment_config={pool}: no pool of workers can be reached from here: connection refused, so that "
    with pytest.raises(DataError) as caught:
        check(Environment(EXTERNAL, pool, False), ["localhost", "127.0.0.1"])
    assert str(caught.value).startswith(begin)
    assert "worker_pool_main --service_port=" in str(caught.value)
    for hosts in (AWAY, ["localhost", *AWAY], []):  # where task managers run elsewhere, so may pools of this name
        [warning] = check(Environment(EXTERNAL, pool, False), hosts)
        assert warning.startswith(begin)
        assert "; where the task managers run it may be another matter, else start one: " in warning


def test_workers_in_this_process_that_an_engine_does_not_reach() -> None:
    assert check(Environment(LOOPBACK, "", True), ["localhost"]) == check(Environment(LOOPBACK, "", False), []) == []
    with pytest.raises(UsageError) as caught:
        check(Environment(LOOPBACK, "", False), ["localhost", *AWAY])
    assert str(caught.value) == (
        f"--environment_type=LOOPBACK: workers in this process are out of reach of Flink on {AWAY[0]}; say {POOL}"
    )


@pytest.mark.parametrize("is_default", [True, False])
def test_containers_without_the_package(is_default: bool) -> None:
    with pytest.raises(UsageError) as caught:
        check(Environment(DOCKER, "", is_default), AWAY)
    begin = "without --environment_type workers are" if is_default else "--environment_type=DOCKER: workers are"
    assert str(caught.value).startswith(
        f"{begin} containers of Beam's own image, which does not hold this package; say "
    )


@pytest.mark.parametrize("flag", ["--setup_file=./setup.py", "--extra_package=a.whl", "--requirements_file=r.txt"])
def test_what_may_bring_the_package(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "_why_no_docker", lambda: "")
    assert brings_package(beam_options([flag]))
    assert check(Environment(DOCKER, "", True), AWAY, [flag]) == []


def test_a_machine_without_docker() -> None:
    default, asked = Environment(DOCKER, "mine:1", True), Environment(DOCKER, "mine:1", False)
    problem = "there is no `docker`"
    assert check_docker("", default, True, "Flink") == []
    assert check_docker(problem, asked, False, "Flink") == []  # other machines have it, as the person says
    text = f"starts workers with Docker, and on this machine {problem}; say {POOL}, or mend Docker"
    assert check_docker(problem, default, False, "Flink") == [f"without --environment_type Flink {text}"]
    for environment, begin in ((default, "without --environment_type"), (asked, "with --environment_type=DOCKER")):
        with pytest.raises(DataError) as caught:
            check_docker(problem, environment, True, "Flink")
        assert str(caught.value) == f"{begin} Flink {text}"


def test_what_docker_says(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("bin")
    monkeypatch.setenv("PATH", str(folder))
    docker = Environment(DOCKER, "mine:1", False)
    with pytest.raises(DataError, match="on this machine there is no `docker`; "):
        check(docker, ["localhost"])
    script = folder / "docker"
    script.write_text("#!/bin/sh\necho 'Cannot connect to the daemon. Is it running?' >&2\nexit 1\n")
    script.chmod(0o755)
    with pytest.raises(DataError, match="on this machine `docker version` says: Cannot connect to the daemon; "):
        check(docker, ["localhost"])
    script.write_text("#!/bin/sh\nexit 0\n")
    assert check(docker, ["localhost"]) == []
