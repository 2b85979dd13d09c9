"""Looks into a .keras file before Keras does, so that nothing in it is ever executed.

A .keras file is a zip with config.json, which names the classes and functions to build the model of, and
model.weights.h5 with its weights. Python code can hide in the first: a Lambda layer keeps it as bytes, and a class or
function is looked up by the name of its module, which imports that module. Keras' own safe mode refuses the usual
forms; what is checked here does not depend on its version. HDF5 files can read other files of the machine.
"""

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from schemas.errors import DataError

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
_MEMBERS = {"metadata.json", CONFIG, WEIGHTS}
_PICKLES = (".pkl", ".pickle", ".npy", ".npz", ".py", ".pyc", ".so")
_MOST_CONFIG = 64 << 20  # bytes; as objects of Python they are some ten times as many
# Keras packs nothing, and what others pack again gets smaller by a few times; what fills a disk, by a thousand.
_MOST_UNPACKED, _ROOM = 100, 1 << 20
_COPIED = 1 << 20  # bytes at a time
OWN_PACKAGE = "lengthwise"
_OWN_MODULES = "trainer"
# Parts of Keras that build models. Others, such as keras.utils, hold functions that read, write and download files.
_BUILDING = {
    "activations",
    "constraints",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "quantizers",
    "random",
    "regularizers",
}
# Besides the bytes of a function: a SavedModel of any folder, a pickle of PyTorch, functions of JAX by their names.
_CODE = {"__lambda__", "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
_SAVE_AGAIN = 'write it again: model.save("x.keras") of Keras, or train again'
_NO_CODE = "write it with built-in layers, and save the model again"


def check_keras_file(path: str | Path) -> None:
    """Refuses a file that is no .keras file, is damaged, or names or holds code that is not Keras' or ours.

    Needs no Keras, and executes nothing.

    Raises:
      DataError: Names the layer, the rule and the remedy.
    """
    path = Path(path)
    config = read_config(path)
    for layer, part in _parts(config, ""):
        _check_part(path, layer, part)
    _check_weights(path)


def read_config(path: Path) -> Any:
    """Returns what config.json in a .keras file says.

    Raises:
      DataError: The file is no .keras file or is damaged.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the .keras file of a model")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive.infolist())
            return json.loads(archive.read(CONFIG))
    except zipfile.BadZipFile:
        raise DataError(f"{path}: is no .keras file; {_SAVE_AGAIN}") from None
    except (OSError, ValueError, RecursionError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: is damaged ({first_line(error)}); {_SAVE_AGAIN}") from None


def layers_in(config: Any) -> list[tuple[str, str]]:
    """Returns (name, class) of each layer that a config names, models within models included, in their order."""
    found = [
        (str(part["config"].get("name", "")), str(part["class_name"]))
        for _, part in _parts(config, "")
        if isinstance(part.get("config"), Mapping) and isinstance(part.get("class_name"), str)
    ]
    return [(name, kind) for name, kind in found if name]


def lambdas_in(config: Any) -> set[str]:
    """Returns the names of the Lambda layers of a config."""
    return {name for name, kind in layers_in(config) if kind == "Lambda"}


def load_keras_file(path: str | Path, remedy: str) -> Any:
    """Reads a model after `check_keras_file`.

    Args:
      path: The .keras file.
      remedy: What to do where it is damaged.

    Raises:
      DataError: The file is unsafe, damaged, or was written by another version of Keras.
    """
    check_keras_file(path)
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    # Keras raises whatever its zip, JSON and HDF5 readers do.
    except Exception as error:
        reason = first_line(error)
        raise DataError(f"{path}: is damaged or was written by another version: {reason}; {remedy}") from None


def first_line(error: BaseException) -> str:
    """Returns the first line of what an error says, or its kind where it says nothing."""
    return (str(error) or type(error).__name__).strip().splitlines()[0]


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.filename for member in members]
    for name in names:
        asset = name.startswith("assets/") and ".." not in PurePosixPath(name).parts and "\\" not in name
        if name not in _MEMBERS and not (asset and not name.lower().endswith(_PICKLES)):
            raise DataError(f"{path}: holds {name!r}, which no .keras file has; {_SAVE_AGAIN}")
    for name in (CONFIG, WEIGHTS):
        if names.count(name) != 1:
            raise DataError(f"{path}: has {names.count(name)} {name} and not one; {_SAVE_AGAIN}")
    if members[names.index(CONFIG)].file_size > _MOST_CONFIG:
        raise DataError(f"{path}: its {CONFIG} has more than {_MOST_CONFIG >> 20} MiB; {_SAVE_AGAIN}")
    size, unpacked = path.stat().st_size, sum(member.file_size for member in members)
    if unpacked > _MOST_UNPACKED * size + _ROOM:
        raise DataError(f"{path}: has {size} bytes that unpack to {unpacked}, as no model does; {_SAVE_AGAIN}")


def _parts(config: Any, layer: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields every object within a config with the name of the layer that it belongs to."""
    waiting = [(config, layer)]
    while waiting:
        part, layer = waiting.pop()
        if isinstance(part, Mapping):
            inner = part.get("config")
            named = isinstance(inner, Mapping) and "class_name" in part and isinstance(inner.get("name"), str)
            layer = inner["name"] if named and isinstance(inner, Mapping) else layer
            yield layer, part
            waiting += [(value, layer) for value in reversed(list(part.values()))]
        elif isinstance(part, list):
            waiting += [(value, layer) for value in reversed(part)]


def _check_part(path: Path, layer: str, part: Mapping[str, Any]) -> None:
    where = f"{path}: layer {layer!r}" if layer else f"{path}"
    if isinstance(part.get("vocabulary"), str):
        raise DataError(
            f"{where} reads its vocabulary from the file {part['vocabulary']!r}, which is not within the model; "
            f"give it the vocabulary as a list, and {_SAVE_AGAIN}"
        )
    if "class_name" not in part:
        return
    names = [part["class_name"], *([part.get("config")] if part["class_name"] == "function" else [])]
    for name in names:
        # A dot would lead from a module that is known to one that is not.
        if not isinstance(name, str) or not name.isidentifier():
            raise DataError(f"{where} names {name!r}, which is no name of a class or function; {_NO_CODE}")
    if part["class_name"] in _CODE:
        raise DataError(f"{where} holds code ({part['class_name']}), which is never executed; {_NO_CODE}")
    module, registered = part.get("module"), part.get("registered_name")
    if module is not None and not _is_known(module, registered):
        raise DataError(
            f"{where} is built by {module}.{part['class_name']}, which is neither Keras' nor this package's; {_NO_CODE}"
        )
    if isinstance(registered, str) and ">" in registered and registered.split(">")[0] not in (OWN_PACKAGE, "keras"):
        raise DataError(f"{where} is registered as {registered}, which is not of this package; {_NO_CODE}")


def _is_known(module: Any, registered: Any) -> bool:
    """Says whether a module is one that models are built of."""
    names = module.split(".") if isinstance(module, str) else []
    if names[:1] == [_OWN_MODULES]:
        return isinstance(registered, str) and registered.startswith(f"{OWN_PACKAGE}>")
    if names == ["builtins"] or names == ["keras"]:
        return True
    if names[:2] == ["keras", "src"]:
        names = names[1:]
    return names[:1] in (["keras"], ["src"]) and names[1:2] != [] and names[1] in _BUILDING


def _check_weights(path: Path) -> None:
    """Refuses weights that are read from other files, and those that say that they are more than they are."""
    import h5py

    try:
        with zipfile.ZipFile(path) as archive, archive.open(WEIGHTS) as member, tempfile.TemporaryFile() as copy:
            # HDF5 goes to and fro, and a zip is unpacked from its beginning each time that it goes back.
            shutil.copyfileobj(member, copy, _COPIED)
            with h5py.File(copy, "r") as file:
                _check_group(path, file, archive.getinfo(WEIGHTS).file_size)
    except (OSError, ValueError, RuntimeError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: its {WEIGHTS} is damaged ({first_line(error)}); {_SAVE_AGAIN}") from None


def _check_group(path: Path, group: Any, size: int) -> None:
    import h5py

    waiting, seen = [group], {group}
    while waiting:
        group = waiting.pop()
        for name in group:
            where = f"{path}: weight {group.name.rstrip('/')}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise DataError(f"{where} is a link to somewhere else, which no .keras file has; {_SAVE_AGAIN}")
            part = group[name]
            if part in seen:
                raise DataError(f"{where} is there under another name, too, which no .keras file does; {_SAVE_AGAIN}")
            seen.add(part)
            if isinstance(part, h5py.Group):
                waiting.append(part)
            elif part.external or part.is_virtual:
                raise DataError(f"{where} is read from another file, which no .keras file does; {_SAVE_AGAIN}")
            elif part.nbytes > size:
                raise DataError(f"{where} is said to have {part.nbytes} bytes in a file of {size}; {_SAVE_AGAIN}")
