"""The two files of a conversion, checked before TensorFlow is imported."""

import os
from pathlib import Path

from schemas.errors import DataError, UsageError

SUFFIX = ".keras"


def check_files(source: str, output: str, replace: bool) -> None:
    """Refuses a model that is no .keras file, and an output that cannot be written.

    Args:
      source: The model of a fixed number of steps.
      output: Where the converted one goes.
      replace: A file that stands there may be replaced.

    Raises:
      DataError: The model is missing, or was saved in another format.
      UsageError: The output is of another format, exists already or cannot be written.
    """
    if not Path(source).exists():
        raise DataError(f"{source}: no such file; give the .keras file of a model")
    if Path(source).suffix != SUFFIX or Path(source).is_dir():
        raise DataError(f'{source}: is no .keras file; load it with Keras and save it again with model.save("x.keras")')
    path = Path(output)
    if path.suffix != SUFFIX:
        raise UsageError(f"{output}: Keras writes models to files whose names end in .keras; choose another name")
    if path.exists() and path.samefile(source):
        raise UsageError(f"{output}: is the model that is read; choose another name")
    if path.is_dir() or (path.exists() and not replace):
        raise UsageError(f"{output}: exists already; choose another name, or say --replace to write it again")
    if not os.access(path.absolute().parent, os.W_OK):
        raise UsageError(f"{output}: cannot be written, for its folder is missing or read-only; choose another name")
