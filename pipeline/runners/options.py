"""Beam's own options: checked for misspellings, and the runner that they mean."""

import os
from collections.abc import Sequence
from typing import Any, NoReturn

from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
    TypeOptions,
)
from apache_beam.options.pipeline_options import _BeamArgumentParser as BeamArgumentParser

from pipeline.runners.checks import check_options, kind_of
from pipeline.stores.systems import use_options
from schemas.errors import UsageError
from schemas.messages import nearest

LOCAL_RUNNER = "FnApiRunner"
# As Beam itself reads them: in any case, with or without "runner".
_LOCAL_NAMES = {"direct", "directrunner", "fnapi", "fnapirunner"}


class _Parser(BeamArgumentParser):  # type: ignore[misc]  # Beam has no types
    """Says what is wrong in one line, without the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; correct the option, which Beam documents")


def beam_options(flags: Sequence[str]) -> PipelineOptions:
    """Returns the options that flags mean.

    DirectRunner switches between three engines and says nothing; here it means FnApiRunner.

    Args:
      flags: What the command itself did not understand.

    Raises:
      UsageError: A flag or a runner that Beam does not know, streaming, or less than the runner needs.
    """
    _refuse_unknown(flags)
    options = PipelineOptions(list(flags))
    use_options(options)  # a command reads files before there is a pipeline
    standard = options.view_as(StandardOptions)
    if standard.streaming:
        raise UsageError(
            "--streaming: the pipeline reads files that are complete; leave it out, and run again for new files"
        )
    # The graph is the same for all data, so that tests check its types and a run need not.
    options.view_as(TypeOptions).pipeline_type_check = False
    runner = standard.runner or LOCAL_RUNNER
    if runner.lower() in _LOCAL_NAMES:
        standard.runner = LOCAL_RUNNER
    elif "." not in runner and not {runner.lower(), f"{runner.lower()}runner"} & _known_runners():
        hint = nearest(runner, StandardOptions.KNOWN_RUNNER_NAMES)
        raise UsageError(
            f"--runner={runner}: is no runner of Beam (of one of your own say the full name of its class); {hint}"
        )
    check_options(options)
    return options


def is_local(options: PipelineOptions) -> bool:
    """Returns whether the runner is the one in this process."""
    return bool(options.view_as(StandardOptions).runner == LOCAL_RUNNER)


def local_threads(options: PipelineOptions) -> int:
    """Returns how many threads a worker should use: all processors where it is the only one, else 1."""
    alone = is_local(options) and options.view_as(DirectOptions).direct_running_mode == "in_memory"
    return len(os.sched_getaffinity(0)) if alone else 1


def describe_runner(options: PipelineOptions) -> str:
    """Returns the runner in words."""
    runner = options.view_as(StandardOptions).runner
    if not is_local(options):
        portable = options.view_as(PortableOptions)
        service = f"job service at {portable.job_endpoint}" if portable.job_endpoint else ""
        kind = portable.environment_type or ("LOOPBACK" if kind_of(options) == "prism" else "")
        workers = " ".join(filter(None, ["workers:", kind, portable.environment_config])) if kind else ""
        return ", ".join(filter(None, [str(runner), service, workers]))
    direct = options.view_as(DirectOptions)
    threads = local_threads(options)
    workers = f"{threads} threads" if threads > 1 else f"{direct.direct_num_workers} worker(s)"
    return f"{runner}, {direct.direct_running_mode}, {workers}"


def _refuse_unknown(flags: Sequence[str]) -> None:
    """Beam itself passes over an option that it does not know."""
    parser = _Parser(allow_abbrev=False, add_help=False)
    for kind in _all_kinds(PipelineOptions):
        kind._add_argparse_args(parser)  # the only way to ask for their names
    _, unknown = parser.parse_known_args(list(flags))
    if unknown:
        names = [name for action in parser._actions for name in action.option_strings]
        own = (
            "--spec",
            "--input",
            "--output",
            "--replace",
            "--span",
            "--base",
            "--base_dataset",
            "--extend_vocabulary",
            "--accept_drift",
            "--origins",
            "--max_rejected",
            "--no_report",
            "--since",
            "--until",
            "--last",
            "--allow_missing",
            "--dry_run",
            "--metrics",
            "--log_format",
            "--stop_at_failure",
            "--settle",
            "--poll",
            "--once",
            "--at_least_files",
            "--at_most_wait",
            "--source",
            "--window",
            "--delay",
            "--allowed_lateness",
            "--idle",
            "--flush",
            "--checkpoint",
            "--close_all",
            "--kafka_config",
            "--allow_gap",
            "--window_bytes",
            "--model",
            "--format",
            "--output_format",
            "--encoding",
        )
        flag = unknown[0].split("=")[0]
        raise UsageError(f"{unknown[0]}: is no option of this command or of Beam; {_hint(flag, [*names, *own])}")


def _known_runners() -> set[str]:
    return {name.lower() for name in StandardOptions.KNOWN_RUNNER_NAMES}


def _hint(flag: str, names: list[str]) -> str:
    hint = nearest(flag, names)
    return hint if hint.startswith("did you mean") else "see --help of the command"


def _all_kinds(base: Any) -> list[Any]:
    kinds: list[Any] = [kind for child in base.__subclasses__() for kind in (child, *_all_kinds(child))]
    return [kind for kind in dict.fromkeys(kinds) if "_add_argparse_args" in vars(kind)]
