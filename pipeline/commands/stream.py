"""`stream`: records that keep coming become spans, one for each window of event time, until somebody stops it."""

import argparse
import json
import time
from typing import TYPE_CHECKING

from rich.console import Console

from pipeline.commands.common import Commands, parse_limit, seconds_of
from schemas.errors import UsageError
from schemas.streams.windows import parse_length, parse_window

if TYPE_CHECKING:  # which imports Beam, as --help must not wait for
    from pipeline.streaming.sources.source import SourceSettings
    from pipeline.streaming.wanted import Wanted

BEAM_OPTIONS = True
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def add(commands: Commands) -> None:
    """Declares the command and its options."""
    stream = commands.add_parser(
        "stream",
        help="make spans of records that keep coming, one for each window of time",
        description="Makes a span of the records of each window of event time, until it is stopped. Any other option "
        "is one of Beam's: it needs a runner that streams, such as --runner=FlinkRunner --flink_master=HOST:PORT.",
        allow_abbrev=False,
    )
    stream.add_argument(
        "--base",
        required=True,
        metavar="DATASET",
        help="data set whose vocabularies, normalisation and buckets all spans take",
    )
    stream.add_argument(
        "--source",
        required=True,
        help="kafka://HOST:PORT[,HOST:PORT]/TOPIC, or a folder of JSON lines",
    )
    stream.add_argument("--window", required=True, metavar="LENGTH", help="of event time, such as 10m or 1h")
    stream.add_argument("--output", required=True, metavar="DIR", help="folder of all spans")
    stream.add_argument("--spec", default="", help="YAML file that says what a record is (default: the base's)")
    _add_times(stream)
    _add_source(stream)
    _add_runs(stream)


def _add_times(stream: argparse.ArgumentParser) -> None:
    stream.add_argument(
        "--delay",
        default="30s",
        metavar="LENGTH",
        help="by which records may come out of order (default 30s; 0s: not at all)",
    )
    stream.add_argument(
        "--allowed_lateness",
        default="1h",
        metavar="LENGTH",
        help="after a window in which late records make a span of their own; later ones are rejected (default 1h; 0s: "
        "all that are late)",
    )
    stream.add_argument(
        "--idle",
        default="60",
        metavar="SECONDS",
        help="without a record after which event time goes on with the clock (default 60)",
    )
    stream.add_argument(
        "--flush",
        default="5",
        metavar="SECONDS",
        help="for which records are gathered (default 5)",
    )
    stream.add_argument(
        "--checkpoint", default="30", metavar="SECONDS", help="between checkpoints of Flink (default 30)"
    )
    stream.add_argument(
        "--once", action="store_true", help="end when all that is there has been read, for cron and for tests"
    )
    stream.add_argument(
        "--close_all", action="store_true", help="when it ends, publish windows that are not over yet as well"
    )


def _add_source(stream: argparse.ArgumentParser) -> None:
    stream.add_argument("--kafka_config", default="", metavar="FILE", help="properties of librdkafka, as for security")
    stream.add_argument(
        "--allow_gap",
        action="store_true",
        help="go on where records were deleted before they were read, or while their window was open",
    )
    stream.add_argument("--name", default="", metavar="PATTERN", help="of files in a folder, such as '*.jsonl'")
    stream.add_argument(
        "--settle", default="60", metavar="SECONDS", help="without a change before a file is finished (default 60)"
    )
    stream.add_argument("--poll", default="10", metavar="SECONDS", help="between looks at a folder (default 10)")


def _add_runs(stream: argparse.ArgumentParser) -> None:
    stream.add_argument(
        "--window_bytes", default="1G", metavar="SIZE", help="most bytes of records that a window may hold (default 1G)"
    )
    stream.add_argument(
        "--max_rejected",
        default="0",
        metavar="N|N%",
        help="rejected records allowed in a window before the stream fails: a count, or a share (default 0)",
    )
    stream.add_argument("--no_report", action="store_true", help="draw no reports of spans")
    stream.add_argument(
        "--accept_drift", action="store_true", help="publish spans however far they are from their base"
    )
    stream.add_argument("--metrics", default="", metavar="FILE", help="write figures for Prometheus to a text file")


def execute(options: argparse.Namespace, rest: list[str], console: Console) -> int:
    """Streams until it is told to stop; see `pipeline.streaming.run`."""
    from pipeline.metrics import check_metrics
    from pipeline.runners.streaming import streaming_options
    from pipeline.streaming.run import Told, stream
    from pipeline.streaming.sources.choose import make_source

    started = time.monotonic()
    wanted, settings = _wanted(options), _source_settings(options)
    told = Told(
        once=options.once,
        delay=_length_or_0(options.delay, "--delay"),
        idle=seconds_of(options.idle, "--idle"),
        flush=seconds_of(options.flush, "--flush", positive=True),
        metrics=options.metrics,
    )
    beam = streaming_options(rest, seconds_of(options.checkpoint, "--checkpoint", positive=True))
    if options.metrics:
        check_metrics(options.metrics)
    ended = stream(wanted, make_source(options.source, settings), told, beam, console)
    print(json.dumps({**ended, "seconds": round(time.monotonic() - started, 3)}, indent=2))
    return 0


def _wanted(options: argparse.Namespace) -> "Wanted":
    from pipeline.streaming.wanted import Wanted

    parse_limit(options.max_rejected)
    runs = ["--max_rejected", options.max_rejected]
    runs += [f"--{name}" for name in ("no_report", "accept_drift") if getattr(options, name)]
    return Wanted(
        root=options.output,
        base=options.base,
        spec=options.spec,
        window=parse_window(options.window, "--window"),
        lateness=_length_or_0(options.allowed_lateness, "--allowed_lateness"),
        window_bytes=bytes_of(options.window_bytes, "--window_bytes"),
        run_options=tuple(runs),
        close_all=options.close_all,
    )


def _source_settings(options: argparse.Namespace) -> "SourceSettings":
    from pipeline.streaming.sources.kafka_client import read_properties
    from pipeline.streaming.sources.source import SourceSettings

    return SourceSettings(
        kafka=read_properties(options.kafka_config) if options.kafka_config else {},
        allow_gap=options.allow_gap,
        settle=seconds_of(options.settle, "--settle"),
        poll=seconds_of(options.poll, "--poll", positive=True),
        name=options.name,
        root=options.output,
    )


def _length_or_0(text: str, option: str) -> int:
    return 0 if text == "0" else parse_length(text, option, may_be_0=True)


def bytes_of(text: str, option: str) -> int:
    """Returns a number of bytes, of a text such as 500M or 2G.

    Raises:
      UsageError: It is none.
    """
    number, unit = (text[:-1], text[-1:].upper()) if text[-1:].isalpha() else (text, "")
    if unit not in _UNITS or not (number.isascii() and number.isdigit() and int(number)):
        raise UsageError(f"{option} {text}: is no number of bytes; write a whole number, with K, M, G or T behind it")
    return int(number) * _UNITS[unit]
