"""Servers on this machine that answer as engines do, for the length of a test."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc


def overview(version: str = "1.20.1", managers: int = 2, slots: int = 4, free: int = 4) -> dict[str, Any]:
    """What Flink says at /v1/overview."""
    return {"flink-version": version, "taskmanagers": managers, "slots-total": slots, "slots-available": free}


def task_managers(*hosts: str) -> dict[str, Any]:
    """What Flink says at /v1/taskmanagers."""
    path = "pekko.tcp://flink@{}:6122/user/rpc/taskmanager_0"
    return {"taskmanagers": [{"id": host, "path": path.format(host)} for host in hosts]}


def flink(*hosts: str, **said: Any) -> dict[str, bytes]:
    """What a cluster answers, by path."""
    return {
        "/v1/overview": json.dumps(overview(**said)).encode(),
        "/v1/taskmanagers": json.dumps(task_managers(*hosts)).encode(),
    }


@contextlib.contextmanager
def answering(answers: Mapping[str, bytes]) -> Iterator[str]:
    """Context in which a server answers HTTP; yields HOST:PORT."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = answers.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def serving_grpc() -> Iterator[str]:
    """Context in which a server of gRPC without any service listens; yields HOST:PORT."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        yield f"localhost:{port}"
    finally:
        server.stop(None)


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """Context in which somebody listens and never says anything; yields HOST:PORT."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def refusing() -> str:
    """HOST:PORT where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"
