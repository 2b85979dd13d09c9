"""Which runners read a source that never ends, and what they have to be told for it."""

from collections.abc import Sequence

import grpc
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions, StandardOptions, TypeOptions
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from pipeline.runners.checks import kind_of
from pipeline.runners.endpoints import SECONDS
from pipeline.runners.options import beam_options
from schemas.errors import UsageError

_REMEDY = (
    "say --runner=FlinkRunner --flink_master=HOST:PORT (a cluster), --flink_master='[local]' (a Flink on this machine, "
    "which needs Java), or --runner=PrismRunner"
)
_WHY_NOT = {
    "fnapi": "it hands on nothing before a source ends, and a stream has no end",
    "bundlebaseddirect": "it cannot read a source that never ends, and is for tests",
    "spark": "Beam has no streams from Python on Spark",
}
_STREAMING = "--streaming"
_OPTION_OF_FLINK = "flink_master"
# Else what a step gives in the bundle that a checkpoint ends goes into the checkpoint, and on only with the next
# element or watermark of that step: of one that gets none any more, never.
_BUNDLE_FIRST = "--finish_bundle_before_checkpointing"
_MILLISECONDS = 1_000


def streaming_options(flags: Sequence[str], checkpoint_seconds: float) -> PipelineOptions:
    """Returns the options of a stream.

    Args:
      flags: What the command itself did not understand.
      checkpoint_seconds: Between two checkpoints, from which Flink goes on after a failure.

    Raises:
      UsageError: See `pipeline.runners.options.beam_options`; or the runner cannot stream.
    """
    flags = [flag for flag in flags if flag != _STREAMING]  # as people who know Beam say it; it goes without saying
    options = beam_options(flags)
    check_can_stream(options, _given(flags))
    # Flink's job server knows them; the Python SDK hands on what it does not know itself.
    extra = [f"--checkpointing_interval={round(checkpoint_seconds * _MILLISECONDS)}", _BUNDLE_FIRST]
    told = PipelineOptions([*flags, *(extra if kind_of(options) in ("flink", "portable") else [])])
    standard = told.view_as(StandardOptions)
    standard.runner, standard.streaming = options.view_as(StandardOptions).runner, True
    told.view_as(TypeOptions).pipeline_type_check = False
    return told


def check_can_stream(options: PipelineOptions, given: str) -> None:
    """Checks that a runner can read what never ends.

    Args:
      options: As `beam_options` returns them, which name the runner that is meant.
      given: The runner as it was said; empty: none was.

    Raises:
      UsageError: It cannot, or nobody knows.
    """
    kind = kind_of(options)
    if kind in _WHY_NOT:
        what = f"--runner={given}: cannot stream" if given else "no --runner is given, and the local one cannot stream"
        raise UsageError(f"{what}: {_WHY_NOT[kind]}; {_REMEDY}")
    if kind in ("flink", "prism", "dataflow"):
        return
    if kind == "portable":
        _check_service(str(options.view_as(PortableOptions).job_endpoint))
        return
    raise UsageError(f"--runner={given}: is not known to stream; {_REMEDY}")


def _check_service(endpoint: str) -> None:
    found = frozenset() if endpoint == "embed" else options_of_service(endpoint)
    if found is None:
        raise UsageError(
            f"--job_endpoint={endpoint}: does not answer, so that nobody knows whether it streams; check that the "
            f"job service runs there, or {_REMEDY}"
        )
    if _OPTION_OF_FLINK not in found:
        raise UsageError(f"--job_endpoint={endpoint}: is not known to stream: no Flink is behind it; {_REMEDY}")


def _given(flags: Sequence[str]) -> str:
    return str(PipelineOptions(list(flags)).view_as(StandardOptions).runner or "")


def options_of_service(endpoint: str, seconds: float = SECONDS) -> frozenset[str] | None:
    """Returns the names of the options that the runner behind a job service has; None: it does not answer."""
    request = beam_job_api_pb2.DescribePipelineOptionsRequest()
    with grpc.insecure_channel(endpoint) as channel:
        try:
            service = beam_job_api_pb2_grpc.JobServiceStub(channel)
            answer = service.DescribePipelineOptions(request, timeout=seconds)
        except grpc.RpcError:
            return None
    return frozenset(option.name for option in answer.options)
