"""The command line of the pipeline: `run`, `infer`, `verify`, `report` and `score`.

Standard output carries one JSON document (or the proposed spec), everything else goes to standard
error. Exit codes: 0 done; 1 the data or a check failed; 2 wrong usage; 130 interrupted.
"""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from schemas.errors import LengthwiseError, UsageError

_RUNS = ("run", "score")  # commands that take Beam's options
INTERRUPTED = 130  # as shells count it: 128 and the number of SIGINT


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; see {self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    console = Console(stderr=True, soft_wrap=True, markup=False)
    # Beam warns about Google libraries that nobody asked for as soon as it is imported.
    logging.getLogger().setLevel(logging.ERROR)
    # What a worker raises is told in one line, or kept whole in the run's folder of failures.
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)
    try:
        options, rest = _parser().parse_known_args(arguments)
        if rest and options.command not in _RUNS:
            raise UsageError(f"{rest[0]}: is no option of `{options.command}`; see --help")
        return _COMMANDS[options.command](options, rest, console)
    except LengthwiseError as error:
        for line in error.details:
            if line not in str(error):
                console.print(line, highlight=False)
        console.print(f"error: {error}", highlight=False)
        return error.exit_code
    except KeyboardInterrupt:
        console.print("error: interrupted", highlight=False)
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m pipeline", description="Raw records → bucketed TFRecords with a manifest.")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser, metavar="COMMAND")
    _add_run(commands)
    infer = commands.add_parser("infer", help="propose a spec from data", allow_abbrev=False)
    infer.add_argument("inputs", nargs="+", metavar="INPUT", help="[SPLIT=]PATTERN of files, or folders")
    infer.add_argument("--format", default="", help="of all files, where their suffixes do not say it: text_files, …")
    infer.add_argument("--encoding", default="", help="of all files, where it is not UTF-8: latin-1, utf-16, …")
    verify = commands.add_parser("verify", help="check a data set against its manifest", allow_abbrev=False)
    verify.add_argument("folder", metavar="DIR", help="folder of the data set")
    report = commands.add_parser("report", help="draw the report of a data set again", allow_abbrev=False)
    report.add_argument("folder", metavar="DIR", help="folder of the data set")
    _add_score(commands)
    return parser


def _add_score(commands: "argparse._SubParsersAction[_Parser]") -> None:
    score = commands.add_parser(
        "score",
        help="predict for raw records with a trained model",
        description="Predicts for raw records. Any other option is one of Beam's, such as --runner.",
        allow_abbrev=False,
    )
    score.add_argument("--model", required=True, metavar="DIR", help="an exported model, or a trained one")
    score.add_argument(
        "--input", required=True, nargs="+", action="extend", metavar="PATTERN", help="files or folders of raw records"
    )
    score.add_argument("--output", required=True, metavar="DIR", help="folder of the predictions")
    score.add_argument("--output_format", default="jsonl", help="of the predictions: jsonl (the default) or parquet")
    score.add_argument("--format", default="", help="of all input, where suffixes and spec do not say it")
    score.add_argument("--encoding", default="", help="of all input, where it is another than the spec says")
    score.add_argument("--replace", action="store_true", help="replace the predictions that are there")
    score.add_argument(
        "--max_rejected",
        metavar="N|N%",
        help="rejected records allowed before the run fails: a count, or a share such as 0.5%% (default: any number)",
    )


def _add_run(commands: "argparse._SubParsersAction[_Parser]") -> None:
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
    run.add_argument("--output", required=True, metavar="DIR", help="folder of the data set")
    run.add_argument("--replace", action="store_true", help="replace the data set that is there")
    run.add_argument(
        "--max_rejected",
        default="0",
        metavar="N|N%",
        help="rejected records allowed before the run fails: a count, or a share such as 0.5%% (default 0)",
    )
    run.add_argument("--no_report", action="store_true", help="draw no report.html, which takes about a second")


def _run(options: argparse.Namespace, rest: list[str], console: Console) -> int:
    # Beam takes 2 s to import, which --help and a misspelt option need not wait for.
    from pipeline.inputs import plan_job
    from pipeline.options import beam_options, local_threads
    from pipeline.report.after_run import draw_report, remove_report
    from pipeline.run import run
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
    )
    manifest = run(job, beam, console)
    path = None
    if options.no_report:
        remove_report(options.output)
    else:
        path = draw_report(options.output, console)
    print(json.dumps({**describe(manifest, options.output), "report": path}, indent=2))
    return 0


def _score(options: argparse.Namespace, rest: list[str], console: Console) -> int:
    from pipeline.options import beam_options, local_threads
    from pipeline.scoring.job import plan_scoring
    from pipeline.scoring.model import open_model
    from pipeline.scoring.run import run_scoring

    beam = beam_options(rest)
    limit = None if options.max_rejected is None else parse_limit(options.max_rejected)
    scoring = plan_scoring(
        open_model(options.model),
        options.input,
        options.output,
        output_format=options.output_format,
        format=options.format,
        encoding=options.encoding,
        replace=options.replace,
        max_rejected=limit,
        threads=local_threads(beam),
    )
    print(json.dumps(run_scoring(scoring, beam, console), indent=2))
    return 0


def _infer(options: argparse.Namespace, _: list[str], console: Console) -> int:
    from pipeline.infer.proposal import propose

    proposal = propose(options.inputs, options.format, options.encoding)
    for note in proposal.notes:
        console.print(note, highlight=False)
    sys.stdout.write(proposal.text)
    return 0


def _verify(options: argparse.Namespace, _: list[str], console: Console) -> int:
    from pipeline.verify import verify

    result = verify(options.folder)
    for problem in result["problems"]:
        console.print(problem, highlight=False)
    print(json.dumps(result, indent=2))
    return 1 if result["problems"] else 0


def _report(options: argparse.Namespace, _: list[str], console: Console) -> int:
    from pipeline.report.page import write_report

    written = write_report(options.folder)
    for line in written.missing:
        console.print(f"left out of the report: {line}", highlight=False)
    print(json.dumps({"folder": options.folder, "report": written.path, "advice": written.advice}, indent=2))
    return 0


def parse_limit(text: str) -> int | float:
    """Returns the limit that `--max_rejected` states: a count, or a share as a float.

    Raises:
      UsageError: It is neither.
    """
    try:
        # Read as one number: 0.7 / 100 is not the float nearest to 0.007.
        limit = float(f"{text[:-1]}e-2") if text.endswith("%") else int(text)
    except ValueError:
        limit = -1
    if limit < 0 or (isinstance(limit, float) and not limit <= 1):
        raise UsageError(f"--max_rejected {text}: is no limit; say a count such as 10, or a share such as 0.5%")
    return limit


_COMMANDS = {"run": _run, "infer": _infer, "verify": _verify, "report": _report, "score": _score}
