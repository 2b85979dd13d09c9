"""`report`: the report of a data set, or that over time of all spans of a folder, drawn again."""

import argparse
import json

from rich.console import Console

from pipeline.commands.common import Commands

BEAM_OPTIONS = False


def add(commands: Commands) -> None:
    """Declares the command and its options."""
    report = commands.add_parser(
        "report", help="draw the report of a data set, or of all spans of a folder, again", allow_abbrev=False
    )
    report.add_argument("folder", metavar="DIR", help="folder of the data set, of a span, or of all spans")


def execute(options: argparse.Namespace, _: list[str], console: Console) -> int:
    """Draws report.html."""
    from pipeline.report.page import write_report
    from pipeline.report.spans_facts import is_root
    from pipeline.report.spans_page import write_spans_report

    if is_root(options.folder):
        print(json.dumps({"folder": options.folder, "report": write_spans_report(options.folder)}, indent=2))
        return 0
    written = write_report(options.folder)
    for line in written.missing:
        console.print(f"left out of the report: {line}", highlight=False)
    print(json.dumps({"folder": options.folder, "report": written.path, "advice": written.advice}, indent=2))
    return 0
