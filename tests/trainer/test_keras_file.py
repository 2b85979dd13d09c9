"""Files that look like models: nothing in them is executed, and each says what is wrong with it."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from trainer.keras_file import check_keras_file

SAVE_AGAIN = 'write it again: model.save("x.keras") of Keras, or train again'
NO_CODE = "write it with built-in layers, and save the model again"


def part(module: Any, name: str, config: Any, registered: Any = None) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


def layer(**changes: Any) -> dict[str, Any]:
    return {**part("keras.layers", "Dense", {"name": "head", "units": 2}), **changes}


def config(*layers: Any) -> dict[str, Any]:
    return part("keras", "Sequential", {"name": "model", "layers": list(layers)})


def weights(fill: Any = None) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_group("layers")["kernel"] = np.zeros(3)
        if fill:
            fill(file)
    return content.getvalue()


def written(path: Path, members: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return path


def model(tmp_path: Path, *layers: Any, **changes: Any) -> Path:
    members = {"metadata.json": {}, "config.json": config(*layers), "model.weights.h5": weights(), **changes}
    return written(tmp_path / "x.keras", {name: content for name, content in members.items() if content is not None})


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        check_keras_file(path)
    return str(error.value).removeprefix(f"{path}: ")


def test_what_keras_and_this_package_write_passes(tmp_path: Path) -> None:
    own = part("trainer.models.model", "SequenceModel", {"name": "own"}, "lengthwise>SequenceModel")
    op = part("keras.src.ops.numpy", "Where", {"name": "where"})
    function = part("builtins", "function", "relu", "relu")
    check_keras_file(model(tmp_path, layer(), own, op, layer(config={"name": "b", "activation": function})))
    check_keras_file(model(tmp_path, layer(), **{"assets/layers/words/vocabulary.txt": b"a"}))


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (
            part("keras.layers", "Lambda", {"name": "evil", "function": {"class_name": "__lambda__", "config": {}}}),
            f"layer 'evil' holds code (Lambda), which is never executed; {NO_CODE}",
        ),
        (
            layer(config={"name": "head", "activation": {"class_name": "__lambda__", "config": {"code": "4wAA"}}}),
            f"layer 'head' holds code (__lambda__), which is never executed; {NO_CODE}",
        ),
        (
            part("os", "system", {"name": "shell", "command": "touch marker"}),
            f"layer 'shell' is built by os.system, which is neither Keras' nor this package's; {NO_CODE}",
        ),
        (
            layer(config={"name": "head", "activation": part("os", "function", "system", "system")}),
            f"layer 'head' is built by os.function, which is neither Keras' nor this package's; {NO_CODE}",
        ),
        (
            layer(config={"name": "head", "activation": part("keras.utils", "function", "get_file", "get_file")}),
            f"layer 'head' is built by keras.utils.function, which is neither Keras' nor this package's; {NO_CODE}",
        ),
        (
            part("keras", "config.enable_unsafe_deserialization", {"name": "switch"}),
            "layer 'switch' names 'config.enable_unsafe_deserialization', which is no name of a class or function; "
            + NO_CODE,
        ),
        (
            part("trainer.cli", "main", {"name": "mine"}),
            f"layer 'mine' is built by trainer.cli.main, which is neither Keras' nor this package's; {NO_CODE}",
        ),
        (
            part("keras.layers", "TFSMLayer", {"name": "saved", "filepath": "/tmp/x"}),
            f"layer 'saved' holds code (TFSMLayer), which is never executed; {NO_CODE}",
        ),
        (
            part("keras.layers", ["Dense"], {"name": "head"}),
            f"layer 'head' names ['Dense'], which is no name of a class or function; {NO_CODE}",
        ),
        (
            part("keras.layers", "TextVectorization", {"name": "words", "vocabulary": "/etc/passwd"}),
            "layer 'words' reads its vocabulary from the file '/etc/passwd', which is not within the model; give it "
            f"the vocabulary as a list, and {SAVE_AGAIN}",
        ),
        (
            layer(registered_name="theirs>Head", module=None),
            f"layer 'head' is registered as theirs>Head, which is not of this package; {NO_CODE}",
        ),
    ],
)
def test_code_is_refused(tmp_path: Path, bad: Any, text: str) -> None:
    assert refused(model(tmp_path, layer(), bad)) == text


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_byte_is_refused_or_does_not_matter(tmp_path_factory: Any, place: int, change: int) -> None:
    path = model(tmp_path_factory.mktemp("damaged"), layer())
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= change
    path.write_bytes(content)
    try:
        check_keras_file(path)
    except DataError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


@pytest.mark.parametrize("name", ["../x.txt", "assets/../../x.txt", "model.pkl", "assets/x.pkl", "/etc/passwd"])
def test_other_members_are_refused(tmp_path: Path, name: str) -> None:
    assert refused(model(tmp_path, **{name: b"x"})) == f"holds {name!r}, which no .keras file has; {SAVE_AGAIN}"


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5"])
def test_a_missing_member(tmp_path: Path, name: str) -> None:
    assert refused(model(tmp_path, **{name: None})) == f"has 0 {name} and not one; {SAVE_AGAIN}"


def test_no_zip_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "x.keras").write_bytes(b"\x89HDF\r\n")
    assert refused(tmp_path / "x.keras") == f"is no .keras file; {SAVE_AGAIN}"
    assert refused(tmp_path / "y.keras") == "no such file; give the .keras file of a model"


@pytest.mark.parametrize("text", [b"{", b"\xff\xff", b"[" * 100_000])
def test_damaged_config(tmp_path: Path, text: bytes) -> None:
    said = refused(model(tmp_path, **{"config.json": text}))
    assert said.startswith("is damaged (") and said.endswith(f"); {SAVE_AGAIN}")


def test_damaged_weights(tmp_path: Path) -> None:
    said = refused(model(tmp_path, **{"model.weights.h5": b"no hdf5"}))
    assert said.startswith("its model.weights.h5 is damaged (") and said.endswith(f"); {SAVE_AGAIN}")


def test_weights_of_other_files_are_refused(tmp_path: Path) -> None:
    def linked(file: Any) -> None:
        file["layers/bias"] = h5py.ExternalLink("/etc/secret.h5", "/x")

    def outside(file: Any) -> None:
        file.create_dataset("bias", shape=(4,), dtype="u1", external=[("/etc/passwd", 0, 4)])

    def huge(file: Any) -> None:
        file.create_dataset("bias", shape=(1 << 40,), dtype="u1", chunks=(1 << 20,))

    assert refused(model(tmp_path, **{"model.weights.h5": weights(linked)})) == (
        f"weight /layers/bias is a link to somewhere else, which no .keras file has; {SAVE_AGAIN}"
    )
    assert refused(model(tmp_path, **{"model.weights.h5": weights(outside)})) == (
        f"weight /bias is read from another file, which no .keras file does; {SAVE_AGAIN}"
    )

    def circle(file: Any) -> None:
        file["layers/again"] = file["/"]

    assert refused(model(tmp_path, **{"model.weights.h5": weights(circle)})) == (
        f"weight /layers/again is there under another name, too, which no .keras file does; {SAVE_AGAIN}"
    )
    content = weights(huge)
    assert refused(model(tmp_path, **{"model.weights.h5": content})) == (
        f"weight /bias is said to have {1 << 40} bytes in a file of {len(content)}; {SAVE_AGAIN}"
    )


@pytest.mark.parametrize("name", ["assets/words.txt", "metadata.json"])
def test_what_would_fill_the_disk_or_memory_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.keras"
    members = {"config.json": json.dumps(config(layer())), "model.weights.h5": weights(), name: b" " * (8 << 20)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        unpacked = sum(member.file_size for member in archive.infolist())
    size = path.stat().st_size
    assert refused(path) == f"has {size} bytes that unpack to {unpacked}, as no model does; {SAVE_AGAIN}"
