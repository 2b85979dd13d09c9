"""`infer`: a spec proposed from data."""

import argparse
import sys

from rich.console import Console

from pipeline.commands.common import Commands

BEAM_OPTIONS = False


def add(commands: Commands) -> None:
    """Declares the command and its options."""
    infer = commands.add_parser("infer", help="propose a spec from data", allow_abbrev=False)
    infer.add_argument("inputs", nargs="+", metavar="INPUT", help="[SPLIT=]PATTERN of files, or folders")
    infer.add_argument("--format", default="", help="of all files, where their suffixes do not say it: text_files, …")
    infer.add_argument("--encoding", default="", help="of all files, where it is not UTF-8: latin-1, utf-16, …")


def execute(options: argparse.Namespace, _: list[str], console: Console) -> int:
    """Prints a spec."""
    from pipeline.infer.proposal import propose

    proposal = propose(options.inputs, options.format, options.encoding)
    for note in proposal.notes:
        console.print(note, highlight=False)
    sys.stdout.write(proposal.text)
    return 0
