"""The two ways in which a run can fail through its input, and their exit codes."""


class LengthwiseError(Exception):
    """An error that a person can mend: one line with the value received, the rule and the remedy."""

    exit_code = 1


class DataError(LengthwiseError):
    """The data, or a check of it, failed."""

    exit_code = 1


class UsageError(LengthwiseError):
    """A command, a setting or a spec that cannot mean anything."""

    exit_code = 2
