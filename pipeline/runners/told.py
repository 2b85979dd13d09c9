"""What an engine says of a job that failed, in one line that helps.

Engines wrap the error of a worker in their own words: a Python traceback in a Java one, or a status of gRPC in many
lines. The traceback is kept whole in the run's folder of failures.
"""

import re

import grpc
from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions, PortableOptions

from pipeline.runners.checks import has_workers_here, kind_of
from pipeline.runners.environments import EXTERNAL, environment_of
from pipeline.runners.flink import IN_JOB_SERVER, SHARED, rest_url
from pipeline.runners.options import is_local
from schemas.errors import DataError, LengthwiseError, UsageError

_KINDS = {"DataError": DataError, "UsageError": UsageError}
_OURS = re.compile(r"schemas\.errors\.(DataError|UsageError): (.+)")
_STEP = re.compile(r" \[while running '.*'\]?\s*$")  # Beam's, behind the message of the worker
_MISSING = re.compile(r"No module named '((?:pipeline|schemas)(?:\.[\w.]+)?)'")
_OTHER = re.compile(r"Can't get attribute '(\w+)' on <module '((?:pipeline|schemas)[\w.]*)'")
_TRACEBACK = "Traceback (most recent call last)"
# How Python ends a traceback; Java's own lines begin with its packages or with "Caused by".
_PYTHON_LINE = re.compile(r"^(?!java|javax|org\.|com\.|Caused by)[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)\b.*")
_CAUSE = re.compile(r"^Caused by: (.+)", re.MULTILINE)
_LOST = re.compile(r"Channel closed prematurely|SDK worker disconnected")  # of Beam's job service, and of Prism
# Of Beam's runners in Java: no worker came for a bundle, or one that could not read its part of the job sent nothing.
_SILENT = re.compile(r"TimeoutException: Waited \d+ \w+ .*Future|No client connected within timeout")
_POOL = re.compile(r"worker_pool_main\.py\".*?^(\w+(?:Error|Exception): .+?)$", re.DOTALL | re.MULTILINE)
_SLOTS = re.compile(r"NoResourceAvailableException")
_MASTER = re.compile(r"in state FAILED: java\.net\.ConnectException: (.+)")  # of what the job server asks: the cluster
_CANCELLED = re.compile(r"JobCancellationException")
_DETAILS = re.compile(r'^\s*details = "(.+)"', re.MULTILINE)  # of a status of gRPC, in lines of its own
_INSTALL = "install the package with its requirements where the workers run, in the Python that they start"


def known_error(error: BaseException, said: str = "") -> LengthwiseError | None:
    """Returns what a worker said of the data or of itself, where an error or what the engine said holds it."""
    text = _unfolded(f"{said}\n{error}")
    found = _OURS.findall(text)
    if found:
        kind, message = found[-1]
        return _KINDS[kind](_STEP.sub("", message))
    missing = _MISSING.search(text)
    if missing and "." not in missing[1]:
        return DataError(f"the workers do not have this package (No module named '{missing[1]}'); {_INSTALL}")
    other = _OTHER.search(text)
    if missing or other:
        what = missing[0] if missing else f"no {other[1]} in {other[2]}" if other else ""
        return DataError(f"the workers have another version of this package ({what}); {_INSTALL}, the same as here")
    return None


def one_line(error: BaseException, said: str = "") -> str:
    """Returns what helps most of an error: what Python said on the worker, else the cause, else the first line.

    Args:
      error: As Beam raised it.
      said: What the engine said of errors before: some raise one that says nothing.
    """
    if isinstance(error, grpc.RpcError) and hasattr(error, "code"):
        status = f"{error.code().name}: {_first(error.details() or '')}"
        gone = error.code() == grpc.StatusCode.UNAVAILABLE
        return f"the job service is gone ({status}); start the same command again" if gone else status
    text = _unfolded(str(error))
    whole = _unfolded(f"{said}\n{error}")
    lost = _LOST.search(whole)
    if lost:
        return f"a worker ended in the middle of its work ({lost[0]}); start the same command again"
    waited = _waited(whole)
    if waited:
        return waited
    text = text if _TRACEBACK in text or _CAUSE.search(text) else whole
    if _TRACEBACK in text:
        lines = [line for line in text[text.index(_TRACEBACK) :].splitlines() if _PYTHON_LINE.match(line)]
        if lines:
            return _with_details(lines[-1], text)
    causes = _CAUSE.findall(text)
    name = type(error).__name__
    return f"{name}: {causes[-1]}" if causes else f"{name}: {_first(str(error)) or 'says nothing more'}"


def _waited(text: str) -> str:
    """Returns what an engine waited for in vain, in one line; empty where it was nothing of that."""
    pool = _POOL.search(text)
    if pool:
        return f"the pool of workers cannot start one ({pool[1]}); start it with the package's Python first in its PATH"
    if _SILENT.search(text):
        return (
            "a Python worker that the engine waited for did not come, or could not begin; look at what the pool "
            "printed, whether its `python` has this package, the same as here, and whether task managers share the "
            f"pool: those {SHARED}"
        )
    if _SLOTS.search(text):
        return (
            "the job got too few free slots for as long as Flink waits (slot.request.timeout); say a smaller "
            "--parallelism, start more task managers, or wait until other jobs end"
        )
    master = _MASTER.search(text)
    if master:
        return f"the cluster's master is gone ({master[1]}); start it, and then the same command, again"
    return "somebody else cancelled the job on the cluster" if _CANCELLED.search(text) else ""


def where_logs(options: PipelineOptions) -> str:
    """Returns where an engine or its workers say more, to follow what a job failed of; empty where nowhere."""
    told = []
    master = str(options.view_as(FlinkRunnerOptions).flink_master)
    if master not in IN_JOB_SERVER:
        told.append(f"the cluster's own log: {rest_url(master)}")
    portable = options.view_as(PortableOptions)
    if portable.environment_type == EXTERNAL:
        told.append(f"what workers printed: where the pool at {environment_of(options, EXTERNAL).config} was started")
    return "".join(f"; {line}" for line in told)


def where_workers(options: PipelineOptions) -> str:
    """Returns where to look when no worker begins; empty where they begin for certain, or take minutes (Dataflow)."""
    if is_local(options) or kind_of(options) == "dataflow" or has_workers_here(options):
        return ""
    portable, told = options.view_as(PortableOptions), []
    master = str(options.view_as(FlinkRunnerOptions).flink_master)
    if kind_of(options) == "flink" and master not in IN_JOB_SERVER:
        told.append(f"whether Flink has task managers and free slots: {rest_url(master)}")
    if portable.environment_type == EXTERNAL:
        address = environment_of(options, EXTERNAL).config
        told.append(f"what the pool at {address} printed, and whether its `python` has this package")
    more = f"; look at {', and '.join(told)}" if told else ", and it is the engine that starts workers"
    return f"perhaps no worker has begun yet{more}"


def _unfolded(text: str) -> str:
    """Returns what an engine says; one that logs JSON may have left line ends as two characters."""
    return text.replace("\\n", "\n") if f"{_TRACEBACK}:\\n" in text else text


def _first(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _with_details(line: str, text: str) -> str:
    """Returns the last line of a traceback; that of an error of gRPC says nothing without one of those behind it."""
    details = _DETAILS.findall(text[text.rindex(line) :])
    return f"{line.split(':')[0].rsplit('.', 1)[-1].lstrip('_')}: {details[-1]}" if details else line
