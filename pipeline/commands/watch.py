"""`watch`: files that come into a folder become spans, until somebody stops it."""

import argparse
import json
import time
from typing import TYPE_CHECKING

from rich.console import Console

from pipeline.commands import run
from pipeline.commands.common import Commands, seconds_of
from pipeline.commands.parsing import parser_of
from schemas.errors import UsageError

if TYPE_CHECKING:  # which imports Beam, as --help must not wait for
    from pipeline.watching.watcher import Settings

BEAM_OPTIONS = True
_OURS = ("--input", "--span", "--replace", "--dry_run", "--since", "--until", "--last")  # options of `run`


def add(commands: Commands) -> None:
    """Declares the command and its options."""
    watch = commands.add_parser(
        "watch",
        help="make spans of the files that come into a folder",
        description="Makes spans of the files that come into a folder, each file once, until it is stopped. "
        "Any other option is one of `run`, such as --max_rejected, or of Beam.",
        allow_abbrev=False,
    )
    watch.add_argument("folder", metavar="FOLDER", help="folder that new files come into")
    watch.add_argument("--spec", required=True, help="YAML file that says what a record is")
    watch.add_argument("--output", required=True, metavar="DIR", help="folder of all spans")
    watch.add_argument("--name", default="", metavar="PATTERN", help="of the files, such as '*.jsonl' (default: all)")
    watch.add_argument(
        "--settle", default="60", metavar="SECONDS", help="without a change before a file is finished (default 60)"
    )
    watch.add_argument("--poll", default="10", metavar="SECONDS", help="between looks at the folder (default 10)")
    watch.add_argument("--once", action="store_true", help="read what is finished now, and end: for cron")
    watch.add_argument("--at_least_files", metavar="N", help="wait for so many files before a span is made (default 1)")
    watch.add_argument(
        "--at_most_wait", metavar="SECONDS", help="after which fewer files than these will do (default 3600)"
    )


def execute(options: argparse.Namespace, rest: list[str], console: Console) -> int:
    """Watches; returns 1 where a file failed."""
    from pipeline.watching.start import open_watch
    from pipeline.watching.stop import stoppable

    started = time.monotonic()
    settings = _settings(options)
    _check_run_options(options, rest)
    with stoppable() as stop, open_watch(options, settings, rest, stop, console) as watch:
        watch.run()
    totals = watch.totals
    told = {
        "folder": options.folder,
        "output": options.output,
        "spans": totals.spans,
        "last_span": totals.last_span or None,
        "files": totals.files,
        "failed": totals.failed,
        "seconds": round(time.monotonic() - started, 3),
    }
    print(json.dumps(told, indent=2))
    return 1 if totals.failed else 0


def _settings(options: argparse.Namespace) -> "Settings":
    from pipeline.watching.watcher import Settings

    if options.once and (options.at_least_files or options.at_most_wait):
        raise UsageError("--once: reads what is finished now; leave --at_least_files and --at_most_wait out")
    if options.at_most_wait and not options.at_least_files:
        raise UsageError("--at_most_wait: says nothing without --at_least_files N; add it, or leave it out")
    at_least = options.at_least_files or "1"
    if not (at_least.isascii() and at_least.isdigit() and int(at_least) >= 1):
        raise UsageError(f"--at_least_files {at_least}: is no number of files; say 1 or more")
    return Settings(
        settle=seconds_of(options.settle, "--settle"),
        poll=seconds_of(options.poll, "--poll", positive=True),
        once=options.once,
        at_least=int(at_least),
        at_most_wait=seconds_of(options.at_most_wait or "3600", "--at_most_wait"),
    )


def _check_run_options(options: argparse.Namespace, rest: list[str]) -> None:
    """Finds out at once, and not when the first file is there, what `run` would not understand.

    Raises:
      UsageError: It would not, or the option is one that the watch itself sets.
    """
    from pipeline.runners.options import beam_options

    for word in rest:
        if word.split("=")[0] in _OURS:
            raise UsageError(f"{word}: is set by `watch` for each span; leave it out")
    if rest and not rest[0].startswith("-"):
        raise UsageError(f"{rest[0]}: is a second folder; watch one, and quote the pattern of --name for the shell")
    given = ["run", "--span", "any", "--spec", options.spec, "--output", options.output, *rest, "--input", "any"]
    parsed, beam = parser_of([run]).parse_known_args(given)
    if parsed.input != ["any"]:
        raise UsageError(f"{parsed.input[0]}: is no option; see --help")
    beam_options(beam)
