"""The options that say which data a command reads: one data set, or a range of spans."""

import argparse
from dataclasses import asdict
from typing import Any

from schemas.errors import UsageError
from schemas.spans.folder import Data, SpanRange, check_data

DATA_HELP = "the data set, or the folder of its spans"


def add_data(parser: argparse.ArgumentParser) -> None:
    """Adds `--data` and what chooses some of its spans."""
    parser.add_argument("--data", required=True, metavar="DIR", help=DATA_HELP)
    add_range(parser)


def add_range(parser: argparse.ArgumentParser) -> None:
    """Adds what chooses some of the spans of a folder."""
    parser.add_argument("--since", default="", metavar="DATE", help="the first span, such as 2026-11-20")
    parser.add_argument("--until", default="", metavar="DATE", help="the last span, included")
    parser.add_argument("--last", type=int, metavar="N", help="only the newest N spans (of the range)")


def asked_data(asked: argparse.Namespace) -> Data:
    """Returns the data that options say.

    Raises:
      UsageError: No span is to be read.
    """
    if asked.last is not None and asked.last < 1:
        raise UsageError(f"--last {asked.last}: must be 1 or more")
    limits = SpanRange(asked.data or "", asked.since, asked.until, asked.last or 0)
    return limits if limits.limits else asked.data


def checked_data(asked: argparse.Namespace) -> Data:
    """Returns the data that options say, which are there.

    Raises:
      UsageError, DataError: See `schemas.spans.folder.check_data`.
    """
    data = asked_data(asked)
    check_data(data)
    return data


def plain_data(data: Data) -> dict[str, Any]:
    """Returns the fields of a `SpanRange` as plain values; one without limits means a data set, too."""
    limits = data if isinstance(data, SpanRange) else SpanRange(data)
    return {**asdict(limits), "root": str(limits.root)}
