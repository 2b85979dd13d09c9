"""The command line: what is asked for, what comes out, which exit code."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from schemas.errors import LengthwiseError, UsageError
from schemas.formats.sources import input_as
from schemas.manifest import load_manifest
from schemas.spans.folder import SpanRange
from schemas.spec import TRAIN
from trainer.config import TrainerConfig, load_config
from trainer.conversion.files import check_files
from trainer.data_options import DATA_HELP, add_data, add_range, asked_data, checked_data
from trainer.following.options import add_follow, check_not_following, follow
from trainer.foreign.spec import load_record_spec
from trainer.generation.options import DEFAULT_STEPS, GenerationOptions
from trainer.generation.rules import check_continues
from trainer.local_paths import check_local
from trainer.model_folder import EXPORT_MARKER, check_model_folder, check_output
from trainer.prediction.output import plan_rows
from trainer.profiling.budget import DEFAULT_TRIAL_SECONDS, SEARCHES, Search, search_budget
from trainer.tensorflow_setup import import_tensorflow
from trainer.training.signals import terminable

# What needs TensorFlow is imported by the command that needs it: help and wrong usage answer at once.


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> Any:
        raise UsageError(f"{message}; see {self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
      arguments: Of the command line, without the program; none means this process's.

    Returns:
      0 when done, 1 where the data failed, 2 for wrong usage, 75 where another process follows there, 130 when
      interrupted.
    """
    try:
        asked = _parser().parse_args(arguments)
        check_local(asked)
        with terminable():
            result = asked.command(asked)
    except LengthwiseError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("error: interrupted; nothing was written", file=sys.stderr)
        return 130
    print(json.dumps(result, ensure_ascii=False, allow_nan=False))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m trainer", description="Train a masked LSTM on a data set of the pipeline, and use it."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    batches = _command(commands, "batches", _batches, "go through one epoch and say what it is like")
    batches_of = batches.add_mutually_exclusive_group(required=True)
    batches_of.add_argument("--data", metavar="DIR", help=DATA_HELP)
    batches_of.add_argument(
        "--tfrecords", action="append", metavar="PATTERN", help="TFRecord files of others; can be given again"
    )
    add_range(batches)
    batches.add_argument("--split", help="which records of --data (default: train)")
    batches.add_argument("--no_read", action="store_true", help="say what the plan of the epoch says, and read nothing")
    batches.add_argument("--features", metavar="YAML", help="what the records of --tfrecords hold; docs/training.md")
    _add_settings(batches)
    _add_profile(commands)
    train = _command(commands, "train", _train, "train a model")
    add_data(train)
    train.add_argument("--output", required=True, metavar="MODEL_DIR", help="where the model goes")
    train.add_argument("--replace", action="store_true", help="replace a model that stands there already")
    train.add_argument(
        "--fresh", action="store_true", help="begin anew, and remove the state of a training that was stopped"
    )
    train.add_argument(
        "--continue_from", metavar="MODEL_DIR", help="begin with the weights of this model in place of random ones"
    )
    add_follow(train)
    _add_settings(train)
    evaluate = _command(commands, "evaluate", _evaluate, "measure a model on a split")
    evaluate.add_argument("--model", required=True, metavar="MODEL_DIR", help="the model")
    add_data(evaluate)
    evaluate.add_argument("--split", default="test", help="which records (default: %(default)s)")
    _add_export(commands)
    predict = _command(commands, "predict", _predict, "predict for raw records")
    _add_raw(predict, "predictions")
    _add_convert(commands)
    _add_generate(commands)
    return parser


def _add_export(commands: Any) -> None:
    export = _command(commands, "export", _export, "write a model that takes raw records, for TensorFlow alone")
    export.add_argument("--model", required=True, metavar="MODEL_DIR", help="the model")
    export.add_argument("--output", required=True, metavar="EXPORT_DIR", help="where the export goes")
    export.add_argument(
        "--records",
        nargs="+",
        action="extend",
        default=[],
        metavar="RAW",
        help="raw records to check it by (default: those of the data set's input that were not trained on)",
    )
    export.add_argument("--replace", action="store_true", help="replace an export that stands there already")


def _add_generate(commands: Any) -> None:
    generate = _command(commands, "generate", _generate, "continue raw records with a model of the next step")
    _add_raw(generate, "continuations")
    generate.add_argument(
        "--steps", type=int, default=DEFAULT_STEPS, metavar="N", help="most steps of a continuation (%(default)s)"
    )
    generate.add_argument(
        "--temperature", type=float, default=0.0, metavar="T", help="0: the most probable token (default); else drawn"
    )
    generate.add_argument("--top_k", type=int, metavar="K", help="draw one of the K most probable tokens")
    generate.add_argument("--top_p", type=float, metavar="P", help="draw one of the most probable that come to P")
    generate.add_argument("--seed", type=int, default=0, metavar="S", help="of what is drawn (%(default)s)")


def _add_raw(parser: argparse.ArgumentParser, made: str) -> None:
    parser.add_argument("--model", required=True, metavar="MODEL_DIR", help="the model")
    parser.add_argument(
        "--input",
        required=True,
        nargs="+",
        metavar="RAW",
        help="raw records: files, folders and patterns of any format",
    )
    parser.add_argument(
        "--output", required=True, metavar=made.upper(), help=f"{made} in the same order; .jsonl or .parquet"
    )
    parser.add_argument("--format", default="", help="of the input, where neither spec nor suffix says it")
    parser.add_argument("--encoding", default="", help="of the input's text, likewise")


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], dict[str, Any]], text: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=f"{text.capitalize()}.")
    parser.set_defaults(command=run)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="YAML", help="settings; docs/training.md lists them")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; wins over --config"
    )


def _add_profile(commands: Any) -> None:
    text = "measure training steps on this machine, or search for the best batch size"
    profile = _command(commands, "profile", _profile, text)
    add_data(profile)
    profile.add_argument(
        "--search", choices=SEARCHES, help="for a budget of padded steps: largest or fastest that fits"
    )
    profile.add_argument("--memory-limit-mb", type=int, metavar="N", help="MiB that training may take (default: all)")
    profile.add_argument(
        "--trial-seconds", type=float, metavar="S", help=f"a trial may take (default: {DEFAULT_TRIAL_SECONDS:g})"
    )
    _add_settings(profile)


def _add_convert(commands: Any) -> None:
    text = "make a Keras model of a fixed number of steps take records of any length"
    convert = _command(commands, "convert", _convert, text)
    convert.add_argument("fixed", metavar="FIXED.keras", help="the model")
    convert.add_argument("variable", metavar="VARIABLE.keras", help="where the converted model goes")
    convert.add_argument("--replace", action="store_true", help="replace a file that stands there already")
    convert.add_argument(
        "--sentinel_is_data",
        action="store_true",
        help="keep the steps that Masking or mask_zero skip in the fixed model",
    )


def _batches(asked: argparse.Namespace) -> dict[str, Any]:
    config = load_config(asked.config, asked.set)
    if asked.tfrecords:
        return _foreign_batches(asked, config)
    if asked.features:
        raise UsageError("--features: means nothing with --data, whose manifest says what its records hold; remove it")
    data = checked_data(asked)
    import_tensorflow()
    from trainer.epoch import describe_epoch

    return describe_epoch(data, asked.split or TRAIN, config, read=not asked.no_read)


def _foreign_batches(asked: argparse.Namespace, config: TrainerConfig) -> dict[str, Any]:
    if not asked.features:
        raise UsageError("--features: is missing; --tfrecords needs the YAML file that says what the records hold")
    if (data := asked_data(asked)) and isinstance(data, SpanRange):
        raise UsageError(f"{data.limits}: means nothing with --tfrecords, which are no spans; leave it out")
    if asked.split:
        raise UsageError("--split: means nothing with --tfrecords; give the files of one split")
    if asked.no_read:
        raise UsageError("--no_read: means nothing with --tfrecords, whose batches are not planned; leave it out")
    if config.static_shapes:
        raise UsageError(
            "static_shapes: true means nothing with --tfrecords, whose batches are padded to their longest record; "
            "leave it off, or read the records with the pipeline"
        )
    load_record_spec(asked.features)
    import_tensorflow()
    from trainer.foreign.epoch import describe_tfrecords

    return describe_tfrecords(asked.tfrecords, asked.features, config)


def _profile(asked: argparse.Namespace) -> dict[str, Any]:
    config = load_config(asked.config, asked.set)
    if asked.search is not None:
        # Trials are processes of their own: this one needs no TensorFlow.
        seconds = DEFAULT_TRIAL_SECONDS if asked.trial_seconds is None else asked.trial_seconds
        return search_budget(asked_data(asked), config, Search(asked.search, asked.memory_limit_mb, seconds))
    for name in ("memory_limit_mb", "trial_seconds"):
        if getattr(asked, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option}: means something with --search only; add --search largest, or leave it out")
    data = checked_data(asked)
    import_tensorflow()
    from trainer.profiling.steps import profile_steps

    return profile_steps(data, config)


def _train(asked: argparse.Namespace) -> dict[str, Any]:
    config = load_config(asked.config, asked.set)
    if asked.follow:
        return follow(asked, config)
    check_not_following(asked)
    check_output(asked.output, asked.replace)
    if asked.continue_from is not None:
        check_model_folder(asked.continue_from)
    data = checked_data(asked)
    import_tensorflow(config.replicas)
    from trainer.training.train import train

    return train(data, asked.output, config, asked.replace, asked.fresh, asked.continue_from)


def _evaluate(asked: argparse.Namespace) -> dict[str, Any]:
    data = checked_data(asked)
    check_model_folder(asked.model)
    import_tensorflow()
    from trainer.evaluate import evaluate

    return evaluate(asked.model, data, asked.split)


def _predict(asked: argparse.Namespace) -> dict[str, Any]:
    check_model_folder(asked.model)
    given = input_as(load_manifest(asked.model).spec.input, asked.format, asked.encoding)
    plan_rows(given, asked.input, asked.output)
    import_tensorflow()
    from trainer.prediction.files import predict_files

    return predict_files(asked.model, asked.input, asked.output, asked.format, asked.encoding)


def _export(asked: argparse.Namespace) -> dict[str, Any]:
    check_model_folder(asked.model)
    check_output(asked.output, asked.replace, EXPORT_MARKER, "is no export")
    import_tensorflow()
    from trainer.export.export import export_model

    return export_model(asked.model, asked.output, asked.records, asked.replace)


def _convert(asked: argparse.Namespace) -> dict[str, Any]:
    check_files(asked.fixed, asked.variable, asked.replace)
    import_tensorflow()
    from trainer.conversion.command import convert_file

    return convert_file(asked.fixed, asked.variable, asked.sentinel_is_data)


def _generate(asked: argparse.Namespace) -> dict[str, Any]:
    options = GenerationOptions(asked.steps, asked.temperature, asked.top_k, asked.top_p, asked.seed)
    check_model_folder(asked.model)
    spec = load_manifest(asked.model).spec
    check_continues(spec)
    plan_rows(input_as(spec.input, asked.format, asked.encoding), asked.input, asked.output)
    import_tensorflow()
    from trainer.generation.files import generate_files

    return generate_files(asked.model, asked.input, asked.output, options, asked.format, asked.encoding)
