"""`prune`: the oldest spans removed."""

import argparse
import json

from rich.console import Console

from pipeline.commands.common import Commands, parse_count
from schemas.errors import UsageError

BEAM_OPTIONS = False


def add(commands: Commands) -> None:
    """Declares the command and its options."""
    prune = commands.add_parser("prune", help="remove the oldest spans", allow_abbrev=False)
    prune.add_argument("root", metavar="ROOT", help="folder of all spans")
    prune.add_argument(
        "--keep", type=lambda text: parse_count("--keep", text), metavar="N", help="remove all but the newest N"
    )
    prune.add_argument("--before", default="", metavar="DATE", help="remove those that begin before it")
    prune.add_argument("--dry_run", action="store_true", help="say what would be removed, and remove nothing")


def execute(options: argparse.Namespace, _: list[str], console: Console) -> int:
    """Removes spans."""
    from pipeline.spans.pruning import prune

    if (options.keep is None) == (not options.before):
        raise UsageError(f"prune {options.root}: say which spans are to go, with either --keep N or --before DATE")
    pruned = prune(options.root, options.keep, options.before, console, remove=not options.dry_run)
    print(json.dumps(pruned, indent=2))
    return 0
