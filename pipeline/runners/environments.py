"""Where the workers of a job come from, and what of that can be known before the job starts."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from typing import NamedTuple

from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions, SetupOptions, WorkerOptions

from pipeline.runners.endpoints import is_here, parse_address, why_no_service
from schemas.errors import DataError, UsageError

LOOPBACK, DOCKER, EXTERNAL, PROCESS = "LOOPBACK", "DOCKER", "EXTERNAL", "PROCESS"
_KINDS = (DOCKER, EXTERNAL, LOOPBACK, PROCESS)
_URN = "beam:env:"  # of the long names that Beam takes as well
_DOCKER_SECONDS = 5.0
_IGNORED = (
    "--setup_file, --extra_package, --requirements_file: a pool that is started as Beam's module installs nothing for "
    "a job; install the package where its workers run"
)
_POOL = "--environment_type=EXTERNAL --environment_config=HOST:PORT (a pool of workers beside each task manager)"


class Environment(NamedTuple):
    """Where workers come from.

    Attributes:
      kind: As `--environment_type` names it.
      config: The image, the address of the pool or the command; empty where there is none.
      is_default: Whether the person said nothing of it.
    """

    kind: str
    config: str
    is_default: bool


def environment_of(options: PipelineOptions, default: str) -> Environment:
    """Returns where the workers come from.

    Args:
      options: Beam's.
      default: What the runner takes where the person says nothing.

    Raises:
      UsageError: What it needs is not said, or cannot mean anything.
    """
    portable = options.view_as(PortableOptions)
    said = portable.environment_type or ""
    kind = said.split(":")[2].upper() if said.startswith(_URN) else said or default
    if said and not said.startswith(_URN) and said not in _KINDS:  # Beam knows capital letters only, too
        raise UsageError(f"--environment_type={said}: is no kind of workers; say {', '.join(_KINDS[:-1])} or {PROCESS}")
    config = portable.environment_config or ""
    if kind == EXTERNAL:
        config = _pool(config or portable.lookup_environment_option("external_service_address") or "")
    elif kind == PROCESS and not (config or portable.lookup_environment_option("process_command")):
        raise UsageError(
            "--environment_type=PROCESS: needs the command that starts a worker; say "
            '--environment_config=\'{"command": "PATH"}\''
        )
    elif kind == DOCKER:
        config = config or portable.lookup_environment_option("docker_container_image") or ""
        config = config or options.view_as(WorkerOptions).sdk_container_image or ""
    return Environment(kind, config, not said)


def brings_package(options: PipelineOptions) -> bool:
    """Returns whether options name something that may install our package on workers."""
    setup, worker = options.view_as(SetupOptions), options.view_as(WorkerOptions)
    return bool(
        setup.setup_file
        or setup.extra_packages
        or setup.requirements_file
        or setup.prebuild_sdk_container_engine
        or worker.sdk_container_image
    )


def check_environment(
    environment: Environment, options: PipelineOptions, hosts: Iterable[str], engine: str
) -> list[str]:
    """Checks where workers come from; returns warnings.

    Args:
      environment: As `environment_of` returns it.
      options: Beam's.
      hosts: Of the processes that start workers, as far as they are known; empty: nothing is known of them.
      engine: Who starts them, in words.

    Raises:
      LengthwiseError: No worker can start, or none can have our package.
    """
    known = list(hosts)
    all_here = bool(known) and all(map(is_here, known))
    if environment.kind == EXTERNAL:
        staged = options.view_as(SetupOptions)
        ignored = [_IGNORED] if staged.setup_file or staged.extra_packages or staged.requirements_file else []
        return [*ignored, *_check_pool(environment.config, all_here)]
    if environment.kind == LOOPBACK:
        away = sorted(host for host in known if not is_here(host))
        if away:
            raise UsageError(
                f"--environment_type=LOOPBACK: workers in this process are out of reach of {engine} on {away[0]}; "
                f"say {_POOL}"
            )
    if environment.kind == DOCKER:
        return _check_docker(environment, options, all_here, engine)
    return []


def check_docker(problem: str, environment: Environment, all_here: bool, engine: str) -> list[str]:
    """Decides on what is wrong with Docker on this machine.

    Args:
      problem: In words; empty: nothing.
      environment: Of the workers.
      all_here: Whether it is this machine that starts them.
      engine: Who starts them, in words.

    Raises:
      DataError: No worker can start.
    """
    if not problem:
        return []
    said = "without --environment_type" if environment.is_default else "with --environment_type=DOCKER"
    text = f"{said} {engine} starts workers with Docker, and on this machine {problem}; say {_POOL}, or mend Docker"
    if all_here:
        raise DataError(text)
    return [text] if environment.is_default else []


def _check_docker(environment: Environment, options: PipelineOptions, all_here: bool, engine: str) -> list[str]:
    if not environment.config and not brings_package(options):
        said = (
            "without --environment_type workers are"
            if environment.is_default
            else "--environment_type=DOCKER: workers are"
        )
        raise UsageError(
            f"{said} containers of Beam's own image, which does not hold this package; say --environment_config=IMAGE "
            f"of one that does, --setup_file=./setup.py, or {_POOL}"
        )
    if all_here or environment.is_default:
        return check_docker(_why_no_docker(), environment, all_here, engine)
    return []


def _check_pool(config: str, all_here: bool) -> list[str]:
    address = parse_address("--environment_config", config)
    problem = why_no_service(address)
    if problem is None:
        return []
    text = f"--environment_config={address}: no pool of workers can be reached from here: {problem.words}"
    start = f"start one: `python -m apache_beam.runners.worker.worker_pool_main --service_port={address.port}`"
    if all_here and is_here(address.host):
        raise DataError(f"{text}; {start}")
    return [f"{text}; where the task managers run it may be another matter, else {start}"]


def _pool(config: str) -> str:
    """Returns the address of a pool that is said in one of Beam's ways."""
    try:
        address = str(json.loads(config).get("url") or "") if config.lstrip().startswith("{") else config
    except ValueError as error:
        raise UsageError(f"--environment_config={config}: is no JSON ({error}); say HOST:PORT") from None
    if not address:
        raise UsageError("--environment_type=EXTERNAL: needs the pool of workers; say --environment_config=HOST:PORT")
    return str(parse_address("--environment_config", address))


def _why_no_docker() -> str:
    if shutil.which("docker") is None:
        return "there is no `docker`"
    try:
        done = subprocess.run(["docker", "version"], capture_output=True, text=True, timeout=_DOCKER_SECONDS)  # noqa: S607
    except (OSError, subprocess.TimeoutExpired):
        return "`docker version` does not answer"
    lines = done.stderr.strip().splitlines() or ["`docker version` fails"]
    return "" if done.returncode == 0 else f"`docker version` says: {lines[-1].split('. ')[0]}"
