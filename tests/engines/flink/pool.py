"""Beam's pool of Python workers on one address of this machine: `python -m tests.engines.flink.pool HOST:PORT`.

Beam's own command listens on every address, so that two of them cannot stand for two hosts.
"""

import logging
import signal
import sys

import grpc
from apache_beam.portability.api import beam_fn_api_pb2_grpc
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer
from apache_beam.utils.thread_pool_executor import shared_unbounded_instance


def main(address: str) -> None:
    """Serves until SIGTERM; the workers end with it."""
    logging.basicConfig(level=logging.INFO)
    server = grpc.server(shared_unbounded_instance(), options=[("grpc.so_reuseport", 0)])
    server.add_insecure_port(address)
    pool = BeamFnExternalWorkerPoolServicer(use_process=True)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1])
