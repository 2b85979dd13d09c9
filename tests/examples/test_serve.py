"""An export is served in the REST form of TensorFlow Serving, asked with real requests."""

import base64
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.serve import ExportError, main, make_server
from schemas.example_pb2 import Example
from tests.trainer.dataset_builder import build_dataset
from tests.trainer.properties.cases import QUICK_TO_TRACE, write_untrained
from tests.trainer.properties.data_sets import BOUNDS, TRAIN_LENGTHS, records_of
from trainer import export_model

SPEC = """
name: small
id: id
sequences:
  text: {type: tokens, tokenizer: none, max_length: 3}
  waves: {type: series, dims: 2, missing: zero, empty: keep}
context: {place: {type: category}}
label: {from: mood, type: class}
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server of an untrained model."""
    folder: Path = tmp_path_factory.mktemp("served")
    records = records_of("train", [length or 1 for length in TRAIN_LENGTHS])
    build_dataset(folder / "data", SPEC, {"train": records, "test": records[:8]}, BOUNDS)
    raw = folder / "raw.jsonl"
    raw.write_text("".join(json.dumps(record) + "\n" for record in records_of("new", [1, 2, 9, 0, 4])))
    model = write_untrained(folder / "data", folder / "model", QUICK_TO_TRACE)
    export_model(model, folder / "export", [str(raw)])
    server = make_server(str(folder / "export"), "mood", "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/models/mood"
    server.shutdown()
    server.server_close()


def asked(url: str, body: Any = None) -> tuple[int, Any]:
    """Status and answer of a request: POST with a body, else GET."""
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def row(words: list[str], frames: list[list[float | None]], place: str = "north", length: int | None = None) -> Any:
    length = len(words) if length is None else length
    waves = {"waves": frames or [[0.0, 0.0]], "waves_length": len(frames)}
    return {"text": words, "text_length": length, **waves, "place": place}


def test_status_and_metadata(url: str) -> None:
    state = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert asked(url) == (200, {"model_version_status": [state]})
    status, said = asked(f"{url}/versions/1/metadata")
    assert status == 200
    assert said["model_spec"] == {"name": "mood", "signature_name": "", "version": "1"}
    signatures = said["metadata"]["signature_def"]["signature_def"]
    assert sorted(signatures) == ["encoded", "examples", "serving_default"]
    dims = [{"size": "-1", "name": ""}, {"size": "-1", "name": ""}, {"size": "2", "name": ""}]
    waves = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": dims, "unknown_rank": False}}
    assert signatures["serving_default"]["inputs"]["waves"] == waves
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"


def test_rows_and_columns_say_the_same(url: str) -> None:
    rows = [row(["the", "old", "cat", "sat"], [[1.0, None]]), row(["by", "", "", ""], [], "elsewhere", length=1)]
    status, by_rows = asked(f"{url}:predict", {"instances": rows})
    assert status == 200
    first, second = by_rows["predictions"]
    assert (first["status"], first["cut_steps"], second["status"], second["cut_steps"]) == ("ok", 1, "ok", 0)
    assert first["classes"] == ["bright", "dark", "odd"]
    assert sum(first["probabilities"]) == pytest.approx(1)
    assert first["prediction"] == first["classes"][first["probabilities"].index(max(first["probabilities"]))]
    columns = {name: [one[name] for one in rows] for name in rows[0]}
    status, by_columns = asked(f"{url}/versions/1:predict", {"inputs": columns, "signature_name": "serving_default"})
    assert status == 200
    assert by_columns == {"outputs": {name: [first[name], second[name]] for name in first}}


def test_what_a_record_is_refused_for_stands_beside_no_answer(url: str) -> None:
    rows = [row(["", ""], [], length=0), row(["a", "b"], [], length=3)]
    _, said = asked(f"{url}:predict", {"instances": rows})
    assert [one["status"] for one in said["predictions"]] == ["empty_sequence", "invalid_length"]
    for one in said["predictions"]:
        assert (one["prediction"], one["probabilities"], one["cut_steps"]) == ("", [None, None, None], 0)


def test_no_records(url: str) -> None:
    status, said = asked(f"{url}:predict", {"instances": []})
    assert (status, said) == (200, {"predictions": []})


def test_examples_in_base64(url: str) -> None:
    example = Example()
    example.features.feature["text"].bytes_list.value.extend([b"the", b"cat"])
    example.features.feature["waves"].float_list.value.extend([1.0, 2.0])
    example.features.feature["place"].bytes_list.value.append(b"north")
    given = {"b64": base64.b64encode(example.SerializeToString()).decode()}
    _, wanted = asked(f"{url}:predict", {"instances": [row(["the", "cat"], [[1.0, 2.0]])]})
    for instance in (given, {"examples": given}):
        status, said = asked(f"{url}:predict", {"signature_name": "examples", "instances": [instance]})
        assert status == 200
        assert said["predictions"][0]["prediction"] == wanted["predictions"][0]["prediction"]
        assert said["predictions"][0]["probabilities"] == pytest.approx(wanted["predictions"][0]["probabilities"])
    status, said = asked(f"{url}:predict", {"signature_name": "examples", "inputs": ["no message"]})
    assert status == 400
    assert said["error"].startswith("the model cannot read the request: Failed ")
    status, said = asked(f"{url}:predict", {"signature_name": "examples", "inputs": [{"b64": "!"}]})
    assert status == 400
    assert said["error"].startswith("examples: must be string values of shape [None], all lists of one length; ")


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("", {"instances": []}, 404, "POST /v1/models/mood: is no request of this server"),
        ("/labels/new", None, 404, "GET /v1/models/mood/labels/new: is no request of this server"),
        ("x:predict", {"instances": []}, 404, "Servable not found for request: moodx, version None"),
        ("/versions/2:predict", {"instances": []}, 404, "Servable not found for request: mood, version 2"),
        (":predict", b"{", 400, "JSON Parse error: Expecting property name enclosed in double quotes: "),
        (":predict", {}, 400, 'a request must be a JSON object with "instances" or "inputs", and not both'),
        (":predict", {"instances": {}}, 400, '"instances" must be a list'),
        (
            ":predict",
            {"instances": [{"text": ["a"]}]},
            400,
            "every instance must be an object with place, text, text_length, waves, waves_length, and nothing else",
        ),
        (
            ":predict",
            {"instances": [], "signature_name": "other"},
            400,
            "signature_name 'other': must be one of encoded, examples, serving_default",
        ),
        (
            ":predict",
            {"instances": [], "signature_name": ["other"]},
            400,
            "signature_name ['other']: must be one of encoded, examples, serving_default",
        ),
        (":predict", b"", 400, "a request must have a body, and say its bytes in the header Content-Length"),
        (":predict", b"[" * 100_000, 400, "JSON Parse error: maximum recursion depth exceeded"),
        (
            ":predict",
            {"inputs": {name: [value] * 2 for name, value in row(["a"], [[1.0, 2.0]]).items()} | {"waves_length": [1]}},
            400,
            "the model cannot read the request: assertion failed: "
            "[place, text, text_length, waves, waves_length: must have a row for each record, all of them as many; "
            "received] [2 2 2 2 1]",
        ),
        (
            ":predict",
            {"instances": [row(["a"], [[1.0]])]},
            400,
            "waves: must have shape [None, None, 2]; received [1, 1, 1]",
        ),
        (
            ":predict",
            {"instances": [row(["a"], []), row(["a", "b"], [])]},
            400,
            "text: must be string values of shape [None, None], all lists of one length; ",
        ),
    ],
)
def test_what_is_no_request_is_refused(url: str, path: str, body: Any, status: int, error: str) -> None:
    found, said = asked(f"{url}{path}", body)
    assert found == status
    assert said["error"].startswith(error)


def test_a_body_of_unknown_size_is_not_read_as_another_request(url: str) -> None:
    host, port = url.split("/")[2].split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = b"POST /v1/models/mood:predict HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n"
        connection.sendall(head)
        with connection.makefile("rb") as answer:
            said = answer.read()  # to the end: the server closes the connection
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.endswith(b'{"error": "a request must have a body, and say its bytes in the header Content-Length"}\n')


def test_what_is_no_export_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "assets.extra" / "export.json"
    remedy = "`python -m trainer export` writes a whole folder"
    monkeypatch.setattr("sys.argv", ["serve.py", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == f"error: {path}: cannot be read (No such file or directory); {remedy}"
    path.parent.mkdir()
    for content, said in (("{", f"cannot be read (it is no JSON); {remedy}"), ('{"format_version": 2}', "is of ")):
        path.write_text(content)
        with pytest.raises(ExportError) as error:
            make_server(str(tmp_path), "mood", "127.0.0.1", 0)
        assert str(error.value).startswith(f"{path}: {said}")
