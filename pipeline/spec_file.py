"""The spec of a run, read from any filesystem."""

from pipeline import files
from schemas.dataset_pb2 import DatasetSpec
from schemas.errors import DataError, UsageError
from schemas.spec import load_spec, parse_spec


def read_spec(path: str) -> tuple[DatasetSpec, str]:
    """Returns the resolved spec that a file states, and its text as the person wrote it.

    Raises:
      UsageError: The file cannot be read, is no YAML, or holds a spec that cannot mean anything.
    """
    if files.is_local(path):
        return load_spec(path), files.read(path).decode("utf-8")
    try:
        text = files.read(path).decode("utf-8")
    except DataError as error:
        raise UsageError(f"spec {error}; `python -m pipeline infer INPUT` proposes one") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"spec {path}: cannot be read: {error}") from None
    try:
        return parse_spec(text), text
    except DataError as error:
        raise UsageError(f"spec {path}: {error}") from None
