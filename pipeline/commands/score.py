"""`score`: predictions for raw records with a trained model."""

import argparse
import json

from rich.console import Console

from pipeline.commands.common import Commands, parse_limit

BEAM_OPTIONS = True


def add(commands: Commands) -> None:
    """Declares the command and its options."""
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


def execute(options: argparse.Namespace, rest: list[str], console: Console) -> int:
    """Predicts; see `pipeline.scoring.run`."""
    from pipeline.guards.folders import check_folder
    from pipeline.guards.locks import holding
    from pipeline.runners.options import beam_options, local_threads
    from pipeline.scoring.job import plan_scoring
    from pipeline.scoring.model import open_model
    from pipeline.scoring.run import run_scoring

    beam = beam_options(rest)
    limit = None if options.max_rejected is None else parse_limit(options.max_rejected)
    check_folder(options.output)
    with holding(options.output, "score", console):
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
        result = run_scoring(scoring, beam, console)
    print(json.dumps(result, indent=2))
    return 0
