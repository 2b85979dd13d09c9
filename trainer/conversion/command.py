"""`python -m trainer convert`: one .keras file from another, whole or not at all."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from schemas.errors import DataError
from trainer.conversion.calls import Notes
from trainer.conversion.check import greatest_difference
from trainer.conversion.convert import converted
from trainer.conversion.loading import load_fixed


def convert_file(source: str, output: str, sentinel_is_data: bool) -> dict[str, Any]:
    """Converts a model file, compares both models on drawn records, and writes the new one.

    Args:
      source: The .keras file of a model of a fixed number of steps.
      output: Where the .keras file of the new model goes; what stands there is replaced.
      sentinel_is_data: Nothing is skipped for its value.

    Returns:
      What was written: output, inputs by name with shape and type, greatest_difference, layers, sentinels, repeats.

    Raises:
      DataError: Layers cannot be converted, the file is damaged or unsafe, or the output cannot be written.
    """
    fixed = load_fixed(Path(source))
    conversion = converted(fixed, source, sentinel_is_data)
    difference = greatest_difference(fixed, conversion, source)
    _tell(conversion.notes)
    _write(conversion.model, Path(output))
    inputs = conversion.model.inputs
    return {
        "output": output,
        "inputs": {tensor.name: {"shape": list(tensor.shape), "dtype": tensor.dtype} for tensor in inputs},
        "greatest_difference": difference,
        "layers": conversion.layers,
        "sentinels": [f"{name}: {what}" for name, what in conversion.notes.sentinels.items()],
        "repeats": conversion.notes.repeats,
    }


def _tell(notes: Notes) -> None:
    for name, what in notes.sentinels.items():
        print(
            f"layer {name!r}: steps with {what} go on being skipped, as in the fixed model; "
            "--sentinel_is_data makes them data",
            file=sys.stderr,
        )
    for name in notes.repeats:
        print(f"layer {name!r}: repeats its vector as often as each record has steps", file=sys.stderr)


def _write(model: Any, output: Path) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as folder:
            unfinished = Path(folder) / "new.keras"
            model.save(unfinished)
            unfinished.replace(output)
    except OSError as error:
        raise DataError(f"{output}: cannot be written: {error.strerror or error}") from None
