"""YAML as people write it, read strictly: plain data only, and no name twice."""

import re
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import DataError, UsageError


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number (PyYAML wants 1.0e-3) and refuses a name that is given twice."""


def _unique_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise DataError(f"line {key.start_mark.line + 1}: a name must be a string; it is a list or a mapping")
        if key.value in seen:
            raise DataError(f"line {key.start_mark.line + 1}: '{key.value}' is given twice; remove one of them")
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+"), list("-+0123456789")
)


def read_yaml_file(path: str | Path, what: str, remedy: str) -> str:
    """Returns the text of a file on the local disk.

    Args:
      path: Of the file.
      what: It is, for error texts.
      remedy: Where there is no such file.

    Raises:
      UsageError: It is missing, or is no text in UTF-8.
    """
    try:
        return Path(path).read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise UsageError(f"{what} {path}: no such file; {remedy}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{what} {path}: cannot be read: {error}") from None


def parse_yaml(text: str) -> Any:
    """Returns the plain values that a YAML text states; None where it states nothing.

    Raises:
      DataError: It is no YAML, or gives a name twice.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, ValueError, KeyError, AttributeError, RecursionError) as error:
        # A value that does not fit its tag, as in "2020-13-45", raises what its conversion raises.
        raise DataError(f"is no valid YAML: {' '.join(str(error).split())}") from None
