"""From what a person typed to a follower with everything around it."""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas.errors import UsageError
from schemas.manifest import MANIFEST_NAME, load_manifest
from schemas.spans.names import SPANS, period
from trainer.config import TrainerConfig, to_plain
from trainer.following.belonging import check_belongs
from trainer.following.child import LOG_NAME, Child
from trainer.following.follower import Follower, Settings, World
from trainer.following.look import Look
from trainer.following.models import LATEST, LOG, STATE, Models
from trainer.following.plan import Policy
from trainer.model_folder import check_model_folder
from trainer.progress import say
from trainer.training.signals import StopSignals

_POLL_SECONDS = 10.0
_NAP_SECONDS = 0.1
_NUMBERS = {"at_least_spans": 1, "mix_last": 0, "step_epochs": 1, "keep_models": 1}  # and the least that each may be
_OPTIONS = (*_NUMBERS, "poll", "once", "train_replaced")


def add_follow(parser: argparse.ArgumentParser) -> None:
    """Adds `--follow` and what belongs to it."""
    group = parser.add_argument_group("following spans")
    group.add_argument(
        "--follow", action="store_true", help="train on each new span of --data, until stopped; a model for each step"
    )
    group.add_argument("--poll", type=float, metavar="SECONDS", help=f"between looks ({_POLL_SECONDS:g})")
    group.add_argument("--once", action="store_true", help="train on what is there now, and end: for cron")
    group.add_argument("--at_least_spans", type=int, metavar="N", help="wait for so many new spans (1)")
    group.add_argument("--mix_last", type=int, metavar="K", help="read the newest K earlier spans, too (0)")
    group.add_argument("--step_epochs", type=int, metavar="N", help="passes over the spans of each step (1)")
    group.add_argument("--keep_models", type=int, metavar="N", help="delete all models but the newest N (all stay)")
    group.add_argument(
        "--train_replaced", action="store_true", help="train once more on spans that were replaced since"
    )


def check_not_following(asked: argparse.Namespace) -> None:
    """Refuses options that say something of `--follow` only.

    Raises:
      UsageError: There is one.
    """
    for name in _OPTIONS:
        value = getattr(asked, name)
        if value is not None and value is not False:
            raise UsageError(f"--{name}: means something with --follow only; add it, or leave this out")


def follow(asked: argparse.Namespace, config: TrainerConfig) -> dict[str, Any]:
    """Follows spans until SIGTERM or SIGINT, or once.

    Returns:
      {"data", "output", "steps" and "spans" (numbers, of this process), "all_steps", "model" (null: none), "seconds"}.

    Raises:
      LengthwiseError: See `trainer.following.follower.Follower.run`.
    """
    started = time.monotonic()
    settings = _settings(asked, config)
    models = Models(Path(asked.output), asked.keep_models or 0)
    with StopSignals() as signals, models.held():
        say(f"each step says how far it is in {models.folder / STATE / LOG_NAME}, and what it was in {LOG}")
        world = World(
            look=Look(Path(asked.data)).spans,
            check=lambda model, span: check_belongs(model, Path(asked.data), span),
            models=models,
            steps=Child(models.folder, lambda: signals.told),
            pause=lambda seconds: _pause(seconds, signals),
            stopped=lambda: signals.told,
            tell=say,
        )
        follower = Follower(world, settings)
        follower.run()
    return {
        "data": asked.data,
        "output": asked.output,
        "steps": follower.steps,
        "spans": follower.spans,
        "all_steps": len(models.records),
        "model": str(models.folder / LATEST) if models.records else None,
        "seconds": round(time.monotonic() - started, 3),
    }


def _settings(asked: argparse.Namespace, config: TrainerConfig) -> Settings:
    _check_asked(asked)
    _check_root(Path(asked.data), Path(asked.output))
    policy = Policy(asked.at_least_spans or 1, asked.mix_last or 0, asked.train_replaced, asked.since)
    begins = asked.continue_from is not None and not (Path(asked.output) / LOG).exists()
    known = {}
    if begins:
        check_model_folder(asked.continue_from)
        known = {part.name: part.fingerprint for part in load_manifest(asked.continue_from).parts}
    return Settings(
        root=asked.data,
        training=to_plain(replace(config, epochs=asked.step_epochs or 1)),
        policy=policy,
        poll=_POLL_SECONDS if asked.poll is None else asked.poll,
        once=asked.once,
        continue_from=str(Path(asked.continue_from)) if asked.continue_from else "",
        known=known,
        fresh=asked.fresh,
    )


def _check_asked(asked: argparse.Namespace) -> None:
    for name, least in _NUMBERS.items():
        value = getattr(asked, name)
        if value is not None and value < least:
            raise UsageError(f"--{name} {value}: must be {least} or more")
    if asked.poll is not None and not 0 < asked.poll < 1e9:
        raise UsageError(f"--poll {asked.poll:g}: is no number of seconds; say more than 0")
    for option, said in (("--until", asked.until), ("--last", asked.last)):
        if said:
            raise UsageError(
                f"{option} {said}: means nothing with --follow, which trains on all spans to come; leave it out, or "
                "say --since DATE to leave out the ones before"
            )
    if asked.since:
        period(asked.since, "--since")
    if asked.replace:
        raise UsageError("--replace: means nothing with --follow, which writes a model for each step; leave it out")
    if any(setting.partition("=")[0].strip() == "epochs" for setting in asked.set):
        raise UsageError("--set epochs: --step_epochs N says it for each step of --follow; use that")


def _check_root(root: Path, output: Path) -> None:
    if output.resolve().is_relative_to((root / SPANS).resolve()):
        raise UsageError(f"--output {output}: lies among the spans of --data; choose another folder")
    if (root / MANIFEST_NAME).exists():
        raise UsageError(
            f"--data {root}: is one data set and --follow trains on spans as they are published; leave --follow out, "
            f"or name the folder that holds {SPANS}/"
        )
    if root.name == SPANS and any(root.glob(f"*/{MANIFEST_NAME}")):
        raise UsageError(f"--data {root}: holds the spans themselves; name the folder above it, {root.parent}")
    if root.exists() and not root.is_dir():
        raise UsageError(f"--data {root}: is no folder; name the one that holds {SPANS}/, or will")


def _pause(seconds: float, signals: StopSignals) -> None:
    until = time.monotonic() + seconds
    while not signals.told and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, _NAP_SECONDS))
