"""What is found out of an engine before a job is given to it, each question within a few seconds."""

import importlib.util
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    JobServerOptions,
    PipelineOptions,
    PortableOptions,
    PrismRunnerOptions,
    SparkRunnerOptions,
    StandardOptions,
)

from pipeline import files
from pipeline.job import Job
from pipeline.runners import environments, flink, jars
from pipeline.runners.endpoints import is_here, parse_address, why_no_service, why_unreachable
from pipeline.runners.environments import DOCKER, EXTERNAL, LOOPBACK, environment_of
from schemas.errors import DataError, UsageError

_EMBEDDED = "embed"
_HERE = ["localhost"]
_OLDEST_JAVA = 11
_NEWEST_JAVA = {"1": 17, "2": 21}  # that releases of Flink name, by the first number of theirs
_NEWEST_JAVA_OF_SPARK = 17
_PORTABLE = ("flink", "spark", "portable", "prism", "dataflow")
# Options that a local runner passes over in silence, and the runner that was meant.
_MEANT: Mapping[str, str] = {
    "flink_master": "FlinkRunner",
    "spark_master_url": "SparkRunner",
    "job_endpoint": "PortableRunner",
    "prism_location": "PrismRunner",
}


class _JobServer(NamedTuple):
    """A job server that Beam starts on this machine: names of options, and what Beam builds it with."""

    jar_option: str
    jar: str
    target: str
    newest_java: int


def paths_of(job: Job) -> list[str]:
    """Returns the folder that a job writes to, and the files that it reads."""
    return [job.output, *(file.path for file in job.inputs)]


def kind_of(options: PipelineOptions) -> str:
    """Returns the runner in short: flink, spark, portable, prism, dataflow, fnapi and so on."""
    name = str(options.view_as(StandardOptions).runner or "").rsplit(".", 1)[-1].lower()
    return name.removesuffix("runner")


def check_options(options: PipelineOptions) -> None:
    """Checks that options name all that their runner needs; asks nobody.

    Raises:
      UsageError: They do not.
    """
    kind = kind_of(options)
    if kind in _PORTABLE:
        _refuse_local(options)
    if kind in ("fnapi", "bundlebaseddirect"):
        _refuse_ignored(options)
    elif kind == "portable" and not options.view_as(PortableOptions).job_endpoint:
        raise UsageError(
            "--runner=PortableRunner: needs the job service; say --job_endpoint=HOST:PORT, or --job_endpoint=embed"
        )
    elif kind == "spark":
        spark = options.view_as(SparkRunnerOptions)
        if spark.spark_submit_uber_jar and not spark.spark_rest_url:
            raise UsageError("--spark_submit_uber_jar: needs --spark_rest_url=http://HOST:6066, Spark's REST interface")
    elif kind == "dataflow":
        _check_dataflow_options(options)


def check_runner(options: PipelineOptions, paths: Iterable[str] = ()) -> list[str]:
    """Finds out whether a job can be given to a runner, and writes nothing; a local runner needs no check.

    Args:
      options: As `beam_options` returns them.
      paths: Files and folders of the job.

    Returns:
      Warnings, a line each.

    Raises:
      LengthwiseError: The job would fail, or wait for ever.
    """
    if kind_of(options) == "dataflow":
        return _check_dataflow(paths)
    check = _CHECKS.get(kind_of(options))
    if check is None:
        return []
    endpoint = options.view_as(PortableOptions).job_endpoint
    return _check_endpoint(options, endpoint) if endpoint else check(options)


def _check_endpoint(options: PipelineOptions, endpoint: str) -> list[str]:
    """Checks a job service that runs already, whatever engine is behind it."""
    environment = environment_of(options, LOOPBACK if _is_loopback_default(options) else DOCKER)
    if endpoint == _EMBEDDED:
        return environments.check_environment(environment, options, _HERE, "the job service")
    address = parse_address("--job_endpoint", endpoint)
    problem = why_no_service(address)
    if problem:
        raise DataError(
            f"--job_endpoint={endpoint}: no job service can be reached from here: {problem.words}; "
            "start one, or correct its address"
        )
    hosts = [] if is_here(address.host) else [address.host]  # behind one here there may be a cluster elsewhere
    return environments.check_environment(environment, options, hosts, "the engine")


def _check_flink(options: PipelineOptions) -> list[str]:
    own = options.view_as(FlinkRunnerOptions)
    master, given = own.flink_master.strip(), own.flink_job_server_jar or ""
    is_inner = master in flink.IN_JOB_SERVER
    environment = environment_of(options, LOOPBACK if is_inner else DOCKER)
    told, hosts, version, is_uber = [], _HERE, str(own.flink_version), own.flink_submit_uber_jar and not is_inner
    if given and Path(given).exists():
        version = jars.read_jar(given).engine or version
    if not is_inner:
        found = flink.ask_cluster(flink.rest_url(master))
        cluster = flink.check_cluster(master, found, "" if is_uber and not given else version, given)
        told += flink.cluster_warnings(master, cluster, own.parallelism)
        if environment.kind == EXTERNAL:
            told += flink.pool_warnings(parse_address("--environment_config", environment.config), cluster)
        hosts, version = sorted(cluster.hosts), cluster.minor
    newest = _NEWEST_JAVA.get(version.split(".")[0], max(_NEWEST_JAVA.values()))
    server = _JobServer("--flink_job_server_jar", given, f":runners:flink:{version}:job-server:shadowJar", newest)
    told += _check_job_server(options, server, starts_java=not is_uber)
    return [*told, *environments.check_environment(environment, options, hosts, "Flink")]


def _check_spark(options: PipelineOptions) -> list[str]:
    own = options.view_as(SparkRunnerOptions)
    master, is_inner = own.spark_master_url, own.spark_master_url.startswith("local")
    environment = environment_of(options, LOOPBACK if is_inner else DOCKER)
    if own.spark_submit_uber_jar:
        _check_reached("--spark_rest_url", own.spark_rest_url, own.spark_rest_url)
    elif master.startswith("spark://"):
        _check_reached("--spark_master_url", master, master.removeprefix("spark://").split(",")[0])
    server = _JobServer(
        "--spark_job_server_jar",
        own.spark_job_server_jar or "",
        ":runners:spark:3:job-server:shadowJar",
        _NEWEST_JAVA_OF_SPARK,
    )
    told = _check_job_server(options, server, starts_java=not own.spark_submit_uber_jar)
    return [*told, *environments.check_environment(environment, options, _HERE if is_inner else [], "Spark")]


def _check_prism(options: PipelineOptions) -> list[str]:
    # It takes 60 ms to import, which other runners need not wait for.
    from apache_beam.runners.portability.prism_runner import PrismJobServer

    own = options.view_as(PrismRunnerOptions)
    server = PrismJobServer(options)
    place = own.prism_location or ""
    if place:
        _check_prism_location(place)
    else:
        url = server._resolve_source_path()  # the only way to ask where Beam takes it from
        cached = Path(PrismJobServer.BIN_CACHE, PurePosixPath(url).name)
        problem = None if cached.exists() else jars.why_no_download(url)
        if problem:
            raise DataError(
                f"Prism is not in {PrismJobServer.BIN_CACHE}, and {url} cannot be fetched: {problem.words}; "
                "put it there, or name a binary with --prism_location"
            )
    return environments.check_environment(environment_of(options, LOOPBACK), options, _HERE, "Prism")


def _check_prism_location(place: str) -> None:
    """Checks that what is said to be Prism is a file, which Beam asserts only when the job is begun."""
    is_there = Path(place).exists()
    if Path(place).is_file() or ("://" in place and not is_there):
        return
    problem = "is no file" if is_there else "there is no such file"
    raise UsageError(f"--prism_location={place}: {problem}; name Prism's binary, or the zip that holds it")


_CHECKS: Mapping[str, Callable[[PipelineOptions], list[str]]] = {
    "flink": _check_flink,
    "spark": _check_spark,
    "prism": _check_prism,
    "portable": lambda options: [],  # has an endpoint, see `check_options`
}


def _check_job_server(options: PipelineOptions, server: _JobServer, starts_java: bool) -> list[str]:
    """Checks the jar of a job server that Beam starts here, or uploads, and the Java for it."""
    job_server = options.view_as(JobServerOptions)
    url = server.jar or jars.artifact_url(server.target)
    cache = job_server.jar_cache_dir if starts_java else None  # passed over where the jar is uploaded
    path = jars.find_jar(server.jar_option, server.jar, url, cache)
    jar = jars.read_jar(path) if path else jars.Jar()
    told = jars.jar_warnings(path, jar)
    if starts_java:
        launcher = job_server.job_server_java_launcher
        oldest = jar.java or _OLDEST_JAVA
        told += jars.check_java(launcher, jars.java_version(launcher), oldest, server.newest_java)
    return told


def _check_reached(option: str, said: str, address: str) -> None:
    problem = why_unreachable(parse_address(option, address, may_be_url=True))
    if problem:
        raise DataError(
            f"{option}={said}: cannot be reached from here: {problem.words}; start it, or correct the address"
        )


def _check_dataflow_options(options: PipelineOptions) -> None:
    cloud = options.view_as(GoogleCloudOptions)
    needed = {
        "--project": cloud.project,
        "--region": cloud.region or os.environ.get("CLOUDSDK_COMPUTE_REGION"),
        "--temp_location": cloud.temp_location,
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise UsageError(
            f"--runner=DataflowRunner: needs {', '.join(missing)}; say --project=NAME --region=NAME "
            "--temp_location=gs://BUCKET/FOLDER"
        )
    if not str(cloud.temp_location).startswith("gs://"):
        raise UsageError(
            f"--temp_location={cloud.temp_location}: is no folder that Dataflow sees; say gs://BUCKET/FOLDER"
        )
    if not environments.brings_package(options):
        raise UsageError(
            "--runner=DataflowRunner: its workers do not have this package; say --setup_file=./setup.py, or "
            "--sdk_container_image=IMAGE of one that holds it"
        )


def _check_dataflow(paths: Iterable[str]) -> list[str]:
    if not _has_module("google.cloud.dataflow"):
        raise UsageError("--runner=DataflowRunner: needs Google's libraries; install apache-beam[gcp]")
    for path in paths:
        if files.is_local(path):
            raise UsageError(
                f"{path}: is on this machine, where workers of Dataflow do not see it; name a path of gs://"
            )
    return []


def _refuse_ignored(options: PipelineOptions) -> None:
    said = options.get_all_options(drop_default=True)
    for name, runner in _MEANT.items():
        if name in said:
            raise UsageError(
                f"--{name}: means nothing to the local runner; say --runner={runner} as well, or leave it out"
            )


def _refuse_local(options: PipelineOptions) -> None:
    said = options.get_all_options(drop_default=True)
    for name in ("direct_running_mode", "direct_num_workers"):
        if name in said:
            runner = options.view_as(StandardOptions).runner
            raise UsageError(
                f"--{name}: means something to the local runner only, and not to {runner}; leave it out, or leave out "
                "--runner"
            )


def has_workers_here(options: PipelineOptions) -> bool:
    """Returns whether the workers of a runner that is no local one are threads of this process."""
    return environment_of(options, LOOPBACK if _is_loopback_default(options) else DOCKER).kind == LOOPBACK


def _is_loopback_default(options: PipelineOptions) -> bool:
    """Returns whether a runner whose job service runs already takes workers in this process where nothing is said."""
    kind = kind_of(options)
    if kind == "flink":
        return options.view_as(FlinkRunnerOptions).flink_master in flink.IN_JOB_SERVER
    if kind == "spark":
        return str(options.view_as(SparkRunnerOptions).spark_master_url).startswith("local")
    return kind == "prism"


def _has_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # nor the package that would hold it
        return False
