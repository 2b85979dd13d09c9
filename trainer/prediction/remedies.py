"""What to do about an input that is read wrongly: of a trained model it is an option that says it, no spec."""

import contextlib
import re
from collections.abc import Iterator

import pyarrow as pa

from schemas.errors import LengthwiseError

_OPTION = re.compile(r"say `input: \{(format|encoding): ([^}]*)\}` in the spec")
_COMPRESSION = re.compile(r"say `input: \{compression: ([^}]*)\}` in the spec, or rename the file")
_EMPTY = "say `empty: keep` or `empty: drop` in the spec to allow none"
_EMPTY_HERE = "only a model that was trained with `empty: keep` in its spec answers for none"


@contextlib.contextmanager
def remedies_as_options() -> Iterator[None]:
    """Context in which an error that sends to the spec sends to the options of the command instead."""
    try:
        yield
    except LengthwiseError as error:
        raise type(error)(with_options(str(error)), error.details) from error


def with_options(message: str) -> str:
    """Returns an error's text with options of the command in the place of lines of a spec."""
    named = _COMPRESSION.sub(r"rename the file, whose suffix says the compression (\1)", message)
    return _OPTION.sub(r"say --\1 \2", named).replace(_EMPTY, _EMPTY_HERE)


def rows_with_options(table: pa.Table) -> pa.Table:
    """Returns predictions with `with_options` of each error; with the columns of `prediction_schema`."""
    if table["error"].null_count == len(table):
        return table
    told = [None if error is None else with_options(error) for error in table["error"].to_pylist()]
    return table.set_column(table.schema.get_field_index("error"), "error", pa.array(told, pa.string()))
