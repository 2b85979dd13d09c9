"""Which runners may read what never ends."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc
from apache_beam.runners.portability.local_job_service import LocalJobServicer

from pipeline.runners.streaming import check_can_stream, options_of_service, streaming_options
from schemas.errors import UsageError


class FlinkService(beam_job_api_pb2_grpc.JobServiceServicer):  # type: ignore[misc]  # Beam has no types
    def DescribePipelineOptions(self, *_: object) -> beam_job_api_pb2.DescribePipelineOptionsResponse:  # noqa: N802
        option = beam_job_api_pb2.PipelineOptionDescriptor(name="flink_master")
        return beam_job_api_pb2.DescribePipelineOptionsResponse(options=[option])


def serve(servicer: object) -> tuple[grpc.Server, str]:
    server = grpc.server(ThreadPoolExecutor(1))
    beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    return server, f"localhost:{port}"


@pytest.mark.parametrize("name", ["FnApiRunner", "DirectRunner", "direct", "BundleBasedDirectRunner", "SparkRunner"])
def test_runners_that_cannot(name: str) -> None:
    said = f"--runner={name}: cannot stream: .*; say --runner=FlinkRunner .* or --runner=Prism"
    with pytest.raises(UsageError, match=said):
        streaming_options([f"--runner={name}"], 30)


def test_no_runner_is_the_local_one() -> None:
    with pytest.raises(UsageError, match=r"^no --runner is given, and the local one cannot stream: it hands"):
        streaming_options([], 30)


@pytest.mark.parametrize("name", ["my.own.Runner", "InteractiveRunner"])
def test_runners_that_nobody_knows(name: str) -> None:
    with pytest.raises(UsageError, match=f"--runner={name}: is not known to stream; say --runner=FlinkRunner"):
        streaming_options([f"--runner={name}"], 30)


def test_flink_takes_checkpoints() -> None:
    options = streaming_options(["--runner=FlinkRunner", "--flink_master=localhost:8081"], 1.5)
    assert options.view_as(StandardOptions).streaming
    assert "--checkpointing_interval=1500" in options._flags
    assert "--finish_bundle_before_checkpointing" in options._flags


def test_prism_streams_and_takes_none() -> None:
    options = streaming_options(["--runner=PrismRunner", "--streaming"], 30)  # said by people who know Beam
    assert options.view_as(StandardOptions).streaming
    assert not [flag for flag in options._flags if "checkpointing" in flag]


def test_flink_behind_a_job_service() -> None:
    server, endpoint = serve(FlinkService())
    flags = ["--runner=PortableRunner", f"--job_endpoint={endpoint}"]
    options = streaming_options(flags, 30)
    server.stop(0)
    assert {"--checkpointing_interval=30000", "--finish_bundle_before_checkpointing"} <= {*options._flags}


def test_another_engine_behind_a_job_service() -> None:
    server, endpoint = serve(LocalJobServicer())  # FnApiRunner
    with pytest.raises(UsageError, match=f"--job_endpoint={endpoint}: is not known to stream: no Flink is behind it"):
        check_can_stream(PipelineOptions(["--runner=PortableRunner", f"--job_endpoint={endpoint}"]), "PortableRunner")
    server.stop(0)


def test_the_engine_within_the_process() -> None:
    with pytest.raises(UsageError, match="--job_endpoint=embed: is not known to stream: no Flink"):
        check_can_stream(PipelineOptions(["--runner=PortableRunner", "--job_endpoint=embed"]), "PortableRunner")


def test_a_job_service_that_does_not_answer() -> None:
    server, endpoint = serve(FlinkService())
    server.stop(0).wait()
    assert options_of_service(endpoint, 1.0) is None
    with pytest.raises(UsageError, match=f"--job_endpoint={endpoint}: does not answer, so that nobody knows"):
        check_can_stream(PipelineOptions(["--runner=PortableRunner", f"--job_endpoint={endpoint}"]), "PortableRunner")
