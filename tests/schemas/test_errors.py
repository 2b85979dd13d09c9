"""Errors that a person can mend, and their exit codes."""

from schemas.errors import DataError, LengthwiseError, UsageError


def test_exit_codes_and_details() -> None:
    assert (DataError("a").exit_code, UsageError("b").exit_code) == (1, 2)
    error: LengthwiseError = DataError("3 records are bad", ["line 1", "line 7"])
    assert (str(error), error.details) == ("3 records are bad", ("line 1", "line 7"))
    assert UsageError("x").details == ()
