"""One night: a day becomes a span, and a model goes on learning from the last ones.

    python examples/scheduled/nightly.py --spec spec.yaml --input 'raw/{date}/*.jsonl' --root data --models models

Each step does nothing where its result is there, so that the same command goes on after any failure. A command that
fails ends the night with its exit code; one that another keeps from working (75) is tried again for a while.

    span      python -m pipeline run --span DATE
    train     python -m trainer train --last N, continued from the current model; MODELS/DATE
    judge     python -m trainer evaluate, new and current model on the held-out split of DATE; MODELS/DATE.judged.json
    promote   the link MODELS/current leads to the new model, in one step
    export    python -m trainer export; MODELS/exports/DATE, and the link MODELS/exports/current
    prune     python -m pipeline prune --keep N
"""

import argparse
import contextlib
import datetime
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

HELD = 75  # another one writes there: the same command may do in a while
INTERRUPTED = 130
WAIT_SECONDS = 30.0
CURRENT = "current"


class EndError(Exception):
    """The night ends here, with an exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what is asked for; returns the exit code."""
    asked = parse(arguments)
    done: dict[str, Any] = {}
    code = 0
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _alone(asked.models):
            for name in asked.step or STEPS:
                print(f"{asked.date}: {name}", file=sys.stderr, flush=True)
                done[name] = {"status": "failed"}
                done[name] = STEPS[name](asked)
    except EndError as end:
        code = end.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    print(json.dumps({"date": asked.date, "exit_code": code, "steps": done}, indent=2))
    left_out = [name for name, result in done.items() if result["status"] == "left out"]
    return asked.skip_code if left_out and not code and asked.step else code


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Returns the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    yesterday = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1)
    parser.add_argument("--date", type=_day, default=yesterday.isoformat(), help="the day (default: yesterday, UTC)")
    parser.add_argument("--spec", type=Path, required=True, help="YAML file that says what a record is")
    parser.add_argument("--input", required=True, nargs="+", metavar="PATTERN", help="with {date} for the day")
    parser.add_argument("--root", type=Path, required=True, help="folder of all spans")
    parser.add_argument("--models", type=Path, required=True, help="folder of all models")
    parser.add_argument("--config", type=Path, help="settings of the trainer")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the trainer")
    parser.add_argument("--max_rejected", default="0", metavar="N|N%%", help="of a span")
    parser.add_argument("--extend_vocabulary", metavar="N", help="new entries that a span may add")
    parser.add_argument("--last", type=int, default=7, help="spans to train on (default: %(default)s)")
    parser.add_argument("--split", default="validation", help="to judge models on (default: %(default)s)")
    parser.add_argument("--tolerance", type=float, default=0.0, help="more loss that counts as not worse")
    parser.add_argument("--keep", type=int, default=60, help="spans that stay (default: %(default)s)")
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds to wait for a lock that is held")
    parser.add_argument("--step", action="append", choices=STEPS, help="only this one; can be given again")
    parser.add_argument(
        "--skip_code", type=int, default=0, help="exit code where a step that was asked for is left out (Airflow: 99)"
    )
    return parser.parse_args(arguments)


def write_span(asked: argparse.Namespace) -> dict[str, Any]:
    """Publishes the span of the day; one that is published from the same files stays as it is."""
    extend = ["--extend_vocabulary", asked.extend_vocabulary] if asked.extend_vocabulary else []
    command = ["pipeline", "run", "--span", asked.date, "--spec", asked.spec, "--output", asked.root, *extend]
    told = _json(asked, [*command, "--max_rejected", asked.max_rejected, "--input", *asked.input])
    return {"status": "done", "span": told}


def train(asked: argparse.Namespace) -> dict[str, Any]:
    """Trains on the last spans: on with the weights of the current model, or from scratch where there is none."""
    model, current = _model(asked), _current(asked)
    if (model / "training.json").exists():
        return {"status": "there already", "model": str(model)}
    config = ["--config", asked.config] if asked.config else []
    settings = [word for setting in asked.set for word in ("--set", setting)]
    earlier = ["--continue_from", current] if current else []
    data = ["--data", asked.root, "--until", asked.date, "--last", asked.last]
    told = _json(asked, ["trainer", "train", *data, "--output", model, *earlier, *config, *settings])
    return {"status": "done", "model": str(model), "continued_from": current and str(current), **_only(told, "metrics")}


def judge(asked: argparse.Namespace) -> dict[str, Any]:
    """Says whether the new model is better than the current one, or as good, by the loss on the day's held-out split.

    No model has learned from these records: a span keeps its splits apart, and the day is new to the current model.
    """
    path = _judged(asked)
    if path.exists():
        return {"status": "there already", **json.loads(path.read_text())}
    current = _current(asked)
    losses = {"new": _loss(asked, _model(asked)), "current": _loss(asked, current) if current else None}
    better = losses["current"] is None or losses["new"] <= losses["current"] + asked.tolerance
    verdict = {"loss": losses, "current": current and str(current), "promote": better}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(verdict))
    temporary.replace(path)
    return {"status": "done", **verdict}


def promote(asked: argparse.Namespace) -> dict[str, Any]:
    """Makes the new model the current one, unless it is worse or a later one is current already."""
    current = _current(asked)
    if not json.loads(_judged(asked).read_text())["promote"]:
        return {"status": "left out", "why": "the new model is worse", "current": str(current)}
    if current and current.name > asked.date:
        return {"status": "left out", "why": "a later model is current", "current": str(current)}
    _link(asked.models / CURRENT, asked.date)
    return {"status": "done", "current": str(_model(asked))}


def export(asked: argparse.Namespace) -> dict[str, Any]:
    """Exports the new model where it is the current one."""
    current, exports = _current(asked), asked.models / "exports"
    if current != _model(asked):
        return {"status": "left out", "why": "the new model is not current"}
    target = exports / asked.date
    if not target.exists():
        _json(asked, ["trainer", "export", "--model", current, "--output", target])
    _link(exports / CURRENT, asked.date)
    return {"status": "done", "export": str(target)}


def prune(asked: argparse.Namespace) -> dict[str, Any]:
    """Removes the oldest spans, and never those that the next night trains on."""
    told = _json(asked, ["pipeline", "prune", asked.root, "--keep", max(asked.keep, asked.last)])
    return {"status": "done", "removed": [one["span"] for one in told["removed"]]}


STEPS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "span": write_span,
    "train": train,
    "judge": judge,
    "promote": promote,
    "export": export,
    "prune": prune,
}


def _day(text: str) -> str:
    if datetime.date.fromisoformat(text).isoformat() != text:
        raise ValueError
    return text


def _model(asked: argparse.Namespace) -> Path:
    model: Path = asked.models / asked.date
    return model


def _judged(asked: argparse.Namespace) -> Path:
    path: Path = asked.models / f"{asked.date}.judged.json"
    return path


def _current(asked: argparse.Namespace) -> Path | None:
    """Returns the model that the link leads to, by its own name: the link may lead to another one tomorrow."""
    link: Path = asked.models / CURRENT
    return asked.models / link.readlink() if link.is_symlink() else None


def _link(link: Path, target: str) -> None:
    """Makes a link lead somewhere else, so that there is one at every moment."""
    temporary = link.with_name(f".{link.name}.new")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def _loss(asked: argparse.Namespace, model: Path) -> float:
    data = ["--data", asked.root, "--since", asked.date, "--until", asked.date]
    told = _json(asked, ["trainer", "evaluate", "--model", model, *data, "--split", asked.split])
    return float(told["metrics"]["loss"])


def _only(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def _json(asked: argparse.Namespace, words: Sequence[object]) -> dict[str, Any]:
    """Runs a command, again while a lock is held; returns the JSON that it prints.

    Raises:
      EndError: It failed.
    """
    limit = time.monotonic() + asked.patience
    while True:
        code, out = run_command([str(word) for word in words])
        if code == 0:
            told: dict[str, Any] = json.loads(out)
            return told
        left = limit - time.monotonic()
        if code != HELD or left <= 0:
            raise EndError(code)
        time.sleep(min(left, WAIT_SECONDS))


def run_command(words: Sequence[str]) -> tuple[int, str]:
    """Returns the exit code of a command of the pipeline or the trainer, and what it prints."""
    process = subprocess.Popen([sys.executable, "-m", *words], stdout=subprocess.PIPE, text=True)
    try:
        out, _ = process.communicate()
    except KeyboardInterrupt:
        process.terminate()  # it keeps what the next night can go on from
        process.wait()
        raise
    return (process.returncode if process.returncode >= 0 else 1), out


@contextlib.contextmanager
def _alone(models: Path) -> Iterator[None]:
    """Context in which no other night works on these models."""
    models.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(models / ".nightly.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        print(f"error: {models}: another night works there; wait for it", file=sys.stderr)
        raise EndError(HELD) from None
    finally:
        os.close(descriptor)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
