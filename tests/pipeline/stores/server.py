"""An S3-compatible server in the process of the tests, which counts what it is asked, and fails where told to."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

_CONDITIONS = {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH"}
_CODES = {"409 Conflict": "ConditionalRequestConflict"}  # what the store itself calls a status


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Says nothing."""


class StoreServer:
    """The server, on a port of its own, until it is closed.

    Attributes:
      counts: Of requests by kind, since they were last cleared, and bytes of objects that were sent ("bytes").
      knows_conditions: Whether it writes on the condition that what is there is what the writer knows of.
      refused: Returns with which status a request (kind, path) is refused; empty: it is answered.
    """

    def __init__(self) -> None:
        self.knows_conditions = True
        self.counts: Counter[str] = Counter()
        self.refused: Callable[[str, str], str] = lambda kind, path: ""
        self._writing = threading.Lock()  # moto looks what is there and writes later
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()

    def _answer(self, environ: Any, start: Any) -> Iterable[bytes]:
        kind = _kind(environ)
        self.counts[kind] += 1
        if refused := self.refused(kind, environ["PATH_INFO"]):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return _refuse(start, refused, _CODES.get(refused, "Refused"))
        conditional = kind == "PUT" and not environ.keys().isdisjoint(_CONDITIONS)
        if conditional and not self.knows_conditions:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            return _refuse(start, "501 Not Implemented", "NotImplemented")

        def counting(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if kind == "GET":
                self.counts["bytes"] += sum(int(value) for name, value in headers if name.lower() == "content-length")
            return start(status, headers, *rest)

        with self._writing if conditional else nullcontext():
            return list(self._app(environ, counting))


def _refuse(start: Any, status: str, code: str) -> Iterable[bytes]:
    content = f"<Error><Code>{code}</Code><Message>not now</Message></Error>".encode()
    start(status, [("Content-Length", str(len(content)))])
    return [content]


def _kind(environ: Any) -> str:
    method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
    if method == "GET" and ("list-type" in query or "uploads" in query):
        return "LIST"
    if method == "POST":
        return next((kind for word, kind in (("delete", "DELETE"), ("uploads", "BEGIN")) if word in query), "COMPLETE")
    if method == "PUT" and "partNumber" in query:
        return "PART"
    if method == "DELETE" and "uploadId" in query:
        return "ABORT"
    return "COPY" if "HTTP_X_AMZ_COPY_SOURCE" in environ else str(method)
