"""An S3-compatible server in the process of the tests, which counts what it is asked, and fails where told to."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Says nothing."""


class StoreServer:
    """The server, on a port of its own, until it is closed.

    Attributes:
      counts: Of requests by kind, since they were last cleared, and bytes of objects that were sent ("bytes").
      refused: Returns with which status a request (kind, path) is refused; empty: it is answered.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.refused: Callable[[str, str], str] = lambda kind, path: ""
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
            content = b"<Error><Code>Refused</Code><Message>not now</Message></Error>"
            start(refused, [("Content-Length", str(len(content)))])
            return [content]

        def counting(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if kind == "GET":
                self.counts["bytes"] += sum(int(value) for name, value in headers if name.lower() == "content-length")
            return start(status, headers, *rest)

        return list(self._app(environ, counting))


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
