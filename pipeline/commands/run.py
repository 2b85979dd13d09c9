"""`run`: raw records become a data set."""

import argparse
import json

from rich.console import Console

from pipeline.commands.common import Commands
from pipeline.commands.run_options import add_run_options
from pipeline.commands.span_options import add_span_options

BEAM_OPTIONS = True


def add(commands: Commands) -> None:
    """Declares the command and its options."""
    run = commands.add_parser(
        "run",
        help="write a data set",
        description="Writes a data set. Any other option is one of Beam's, such as --runner or --direct_num_workers.",
        allow_abbrev=False,
    )
    add_run_options(run)
    run.add_argument("--output", required=True, metavar="DIR", help="folder of the data set, or of all spans")
    add_span_options(run)
    run.add_argument("--since", default="", metavar="DATE", help="first period to read")
    run.add_argument("--until", default="", metavar="DATE", help="last period to read (default: the span's)")
    run.add_argument("--replace", action="store_true", help="replace the data set that is there")
    run.add_argument(
        "--origins",
        action="store_true",
        help="tell of rejected records by where they came from, as FILE.from.arrow beside each input FILE says",
    )


def execute(options: argparse.Namespace, rest: list[str], console: Console) -> int:
    """Writes a data set; see `pipeline.run`."""
    # Beam takes 2 s to import, which --help and a misspelt option need not wait for.
    from pipeline.commands.attempt import attempt, dry_run
    from pipeline.commands.ending import end_run
    from pipeline.metrics import check_metrics

    if options.dry_run:
        print(json.dumps(dry_run(options, rest), indent=2))
        return 0
    if options.metrics:
        check_metrics(options.metrics)
    tried = attempt(options, rest, console)
    end_run(options.metrics, tried.ended, console)
    if tried.error is None or options.span is not None:
        print(json.dumps(tried.document, indent=2))
    if tried.error is not None:
        raise tried.error
    return 0
