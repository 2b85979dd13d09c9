"""`spans`: what is published in a folder of spans."""

import argparse
import json

from rich.console import Console

from pipeline.commands.common import Commands, parse_count

BEAM_OPTIONS = False


def add(commands: Commands) -> None:
    """Declares the command and its options."""
    spans = commands.add_parser("spans", help="list the published spans of a folder", allow_abbrev=False)
    spans.add_argument("root", metavar="ROOT", help="folder of all spans")
    spans.add_argument("--since", default="", metavar="DATE", help="the first one")
    spans.add_argument("--until", default="", metavar="DATE", help="the last one")
    spans.add_argument(
        "--last", type=lambda text: parse_count("--last", text), default=0, metavar="N", help="the newest N only"
    )


def execute(options: argparse.Namespace, _: list[str], console: Console) -> int:
    """Lists the spans."""
    from pipeline.spans.listing import list_spans, table_of

    listed = list_spans(options.root, options.since, options.until, options.last)
    console.print(table_of(listed), highlight=False)
    print(json.dumps(listed, indent=2))
    return 0
