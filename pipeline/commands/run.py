"""`run`: raw records become a data set."""

import argparse
import json
from pathlib import Path

from rich.console import Console

from pipeline.commands.common import Commands, parse_limit
from pipeline.commands.span_options import add_span_options, span_request

BEAM_OPTIONS = True


def add(commands: Commands) -> None:
    """Declares the command and its options."""
    run = commands.add_parser(
        "run",
        help="write a data set",
        description="Writes a data set. Any other option is one of Beam's, such as --runner or --direct_num_workers.",
        allow_abbrev=False,
    )
    run.add_argument("--spec", required=True, help="YAML file that says what a record is")
    run.add_argument(
        "--input",
        required=True,
        nargs="+",
        action="extend",
        metavar="[SPLIT=]PATTERN",
        help="files or folders; SPLIT= puts all their records into one split",
    )
    run.add_argument("--output", required=True, metavar="DIR", help="folder of the data set, or of all spans")
    add_span_options(run)
    run.add_argument("--replace", action="store_true", help="replace the data set that is there")
    run.add_argument(
        "--max_rejected",
        default="0",
        metavar="N|N%",
        help="rejected records allowed before the run fails: a count, or a share such as 0.5%% (default 0)",
    )
    run.add_argument("--no_report", action="store_true", help="draw no report.html, which takes about a second")


def execute(options: argparse.Namespace, rest: list[str], console: Console) -> int:
    """Writes a data set; see `pipeline.run`."""
    # Beam takes 2 s to import, which --help and a misspelt option need not wait for.
    from pipeline.inputs import plan_job
    from pipeline.options import beam_options, local_threads
    from pipeline.report.after_run import draw_report, draw_spans_report, remove_report, report_of
    from pipeline.run import run
    from pipeline.spans.describe import PUBLISHED, UNCHANGED, describe_span
    from pipeline.spans.unchanged import already_published, unchanged_line
    from pipeline.summary import describe
    from schemas.spec import load_spec

    beam = beam_options(rest)
    spec = load_spec(options.spec)
    job = plan_job(
        spec,
        options.input,
        options.output,
        replace=options.replace,
        max_rejected=parse_limit(options.max_rejected),
        threads=local_threads(beam),
        spec_text=Path(options.spec).read_text(encoding="utf-8"),
        span=span_request(options),
        accept_drift=options.accept_drift,
    )
    manifest = already_published(job)
    if manifest:
        console.print(unchanged_line(manifest), highlight=False)
        told = {**describe_span(manifest, UNCHANGED), **describe(manifest, job.output), "report": report_of(job.output)}
        print(json.dumps(told, indent=2))
        return 0
    manifest = run(job, beam, console)
    path = None
    if options.no_report:
        remove_report(job.output)
    else:
        path = draw_report(job.output, console)
        if job.span:
            draw_spans_report(job.span.root, console)
    told = {**describe_span(manifest, PUBLISHED), **describe(manifest, job.output), "report": path}
    print(json.dumps(told, indent=2))
    return 0
