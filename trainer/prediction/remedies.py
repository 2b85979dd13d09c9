"""What to do about an input that is read wrongly: of a trained model it is an option that says it, no spec."""

import contextlib
import re
from collections.abc import Iterator

from schemas.errors import LengthwiseError

_OPTION = re.compile(r"say `input: \{(format|encoding): ([^}]*)\}` in the spec")
_COMPRESSION = re.compile(r"say `input: \{compression: ([^}]*)\}` in the spec, or rename the file")


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
    return _OPTION.sub(r"say --\1 \2", named)
