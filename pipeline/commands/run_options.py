"""Options that `run` and `backfill` share."""

import argparse

from pipeline.commands.common import parse_count


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--spec", required=True, help="YAML file that says what a record is")
    parser.add_argument(
        "--input",
        required=True,
        nargs="+",
        action="extend",
        metavar="[SPLIT=]PATTERN",
        help="files or folders, with {date} or {date:%%Y/%%m/%%d} for the span's; SPLIT= puts all their records into "
        "one split",
    )
    parser.add_argument(
        "--max_rejected",
        default="0",
        metavar="N|N%",
        help="rejected records allowed before the run fails: a count, or a share such as 0.5%% (default 0)",
    )
    parser.add_argument("--no_report", action="store_true", help="draw no report.html, which takes about a second")
    parser.add_argument(
        "--last",
        type=lambda text: parse_count("--last", text),
        metavar="N",
        help="read so many periods, the last of them the span's",
    )
    parser.add_argument(
        "--allow_missing", action="store_true", help="go on where a pattern matches nothing for one of the dates"
    )
    parser.add_argument(
        "--metrics", default="", metavar="FILE", help="write figures of the run for Prometheus to a text file"
    )
    parser.add_argument("--dry_run", action="store_true", help="say what would be read and written, and write nothing")
