"""Serves an export over HTTP in the REST form of TensorFlow Serving; needs TensorFlow and nothing of this package.

    python examples/serve.py EXPORT_DIR --name mood --port 8501
    curl -d '{"instances": [{"text": "a fine film"}]}' http://localhost:8501/v1/models/mood:predict

It is an example to read and to change: TensorFlow Serving itself serves the same folder under .../mood/1. Its form is
https://www.tensorflow.org/tfx/serving/api_rest, with one difference: a number that is none is written as null, as
JSON has no word for it, and TensorFlow Serving writes NaN.
"""

import argparse
import base64
import contextlib
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

VERSION = "1"
_PATH = re.compile(r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>[^/:]+))?(?P<rest>/metadata|:predict)?")


class RequestError(Exception):
    """An HTTP status, and what is wrong with a request."""


class ExportError(Exception):
    """Why a folder cannot be served."""


class ServedModel:
    """A loaded export."""

    def __init__(self, folder: str, name: str) -> None:
        """Loads the export in a folder, to be served under a name; ExportError where it is none."""
        known = _export(folder)
        import tensorflow as tf  # some seconds, after what can be wrong with a command line

        self.name = name
        self._tf = tf
        self._loaded = tf.saved_model.load(folder)
        self._signatures = known["signatures"]

    def status(self) -> dict[str, Any]:
        """Returns the answer to GET /v1/models/NAME."""
        state = {"version": VERSION, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        return {"model_version_status": [state]}

    def metadata(self) -> dict[str, Any]:
        """Returns the answer to GET /v1/models/NAME/metadata."""
        signatures: dict[str, dict[str, Any]] = {}
        for name, said in self._signatures.items():
            sides = {side: {one["name"]: _tensor_info(one) for one in said[side]} for side in ("inputs", "outputs")}
            signatures[name] = {**sides, "method_name": "tensorflow/serving/predict"}
        spec = {"name": self.name, "signature_name": "", "version": VERSION}
        return {"model_spec": spec, "metadata": {"signature_def": {"signature_def": signatures}}}

    def predict(self, body: bytes) -> dict[str, Any]:
        """Returns the answer to POST /v1/models/NAME:predict; RequestError where it is not what a signature takes."""
        request = _request(body)
        name = request.get("signature_name", "serving_default")
        if not isinstance(name, str) or name not in self._signatures:
            raise RequestError(400, f"signature_name {name!r}: must be one of {', '.join(sorted(self._signatures))}")
        inputs = self._signatures[name]["inputs"]
        columns = _columns(request, [one["name"] for one in inputs])
        arguments = {one["name"]: self._tensor(columns[one["name"]], one) for one in inputs}
        try:
            outputs = self._loaded.signatures[name](**arguments)
        except self._tf.errors.OpError as error:
            said = [line for line in str(error).splitlines() if line.strip() and "[[" not in line]
            raise RequestError(400, f"the model cannot read the request: {said[-1].strip()}") from None
        values = {output: _plain(tensor.numpy().tolist()) for output, tensor in outputs.items()}
        rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        return {"outputs": values} if "inputs" in request else {"predictions": rows}

    def _tensor(self, values: Any, wanted: Mapping[str, Any]) -> Any:
        """Returns nested lists as the tensor of an argument."""
        shape = wanted["shape"]
        try:
            tensor = self._tf.constant(_decoded(values), wanted["dtype"])
        except (TypeError, ValueError) as error:
            rule = f"must be {wanted['dtype']} values of shape {shape}, all lists of one length"
            raise RequestError(400, f"{wanted['name']}: {rule}; {' '.join(str(error).split())}") from None
        if 0 in tensor.shape:  # empty lists say nothing of what is in them
            return self._tf.zeros([tensor.shape[0], *(size or 0 for size in shape[1:])], wanted["dtype"])
        if not tensor.shape.is_compatible_with(shape):
            raise RequestError(400, f"{wanted['name']}: must have shape {shape}; received {tensor.shape.as_list()}")
        return tensor


class Handler(BaseHTTPRequestHandler):
    """Answers requests for one model."""

    model: ServedModel
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers status and metadata."""
        self._answer(lambda rest: {"": self.model.status, "/metadata": self.model.metadata}.get(rest))

    def do_POST(self) -> None:
        """Answers predict."""
        body = self._body()
        self._answer(lambda rest: (lambda: self.model.predict(body)) if rest == ":predict" else None)

    def _answer(self, find: Any) -> None:
        try:
            status, said = 200, self._found(find)()
        except RequestError as error:
            status, said = error.args[0], {"error": error.args[1]}
        content = (json.dumps(said, ensure_ascii=False, allow_nan=False) + "\n").encode()
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        """Returns what a request holds: nothing where it does not say how much that is."""
        size = self.headers.get("Content-Length", "")
        if size.isascii() and size.isdigit():
            return self.rfile.read(int(size))
        self.close_connection = True  # what is left must not be read as the next request
        return b""

    def _found(self, find: Any) -> Any:
        parts = _PATH.fullmatch(self.path)
        found = find(parts["rest"] or "") if parts else None
        if parts is None or found is None:
            raise RequestError(404, f"{self.command} {self.path}: is no request of this server")
        if parts["name"] != self.model.name or parts["version"] not in {None, VERSION}:
            raise RequestError(404, f"Servable not found for request: {parts['name']}, version {parts['version']}")
        return found


def _export(folder: str) -> dict[str, Any]:
    """Returns what the export.json of an export says."""
    path = Path(folder) / "assets.extra" / "export.json"
    try:
        known = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise ExportError(f"{path}: cannot be read ({why}); `python -m trainer export` writes a whole folder") from None
    if not isinstance(known, dict) or known.get("format_version", 1) != 1:
        raise ExportError(f"{path}: is of another format version; export the model again")
    return known


def _request(body: bytes) -> dict[str, Any]:
    if not body:
        raise RequestError(400, "a request must have a body, and say its bytes in the header Content-Length")
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"JSON Parse error: {error}") from None
    if not isinstance(request, dict) or ("instances" in request) == ("inputs" in request):
        raise RequestError(400, 'a request must be a JSON object with "instances" or "inputs", and not both')
    return request


def _columns(request: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Returns the values of each argument, from rows or columns; of one argument, its name may be left out."""
    given = request.get("inputs", request.get("instances"))
    parts = given if "instances" in request else [given]
    if not isinstance(parts, list):
        raise RequestError(400, '"instances" must be a list')
    if len(names) == 1:
        parts = [part if isinstance(part, dict) and names[0] in part else {names[0]: part} for part in parts]
    if not all(isinstance(part, dict) and set(part) == set(names) for part in parts):
        what = "every instance" if "instances" in request else "inputs"
        raise RequestError(400, f"{what} must be an object with {', '.join(sorted(names))}, and nothing else")
    return {name: [part[name] for part in parts] for name in names} if "instances" in request else dict(parts[0])


def _decoded(values: Any) -> Any:
    """Returns nested lists with bytes for {"b64": ...} and NaN for null."""
    if isinstance(values, list):
        return [_decoded(value) for value in values]
    if isinstance(values, dict) and set(values) == {"b64"}:
        return base64.b64decode(values["b64"], validate=True)
    return math.nan if values is None else values


def _plain(values: Any) -> Any:
    """Returns nested lists as JSON has them: bytes as text, numbers that are none as null."""
    if isinstance(values, list):
        return [_plain(value) for value in values]
    if isinstance(values, bytes):
        return values.decode()
    return None if isinstance(values, float) and not math.isfinite(values) else values


def _tensor_info(one: Mapping[str, Any]) -> dict[str, Any]:
    names = {"string": "DT_STRING", "float32": "DT_FLOAT", "float64": "DT_DOUBLE", "bool": "DT_BOOL"}
    sizes = [{"size": str(-1 if size is None else size), "name": ""} for size in one["shape"]]
    dtype = names.get(one["dtype"], f"DT_{one['dtype'].upper()}")
    return {"dtype": dtype, "tensor_shape": {"dim": sizes, "unknown_rank": False}}


def make_server(folder: str, name: str, host: str, port: int) -> ThreadingHTTPServer:
    """Returns a server of an export that is bound to its port, not started; port 0 means any that is free."""
    handler = type("ModelHandler", (Handler,), {"model": ServedModel(folder, name)})
    return ThreadingHTTPServer((host, port), handler)


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(description="Serve an export over HTTP.")
    parser.add_argument("export", metavar="EXPORT_DIR", help="what `python -m trainer export` wrote")
    parser.add_argument("--name", default="model", help="in the URL (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8501, help="port (default: %(default)s)")
    asked = parser.parse_args()
    try:
        server = make_server(asked.export, asked.name, asked.host, asked.port)
    except ExportError as error:
        raise SystemExit(f"error: {error}") from None
    except OSError as error:
        raise SystemExit(f"error: {asked.export}, {asked.host}:{asked.port}: {error}") from None
    print(f"http://{asked.host}:{server.server_port}/v1/models/{asked.name}", file=sys.stderr, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


if __name__ == "__main__":
    main()
