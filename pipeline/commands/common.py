"""What the modules of commands share: their type of parser, and how options of several of them are read."""

import argparse
from typing import TYPE_CHECKING

from schemas.errors import UsageError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = object

INTERRUPTED = 130  # exit code, as shells count it: 128 and the number of SIGINT


def parse_limit(text: str) -> int | float:
    """Returns the limit that `--max_rejected` states: a count, or a share as a float.

    Raises:
      UsageError: It is neither.
    """
    try:
        # Read as one number: 0.7 / 100 is not the float nearest to 0.007.
        limit = float(f"{text[:-1]}e-2") if text.endswith("%") else int(text)
    except ValueError:
        limit = -1
    if limit < 0 or (isinstance(limit, float) and not limit <= 1):
        raise UsageError(f"--max_rejected {text}: is no limit; say a count such as 10, or a share such as 0.5%")
    return limit


def parse_count(option: str, text: str) -> int:
    """Returns the number that an option states.

    Raises:
      UsageError: It is no whole number from 1 on.
    """
    if not (text.isascii() and text.isdigit() and int(text)):
        raise UsageError(f"{option} {text}: must be 1 or more")
    return int(text)


def seconds_of(text: str, option: str, positive: bool = False) -> float:
    """Returns a number of seconds.

    Args:
      text: As the option states it.
      option: Its name.
      positive: Whether 0 is none.

    Raises:
      UsageError: It is none.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not (0 <= seconds < 1e9) or (positive and not seconds):
        rule = "more than 0" if positive else "0 or more"
        raise UsageError(f"{option} {text}: is no number of seconds; say {rule}")
    return seconds
