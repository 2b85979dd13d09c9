"""Reads the model that is to be converted."""

from pathlib import Path
from typing import Any

from schemas.errors import DataError
from trainer.conversion.refusals import ALWAYS, Refusal, refusal_text
from trainer.conversion.walk import graph_of, is_model
from trainer.keras_file import lambdas_in, layers_in, load_keras_file, read_config

_WHERE = "build it with keras.Sequential or keras.Model(inputs, outputs)"


def load_fixed(path: Path) -> Any:
    """Reads a model from a .keras file without executing anything in it.

    Raises:
      DataError: The file is damaged or unsafe. Where Python code is among its layers, all layers are named that
        cannot be converted whatever stands around them.
    """
    config = read_config(path)
    code = lambdas_in(config)
    if code:
        refused = [
            Refusal(name, kind, *ALWAYS[kind])
            for name, kind in layers_in(config)
            if kind in ALWAYS and (kind != "Lambda" or name in code)
        ]
        if refused:
            raise DataError(refusal_text(str(path), refused))
    return load_keras_file(path, 'save it again with model.save("x.keras")')


def checked_graph(model: Any, name: str) -> Any:
    """Returns the graph of layers of a model.

    Raises:
      DataError: It has none.
    """
    if not is_model(model):
        raise DataError(f"{name}: is a {type(model).__name__}, whose layers are Python code of its class; {_WHERE}")
    graph = graph_of(model)
    if graph is None:
        raise DataError(f"{name}: has no input shape, for it was never built; call it on a batch and save it again")
    return graph
