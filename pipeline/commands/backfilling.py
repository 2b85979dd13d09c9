"""A back-fill: a run for each span of a range that is not published."""

import argparse
import datetime
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console

from pipeline.commands.attempt import Tried, attempt, inputs_of
from pipeline.commands.common import INTERRUPTED, parse_limit
from pipeline.commands.ending import end_run
from pipeline.metrics import Ended
from pipeline.runners.options import beam_options
from pipeline.spans.published import published_names
from pipeline.spans.windows import check_different
from pipeline.spec_file import read_spec
from schemas.errors import DataError, UsageError
from schemas.spans.dates import fill_dates, window
from schemas.spans.names import period, periods_between

SKIPPED, NO_INPUT, NOT_TRIED = "skipped", "no_input", "not_tried"
_MOST_SPANS = 100_000  # 11 years of hours: more is a slip of the pen


class Wanted(NamedTuple):
    """The spans of a back-fill, in order.

    Attributes:
      name: Of the span.
      published: Whether it is published already.
    """

    name: str
    published: bool


class Filled(NamedTuple):
    """A back-fill that is over.

    Attributes:
      document: What is said of it on standard output.
      exit_code: 1 where a span has failed.
      interrupted: Whether it was.
    """

    document: dict[str, Any]
    exit_code: int
    interrupted: bool


def plan_backfill(options: argparse.Namespace, now: datetime.datetime | None = None) -> list[Wanted]:
    """Returns the spans of a range, in order.

    Args:
      options: Of the command.
      now: In UTC without a zone.

    Raises:
      UsageError: The range is none, is too long, or begins in the future; two spans would read the same files.
      DataError: The published spans cannot be listed.
    """
    names = spans_of_range(
        options.since, options.until, now or datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    )
    parse_limit(options.max_rejected)
    read_spec(options.spec)
    check_different(options.input, names)
    there = set(published_names(options.output))
    return [Wanted(name, name in there) for name in names]


def spans_of_range(since: str, until: str, now: datetime.datetime) -> list[str]:
    """Returns the names of a range, none of which has yet to begin.

    Raises:
      UsageError: See `plan_backfill`.
    """
    first, last = period(since, "--since"), period(until, "--until")
    if last.start > now:
        raise UsageError(f"--until {until}: has not begun yet (it is {now:%Y-%m-%d %H:%M} UTC); say an earlier date")
    if first.length == last.length and (last.start - first.start) // first.length >= _MOST_SPANS:
        raise UsageError(f"--since {since} --until {until}: are more than {_MOST_SPANS:,} spans; say a shorter range")
    return periods_between(since, until)


def show_backfill(options: argparse.Namespace, rest: list[str], wanted: Sequence[Wanted]) -> dict[str, Any]:
    """Returns what `run_backfill` would do; writes nothing.

    Raises:
      LengthwiseError: What every single run would refuse.
    """
    beam_options(rest)
    return {"dry_run": True, "output": options.output, "spans": [_shown(options, one) for one in wanted]}


def _shown(options: argparse.Namespace, one: Wanted) -> dict[str, Any]:
    if one.published:
        return {"span": one.name, "would": "skip it: it is published"}
    try:
        given = inputs_of(options_of_span(options, one.name))
    except DataError as error:
        return {"span": one.name, "would": "fail" if not options.allow_missing else "skip it", "error": str(error)}
    return {"span": one.name, "would": "publish it", "inputs": given.inputs, "missing_periods": given.missing}


def run_backfill(options: argparse.Namespace, rest: list[str], console: Console, wanted: Sequence[Wanted]) -> Filled:
    """Runs for each missing span; goes on after one that has failed, unless `--stop_at_failure` is set."""
    beam_options(rest)
    started, told, code = time.monotonic(), list[dict[str, Any]](), 0
    last: Tried | None = None
    for number, one in enumerate(wanted, start=1):
        document: dict[str, Any]
        if code == INTERRUPTED or (code and options.stop_at_failure):
            document = {"status": NOT_TRIED}
        elif one.published:
            console.print(f"{one.name}: is published already; skipped", highlight=False)
            document = {"status": SKIPPED}
        elif options.allow_missing and _has_no_input(options, one.name):
            console.print(f"{one.name}: has no input; skipped, as --allow_missing says", highlight=False)
            document = {"status": NO_INPUT}
        else:
            console.print(f"{one.name}: span {number:,} of {len(wanted):,}", highlight=False)
            last = attempt(options_of_span(options, one.name), rest, console)
            document, code = last.document, _worst(code, last, console)
        told.append({**document, "span": _name_of(document, one.name)})
    counts = Counter(str(document["status"]) for document in told)
    seconds = time.monotonic() - started
    end_run(options.metrics, _ended(options, last, counts, code, seconds), console)
    document = {"output": options.output, "counts": dict(sorted(counts.items())), "seconds": round(seconds, 3)}
    return Filled({**document, "spans": told}, code, code == INTERRUPTED)


def options_of_span(options: argparse.Namespace, name: str) -> argparse.Namespace:
    """Returns the options of `run` that write one span of a back-fill."""
    of_run_alone = {"since": "", "until": "", "replace": False, "origins": False}
    return argparse.Namespace(**{**vars(options), "span": name, **of_run_alone})


def _has_no_input(options: argparse.Namespace, name: str) -> bool:
    periods = window(name, last=options.last)
    filled = fill_dates(options.input, periods)
    if not all(pattern.period for pattern in filled):
        return False
    try:
        inputs_of(options_of_span(options, name))
    except DataError:
        return True
    return False


def _name_of(document: dict[str, Any], name: str) -> object:
    return document.get("span") or {"name": name}


def _worst(code: int, tried: Tried, console: Console) -> int:
    """Returns the exit code after one more span; says what it failed with."""
    if tried.error is None:
        return code
    for line in getattr(tried.error, "details", ()):
        if line not in str(tried.error):
            console.print(line, highlight=False)
    console.print(f"error: {tried.document['error']}", highlight=False)
    return INTERRUPTED if tried.document["exit_code"] == INTERRUPTED else 1


def _ended(options: argparse.Namespace, last: Tried | None, counts: Counter[str], code: int, seconds: float) -> Ended:
    """Returns the figures of a back-fill: those of the last span that was run, and how many there are of each kind."""
    dataset = options.output.rstrip("/") or options.output
    ended = last.ended if last else Ended(dataset, code, seconds, time.time())
    return ended._replace(exit_code=code, seconds=seconds, at=time.time(), spans=counts)
