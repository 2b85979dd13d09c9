"""`clean`: deletes what runs that failed or were killed have left."""

import argparse
import json

from rich.console import Console

from pipeline.commands.common import Commands

BEAM_OPTIONS = False


def add(commands: Commands) -> None:
    """Declares the command and its options."""
    clean = commands.add_parser(
        "clean",
        help="delete what failed and killed runs have left",
        description="Deletes what no manifest names: staging, failures, unfinished files, spans without a manifest.",
        allow_abbrev=False,
    )
    clean.add_argument("folder", metavar="DIR", help="folder of a data set, of all spans, or of predictions")
    clean.add_argument(
        "--unlocked", action="store_true", help="delete where there are no locks, too, such as on s3://: no run writes"
    )
    clean.add_argument("--dry_run", action="store_true", help="delete nothing, only say what would be deleted")


def execute(options: argparse.Namespace, _: list[str], console: Console) -> int:
    """Cleans a folder; see `pipeline.upkeep.clean`."""
    from pipeline.upkeep.clean import clean

    cleaned = clean(options.folder, console, options.dry_run, options.unlocked)
    for path in cleaned.not_ours:
        console.print(f"{path}: not ours; left where it is", highlight=False)
    verb = "would delete" if options.dry_run else "deleted"
    console.print(f"{verb} {len(cleaned.removed):,} file(s), {cleaned.bytes / 1e6:,.1f} MB", highlight=False)
    told = {
        "folder": options.folder,
        "dry_run": options.dry_run,
        "files": len(cleaned.removed),
        "bytes": cleaned.bytes,
        "removed": cleaned.removed,
        "not_ours": cleaned.not_ours,
    }
    print(json.dumps(told, indent=2))
    return 0
