"""`report`: the report of a data set, drawn again."""

import argparse
import json

from rich.console import Console

from pipeline.commands.common import Commands

BEAM_OPTIONS = False


def add(commands: Commands) -> None:
    """Declares the command and its options."""
    report = commands.add_parser("report", help="draw the report of a data set again", allow_abbrev=False)
    report.add_argument("folder", metavar="DIR", help="folder of the data set")


def execute(options: argparse.Namespace, _: list[str], console: Console) -> int:
    """Draws report.html."""
    from pipeline.report.page import write_report

    written = write_report(options.folder)
    for line in written.missing:
        console.print(f"left out of the report: {line}", highlight=False)
    print(json.dumps({"folder": options.folder, "report": written.path, "advice": written.advice}, indent=2))
    return 0
