import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from apache_beam.version import __version__ as beam_version

from pipeline.cli import main
from pipeline.runners import checks, environments, jars
from pipeline.runners.checks import check_runner, kind_of
from pipeline.runners.endpoints import Problem
from pipeline.runners.options import beam_options
from schemas.errors import DataError, LengthwiseError, UsageError
from tests.pipeline.helpers import REVIEW_SPEC, review_records, tree, write_jsonl
from tests.pipeline.runners.jar_files import write_jar, write_java
from tests.pipeline.runners.servers import answering, flink, refusing, serving_grpc

DATAFLOW = ["--runner=DataflowRunner", "--project=p", "--region=r", "--temp_location=gs://b/t"]


def refusal(flags: list[str], kind: type[LengthwiseError] = UsageError, paths: tuple[str, ...] = ()) -> str:
    with pytest.raises(kind) as caught:
        check_runner(beam_options(flags), paths)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """A job server for Flink 1.20 and a Java for it, and workers that nothing is known of."""
    jar = write_jar(tmp_path / "cache" / f"beam-runners-flink-1.20-job-server-{beam_version}.jar")
    java = write_java(tmp_path / "java")
    return [
        "--runner=FlinkRunner",
        "--flink_version=1.20",
        f"--jar_cache_dir={Path(jar).parent}",
        f"--job_server_java_launcher={java}",
    ]


@pytest.fixture
def pool() -> Iterator[list[str]]:
    with serving_grpc() as address:
        yield ["--environment_type=EXTERNAL", f"--environment_config={address}"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "fnapi"),
        ("flink", "flink"),
        ("FlinkRunner", "flink"),
        ("apache_beam.runners.portability.flink_runner.FlinkRunner", "flink"),
        ("my.own.Engine", "engine"),
    ],
)
def test_runners_in_short(name: str, kind: str) -> None:
    assert kind_of(beam_options([f"--runner={name}"] if name else [])) == kind


@pytest.mark.parametrize("flags", [[], ["--direct_running_mode=multi_processing"], ["--runner=my.own.Runner"]])
def test_runners_that_need_nothing(flags: list[str]) -> None:
    assert check_runner(beam_options(flags)) == []


@pytest.mark.parametrize(
    ("flag", "runner"),
    [("flink_master=h:1", "FlinkRunner"), ("job_endpoint=h:1", "PortableRunner"), ("prism_location=p", "PrismRunner")],
)
def test_an_option_of_a_runner_that_is_not_asked_for(flag: str, runner: str) -> None:
    name = flag.split("=")[0]
    said = f"--{name}: means nothing to the local runner; say --runner={runner} as well, or leave it out"
    assert refusal([f"--{flag}"]) == said


@pytest.mark.parametrize("flag", ["direct_num_workers=2", "direct_running_mode=multi_processing"])
def test_an_option_of_the_local_runner_for_another_one(flag: str) -> None:
    name = flag.split("=")[0]
    said = f"--{name}: means something to the local runner only, and not to PrismRunner; leave it out, or leave out"
    assert refusal(["--runner=PrismRunner", f"--{flag}"]) == f"{said} --runner"


def test_a_cluster_that_is_as_it_should_be(flags: list[str], pool: list[str]) -> None:
    with answering(flink("127.0.0.1")) as master:
        assert check_runner(beam_options([*flags, *pool, f"--flink_master={master}"])) == []
        assert check_runner(beam_options([*flags, *pool, f"--flink_master=http://{master}"])) == []
        [warning] = check_runner(beam_options([*flags, *pool, f"--flink_master={master}", "--parallelism=9"]))
        assert warning.startswith("--parallelism=9: ")


def test_a_cluster_that_is_not_there(flags: list[str], pool: list[str]) -> None:
    master = refusing()
    said = refusal([*flags, *pool, f"--flink_master={master}"], DataError)
    assert said.startswith(f"--flink_master={master}: cannot be reached from here: connection refused, ")


def test_a_cluster_of_another_version_than_the_job_server(flags: list[str], pool: list[str], tmp_path: Path) -> None:
    own = write_jar(tmp_path / "own.jar", engine="1.19")
    with answering(flink("127.0.0.1", version="2.0.1")) as master:
        said = refusal([*flags, *pool, f"--flink_master={master}"])
        assert "is Flink 2.0.1, and the job server is for 1.20; say --flink_version=2.0, or " in said
        said = refusal([*flags, *pool, f"--flink_master={master}", f"--flink_job_server_jar={own}"])
        assert "the job server is for 1.19; name a --flink_job_server_jar for 2.0" in said


def test_an_uploaded_jar_follows_the_version_of_the_cluster(
    flags: list[str], pool: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(jars, "find_jar", lambda option, given, url, cache: asked.append(f"{url} {cache}") or "")
    with answering(flink("127.0.0.1", version="2.0.1")) as master:
        uber = ["--flink_submit_uber_jar", "--job_server_java_launcher=/no/such/java"]
        assert check_runner(beam_options([*flags, *pool, *uber, f"--flink_master={master}"])) == []
    assert asked[0].endswith(f"/beam-runners-flink-2.0-job-server-{beam_version}.jar None")  # the cache is passed over


def test_the_cluster_within_the_job_server(flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for master in ([], ["--flink_master=[local]"], ["--flink_master=[auto]"]):
        assert check_runner(beam_options([*flags, *master])) == []  # workers in this process, which it reaches
    said = refusal([*flags, "--job_server_java_launcher=/no/such/java"])
    assert said.startswith("/no/such/java: there is no such command, and the job server needs Java; ")
    [warning] = check_runner(beam_options([*flags, f"--job_server_java_launcher={write_java(tmp_path / 'j', '21')}"]))
    assert "is Java 21, and this job server is made for 17 at most" in warning
    monkeypatch.setattr(jars, "why_no_download", lambda _: Problem("no such host"))
    said = refusal([*flags, "--flink_version=2.1"], DataError)
    assert said.startswith(f"beam-runners-flink-2.1-job-server-{beam_version}.jar: the job server's jar is not in ")


def test_workers_that_task_managers_elsewhere_cannot_start(flags: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "_why_no_docker", lambda: "there is no `docker`")
    with answering(flink("198.51.100.7")) as master:
        on = [*flags, f"--flink_master={master}"]
        assert "does not hold this package" in refusal(on)
        assert "are out of reach of Flink on 198.51.100.7" in refusal([*on, "--environment_type=LOOPBACK"])
        [warning] = check_runner(beam_options([*on, "--environment_config=mine:1"]))
        assert "there is no `docker`" in warning
    with answering(flink("127.0.0.1")) as master:
        on = [*flags, f"--flink_master={master}", "--environment_config=mine:1"]
        assert "there is no `docker`" in refusal(on, DataError)


def test_a_job_service(pool: list[str]) -> None:
    with serving_grpc() as service:
        assert check_runner(beam_options(["--runner=PortableRunner", f"--job_endpoint={service}", *pool])) == []
        assert check_runner(beam_options(["--runner=FlinkRunner", f"--job_endpoint={service}"])) == []
        lost = ["--environment_type=EXTERNAL", f"--environment_config={refusing()}"]
        [warning] = check_runner(beam_options(["--runner=PortableRunner", f"--job_endpoint={service}", *lost]))
        assert "no pool of workers can be reached from here" in warning
    said = refusal(["--runner=PortableRunner", f"--job_endpoint={refusing()}"], DataError)
    assert "no job service can be reached from here: connection refused" in said
    assert refusal(["--runner=PortableRunner", "--job_endpoint=h"]) == "--job_endpoint=h: is no address; say HOST:PORT"


def test_the_job_service_within_this_process() -> None:
    embedded = ["--runner=PortableRunner", "--job_endpoint=embed"]
    assert check_runner(beam_options([*embedded, "--environment_type=LOOPBACK"])) == []
    lost = ["--environment_type=EXTERNAL", f"--environment_config={refusing()}"]
    assert "no pool of workers can be reached" in refusal([*embedded, *lost], DataError)
    assert "does not hold this package" in refusal(embedded)


def test_prism(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "prism"
    said = f"--prism_location={place}: there is no such file; name Prism's binary, or the zip that holds it"
    assert refusal(["--runner=PrismRunner", f"--prism_location={place}"]) == said
    place.write_bytes(b"binary")
    place.chmod(0o755)
    assert check_runner(beam_options(["--runner=PrismRunner", f"--prism_location={place}"])) == []
    prism = "apache_beam.runners.portability.prism_runner.PrismJobServer.BIN_CACHE"
    monkeypatch.setattr(prism, str(tmp_path / "none"))
    monkeypatch.setattr(jars, "why_no_download", lambda _: Problem("no such host"))
    said = refusal(["--runner=PrismRunner"], DataError)
    assert said.startswith(f"Prism is not in {tmp_path / 'none'}, and https://github.com/apache/beam/releases/")
    assert said.endswith("cannot be fetched: no such host; put it there, or name a binary with --prism_location")


def test_what_is_said_to_be_prism(tmp_path: Path) -> None:
    def flags_of(place: object) -> list[str]:
        return ["--runner=PrismRunner", f"--prism_location={place}"]

    remedy = "name Prism's binary, or the zip that holds it"
    assert refusal(flags_of(tmp_path)) == f"--prism_location={tmp_path}: is no file; {remedy}"
    (tmp_path / "prism").write_bytes(b"binary")  # which Beam makes one that may be executed
    for place in (tmp_path / "prism", "https://github.com/apache/beam/releases/tag/v2.60.0", "gs://bucket/prism"):
        assert check_runner(beam_options(flags_of(place))) == []


def test_a_folder_is_no_prism_for_a_run_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "spec.yaml").write_text(REVIEW_SPEC)
    write_jsonl(tmp_path / "a.jsonl", review_records(3))
    words = [
        "--spec",
        str(tmp_path / "spec.yaml"),
        "--input",
        str(tmp_path / "a.jsonl"),
        "--output",
        str(tmp_path / "out"),
    ]
    assert main(["run", *words, "--runner=PrismRunner", f"--prism_location={tmp_path}"]) == 2
    assert f"error: --prism_location={tmp_path}: is no file" in capsys.readouterr().err
    assert tree(tmp_path) == {"spec.yaml", "a.jsonl"}


def test_spark(flags: list[str]) -> None:
    spark = ["--runner=SparkRunner", *flags[2:]]
    said = refusal([*spark, "--spark_submit_uber_jar"])
    assert said == "--spark_submit_uber_jar: needs --spark_rest_url=http://HOST:6066, Spark's REST interface"
    master = refusing()
    said = refusal([*spark, f"--spark_master_url=spark://{master}"], DataError)
    assert said.startswith(f"--spark_master_url=spark://{master}: cannot be reached from here: connection refused")


def test_what_the_portable_runner_and_dataflow_need(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(["--runner=PortableRunner"]).startswith("--runner=PortableRunner: needs the job service; say ")
    monkeypatch.delenv("CLOUDSDK_COMPUTE_REGION", raising=False)
    said = refusal(["--runner=DataflowRunner", "--region=r"])
    assert said.startswith("--runner=DataflowRunner: needs --project, --temp_location; say ")
    assert "--temp_location=/tmp: is no folder that" in refusal([*DATAFLOW, "--temp_location=/tmp"])
    assert refusal(DATAFLOW).startswith(
        "--runner=DataflowRunner: its workers do not have this package; say --setup_file"
    )


@pytest.mark.parametrize("installed", [True, False])
def test_dataflow(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_has_module", lambda _: installed)
    flags = [*DATAFLOW, "--setup_file=./setup.py"]
    if not installed:
        assert refusal(flags) == "--runner=DataflowRunner: needs Google's libraries; install apache-beam[gcp]"
        return
    assert check_runner(beam_options(flags), ["gs://b/data", "gs://b/a.jsonl"]) == []
    said = "reviews.jsonl: is on this machine, where workers of Dataflow do not see it; name a path of gs://"
    assert refusal(flags, paths=("gs://b/data", "reviews.jsonl")) == said


def command(folder: Path, *flags: str) -> list[str]:
    (folder / "spec.yaml").write_text(REVIEW_SPEC)
    source = write_jsonl(folder / "in" / "reviews.jsonl", review_records(20))
    return ["run", "--spec", str(folder / "spec.yaml"), "--input", source, "--output", str(folder / "data"), *flags]


@pytest.mark.parametrize("dry", [[], ["--dry_run"]])
def test_a_run_is_refused_before_it_writes(
    tmp_path: Path, flags: list[str], dry: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    master = refusing()
    code = main(command(tmp_path, *flags, f"--flink_master={master}", *dry))
    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert err.startswith(f"error: --flink_master={master}: cannot be reached from here: ")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "data").exists() or tree(tmp_path / "data") <= {".lock"}


def test_a_dry_run_tells_warnings(
    tmp_path: Path, flags: list[str], pool: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(flink("127.0.0.1", free=0)) as master:
        code = main(command(tmp_path, *flags, *pool, f"--flink_master={master}", "--dry_run"))
    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert told["warnings"] == [f"Flink at {master} has no free slot of 4: the job waits until another one ends"]
