"""`verify`: a data set checked against its manifest."""

import argparse
import json

from rich.console import Console

from pipeline.commands.common import Commands

BEAM_OPTIONS = False


def add(commands: Commands) -> None:
    """Declares the command and its options."""
    verify = commands.add_parser("verify", help="check a data set against its manifest", allow_abbrev=False)
    verify.add_argument("folder", metavar="DIR", help="folder of the data set, or of all spans")


def execute(options: argparse.Namespace, _: list[str], console: Console) -> int:
    """Checks every file; returns 1 where one differs."""
    from pipeline import files
    from pipeline.job import RUN_NAME, SPEC_NAME
    from pipeline.spans.verifying import is_root, verify_spans
    from pipeline.verify import verify

    result = verify_spans(options.folder) if is_root(options.folder) else verify(options.folder)
    for problem in result["problems"]:
        console.print(problem, highlight=False)
    for found in result.get("spans", [result]):
        if found.get("unfinished"):
            # Without a lock no run finishes what another one left: that one may be at work.
            how = "the next `run` there writes" if files.is_local(options.folder) else "`run --replace` writes"
            line = f"the run that published it was killed, or is not over; {how} the copies"
            console.print(f"{found['folder']}: {line}, {SPEC_NAME} and {RUN_NAME}", highlight=False)
    print(json.dumps(result, indent=2))
    return 1 if result["problems"] else 0
