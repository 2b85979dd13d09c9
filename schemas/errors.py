"""The ways in which a run can fail that a person can mend, and their exit codes."""

from collections.abc import Iterable


class LengthwiseError(Exception):
    """An error that a person can mend: one line with the value received, the rule and the remedy.

    Attributes:
      exit_code: Of a command that ends with it.
      details: Lines that a command prints before it, such as the first records concerned.
    """

    exit_code = 1

    def __init__(self, message: str, details: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.details = tuple(details)


class DataError(LengthwiseError):
    """The data, or a check of it, failed."""

    exit_code = 1


class RefusedError(DataError):
    """What was read is not what was asked for: to do the same again comes to the same."""


class UsageError(LengthwiseError):
    """A command, a setting or a spec that cannot mean anything."""

    exit_code = 2


class HeldError(LengthwiseError):
    """Another run writes to the same folder; the same command may do in a while."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: try again later
