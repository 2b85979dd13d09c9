"""`backfill`: the spans of a range that are missing, one after the other."""

import argparse
import json

from rich.console import Console

from pipeline.commands.common import Commands
from pipeline.commands.run_options import add_run_options
from pipeline.commands.span_options import add_base_options

BEAM_OPTIONS = True


def add(commands: Commands) -> None:
    """Declares the command and its options."""
    backfill = commands.add_parser(
        "backfill",
        help="write the spans of a range that are missing",
        description="Writes the missing spans of a range, the first one first. Any other option is one of Beam's.",
        allow_abbrev=False,
    )
    add_run_options(backfill)
    backfill.add_argument("--output", required=True, metavar="ROOT", help="folder of all spans")
    backfill.add_argument("--since", required=True, metavar="DATE", help="the first span: a day, or an hour")
    backfill.add_argument("--until", required=True, metavar="DATE", help="the last span")
    add_base_options(backfill)
    backfill.add_argument("--stop_at_failure", action="store_true", help="try no further span when one has failed")


def execute(options: argparse.Namespace, rest: list[str], console: Console) -> int:
    """Writes the spans; returns 1 where one has failed."""
    from pipeline.commands.backfilling import plan_backfill, run_backfill, show_backfill
    from pipeline.metrics import check_metrics

    wanted = plan_backfill(options)
    if options.dry_run:
        print(json.dumps(show_backfill(options, rest, wanted), indent=2))
        return 0
    if options.metrics:
        check_metrics(options.metrics)
    filled = run_backfill(options, rest, console, wanted)
    print(json.dumps(filled.document, indent=2))
    if filled.interrupted:
        raise KeyboardInterrupt
    return filled.exit_code
