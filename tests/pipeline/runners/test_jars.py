from pathlib import Path

import pytest
from apache_beam.version import __version__ as beam_version

from pipeline.runners import jars
from pipeline.runners.endpoints import Problem
from pipeline.runners.jars import Jar, check_java, find_jar, jar_warnings, java_version, read_jar, why_no_download
from schemas.errors import DataError, UsageError
from tests.pipeline.runners.jar_files import write_jar, write_java
from tests.pipeline.runners.servers import answering, refusing

OPTION = "--flink_job_server_jar"
NAME = f"beam-runners-flink-1.20-job-server-{beam_version}.jar"


def test_where_beam_takes_a_jar_from() -> None:
    url = jars.artifact_url(":runners:flink:1.20:job-server:shadowJar")
    assert url.endswith(f"/org/apache/beam/beam-runners-flink-1.20-job-server/{beam_version}/{NAME}")


def test_a_jar_in_the_cache_is_used_without_any_network(tmp_path: Path) -> None:
    cached = write_jar(tmp_path / NAME)
    assert find_jar(OPTION, "", f"https://nowhere.example/{NAME}", str(tmp_path)) == cached
    assert find_jar(OPTION, f"https://nowhere.example/{NAME}", "unused", str(tmp_path)) == cached


def test_a_jar_that_is_given(tmp_path: Path) -> None:
    path = write_jar(tmp_path / "mine.jar")
    assert find_jar(OPTION, path, "https://nowhere.example/a.jar", None) == path
    with pytest.raises(UsageError) as caught:
        find_jar(OPTION, f"{path}x", "https://nowhere.example/a.jar", None)
    assert str(caught.value) == (
        f"{OPTION}={path}x: there is no such file; name the jar of the job server, or leave the option out"
    )


def test_a_jar_that_can_be_downloaded_is_left_to_beam(tmp_path: Path) -> None:
    with answering({f"/{NAME}": b"jar"}) as address:
        assert find_jar(OPTION, "", f"http://{address}/{NAME}", str(tmp_path)) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [False, True])
def test_a_jar_that_is_nowhere(tmp_path: Path, given: bool) -> None:
    with answering({}) as address:
        url = f"http://{address}/{NAME}"
        with pytest.raises(DataError) as caught:
            find_jar(OPTION, url if given else "", "" if given else url, str(tmp_path))
    assert str(caught.value) == (
        f"{NAME}: the job server's jar is not in {tmp_path}, and {url} cannot be fetched: HTTP status 404; put the jar "
        f"there, or name it with {OPTION}"
    )


def test_the_mirror_that_beam_asks_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def only_the_mirror(url: str) -> Problem | None:
        asked.append(url)
        return None if "googleapis" in url else Problem("no such host")

    monkeypatch.setattr(jars, "why_no_download", only_the_mirror)
    url = jars.artifact_url(":runners:flink:1.20:job-server:shadowJar")
    assert find_jar(OPTION, "", url, str(tmp_path)) == ""
    assert len(asked) == 2


def test_a_network_that_is_down() -> None:
    problem = why_no_download(f"http://{refusing()}/a.jar")
    assert problem == Problem("connection refused, so that nothing listens there")
    assert why_no_download("gs://bucket/a.jar") is None


@pytest.mark.parametrize(
    ("name", "engine", "found"),
    [
        ("beam-runners-flink-1.20-job-server-2.62.0.jar", "", Jar("1.20", "2.62.0", 11)),
        ("my-own.jar", "1.19", Jar("1.19", "2.62.0", 11)),
        ("my-own.jar", "", Jar("", "2.62.0", 11)),
    ],
)
def test_what_a_jar_says_of_itself(tmp_path: Path, name: str, engine: str, found: Jar) -> None:
    path = write_jar(tmp_path / name, engine=engine, beam="2.62.0", java=11)
    assert read_jar(path) == found
    assert jar_warnings(path, found) == [
        f"{path}: is a job server of Beam 2.62.0, and Beam {beam_version} is installed here; take one of the same"
    ]
    assert jar_warnings(path, Jar(beam=beam_version)) == jar_warnings(path, Jar()) == []


def test_a_jar_that_was_downloaded_in_part(tmp_path: Path) -> None:
    path = Path(write_jar(tmp_path / "a.jar"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"a\.jar: is no whole jar .*; delete it, and get it again"):
        read_jar(str(path))


@pytest.mark.parametrize(("said", "version"), [("17.0.15", 17), ("1.8.0_402", 8), ("21", 21), ("none", 0)])
def test_the_version_of_java(tmp_path: Path, said: str, version: int) -> None:
    assert java_version(write_java(tmp_path / "java", said)) == version
    assert java_version(str(tmp_path / "no-java")) is None


def test_a_java_that_does_not_do() -> None:
    assert check_java("java", 17, 11, 17) == check_java("java", 0, 11, 17) == []
    [said] = check_java("java", 21, 11, 17)
    assert said.startswith("java is Java 21, and this job server is made for 17 at most; install Java 17, or name one")
    with pytest.raises(
        UsageError, match=r"^java: is Java 8, and the job server needs 11 or later; install Java 17, or "
    ):
        check_java("java", 8, 11, 17)
    with pytest.raises(
        UsageError, match=r"^/x/java: there is no such command, and the job server needs Java; install "
    ):
        check_java("/x/java", None, 11, 17)
