"""The command line of the pipeline; `pipeline.commands` holds the commands.

Standard output carries one JSON document (or the proposed spec), everything else goes to standard
error. Exit codes: 0 done, or nothing to do; 1 the data or a check failed; 2 wrong usage; 75 another run
holds the lock; 130 interrupted by SIGINT or SIGTERM.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from pipeline.commands import backfill, clean, infer, prune, report, run, score, spans, stream, verify, watch
from pipeline.commands.common import INTERRUPTED
from pipeline.commands.parsing import parser_of
from pipeline.interrupts import interruptible
from pipeline.logs import logging_console
from schemas.errors import LengthwiseError, UsageError

_COMMANDS: dict[str, Any] = {
    "run": run,
    "backfill": backfill,
    "spans": spans,
    "prune": prune,
    "infer": infer,
    "verify": verify,
    "report": report,
    "score": score,
    "clean": clean,
    "watch": watch,
    "stream": stream,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    # Beam warns about Google libraries that nobody asked for as soon as it is imported.
    logging.getLogger().setLevel(logging.ERROR)
    # What a worker raises is told in one line, or kept whole in the run's folder of failures.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    given = sys.argv[1:] if arguments is None else arguments
    with logging_console(given) as console:
        return _execute(given, console)


def _execute(arguments: Sequence[str], console: Console) -> int:
    try:
        options, rest = parse(arguments)
        with interruptible():  # SIGTERM from here on, not only while a run is under way
            code: int = _COMMANDS[options.command].execute(options, rest, console)
        return code
    except LengthwiseError as error:
        for line in error.details:
            if line not in str(error):
                console.print(line, highlight=False)
        console.print(f"error: {error}", highlight=False)
        return error.exit_code
    except KeyboardInterrupt:
        console.print("error: interrupted", highlight=False)
        return INTERRUPTED


def parse(arguments: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """Returns the options of a command line, the command's name first, and those that it leaves to Beam.

    Raises:
      UsageError: An option is missing, has no valid value, or is none of the command's where it leaves none to Beam.
    """
    options, rest = parser_of(_COMMANDS.values()).parse_known_args(arguments)
    if rest and not _COMMANDS[options.command].BEAM_OPTIONS:
        raise UsageError(f"{rest[0]}: is no option of `{options.command}`; see --help")
    return options, rest
