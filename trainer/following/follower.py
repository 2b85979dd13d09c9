"""The follower itself: looks at the spans of a folder, and trains a step whenever there are new ones.

What was trained on follows from the models that are there, each of which is published by one rename; the step at
hand is written down before it begins. So a follower that is killed anywhere neither leaves out a span nor trains on one
twice.
"""

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schemas.errors import DataError, HeldError, LengthwiseError, UsageError
from schemas.spans.folder import shown_names
from schemas.spans.names import in_order
from trainer.following.child import Outcome
from trainer.following.models import Models
from trainer.following.plan import Facts, Policy, Step, is_there, new_spans, next_step, replaced_spans
from trainer.following.request import Request
from trainer.following.told import step_line


class Steps(Protocol):
    """What runs steps; see `trainer.following.child.Child`."""

    def check_idle(self) -> None: ...  # noqa: D102
    def run(self, request: Request) -> Outcome: ...  # noqa: D102


@dataclass(frozen=True)
class Settings:
    """What a follower was asked to do.

    Attributes:
      root: Folder of the spans.
      training: Settings of each step, by name.
      policy: What to train on.
      poll: Seconds between looks.
      once: Whether to train on what is there now, and end.
      continue_from: Folder of the model that the first step continues from; empty: none.
      known: Spans that this model was trained on, with their fingerprints.
      fresh: Whether the step at hand begins anew.
    """

    root: str
    training: Mapping[str, object]
    policy: Policy
    poll: float
    once: bool = False
    continue_from: str = ""
    known: Mapping[str, str] | None = None
    fresh: bool = False


@dataclass(frozen=True)
class World:
    """Everything outside of a follower.

    Attributes:
      look: Returns the published spans.
      check: Refuses a model that is of other data than a span of a name.
      models: The folder of models, held.
      steps: Runs steps.
      pause: Waits for so many seconds, or less where a stop is asked for.
      stopped: Returns whether it was.
      tell: Prints a line.
    """

    look: Callable[[], dict[str, Facts]]
    check: Callable[[Path, str], None]
    models: Models
    steps: Steps
    pause: Callable[[float], object]
    stopped: Callable[[], bool]
    tell: Callable[[str], None]


class Follower:
    """A follower; one per folder of models.

    Attributes:
      steps: That it has done.
      spans: That these have trained on.
    """

    def __init__(self, world: World, settings: Settings) -> None:
        self._world = world
        self._settings = settings
        self._told: dict[str, str] = {}  # fingerprints of replaced spans that were told of, by name
        self._fresh = settings.fresh
        self._waits_for = ""
        self.steps = 0
        self.spans = 0

    def run(self) -> None:
        """Trains on new spans until a stop is asked for; with `once` on those that are there now.

        Raises:
          LengthwiseError: A step fails, and not because its spans have changed; with `once` HeldError where the step of
            another follower still goes on.
        """
        if not self._wait_idle():
            return
        self._world.models.recover()
        self._begin()
        while not self._world.stopped():
            there = self._look()
            step = next_step(self._number, there, self._world.models.trained, self._settings.policy)
            if step is not None:
                self._world.models.begin(step)
                done = self._carry_out(step)
                if done and self._settings.once:
                    return
            elif self._settings.once:
                self._tell_waiting(there)
                return
            else:
                self._tell_waiting(there)
                self._world.pause(self._settings.poll)

    @property
    def _number(self) -> int:
        return len(self._world.models.records) + 1

    def _begin(self) -> None:
        """Says what there is, and does the step that a follower that was stopped has left."""
        models, there = self._world.models, self._world.look()
        newest = models.newest
        trained = f"{len(models.records)} step(s) so far, the newest model is {newest}" if newest else "no model yet"
        self._world.tell(f"following {self._settings.root} → {models.folder}: {len(there):,} span(s) there, {trained}")
        if not models.records and self._settings.known:
            given = self._settings.known.items()
            models.know({name: of for name, of in given if name in there and there[name].fingerprint == of})
        if newest and there:
            self._world.check(newest, max(there, key=lambda name: there[name].rank))
        step = models.begun()
        if step is None:
            return
        if is_there(step, there):
            self._world.tell(f"step {step.number} ({shown_names(step.spans)}): goes on where it was stopped")
            self._carry_out(step)
        else:
            self._drop(step, there)

    def _carry_out(self, step: Step) -> bool:
        """Runs a step; returns whether its model is there."""
        models, settings = self._world.models, self._settings
        request = Request(
            root=settings.root,
            step=step,
            output=str(models.place(step)),
            settings=settings.training,
            continue_from=str(models.newest or settings.continue_from),
            fresh=self._fresh,
            known=models.known if step.number == 1 else {},
            started=time.monotonic(),
        )
        outcome = self._world.steps.run(request)
        if outcome.code == 0:
            record = models.finish(models.place(step))
            self.steps, self.spans = self.steps + 1, self.spans + len(step.spans)
            self._fresh = False
            self._world.tell(step_line(record, models.folder, str(settings.training.get("monitor", ""))))
            return True
        if self._world.stopped():
            self._world.tell(f"step {step.number}: stopped; the same command goes on with it")
            return False
        there = self._world.look()
        if is_there(step, there):
            raise _failed(step, outcome)
        self._drop(step, there)
        return False

    def _drop(self, step: Step, there: Mapping[str, Facts]) -> None:
        gone = [name for name in {**step.spans, **step.mixed} if name not in there]
        what = f"{shown_names(gone)} was removed" if gone else "one of its spans was replaced"
        self._world.tell(f"step {step.number} ({shown_names(step.spans)}): {what} before it was done; planned again")
        self._world.models.drop(step)

    def _look(self) -> dict[str, Facts]:
        """Looks at the spans, and tells once of each that was replaced since it was trained on."""
        there, trained = self._world.look(), self._world.models.trained
        if not self._settings.policy.again:
            replaced = replaced_spans(there, trained)
            new = [name for name in replaced if self._told.get(name) != there[name].fingerprint]
            if new:
                self._world.tell(
                    f"replaced since they were trained on, and not trained on again: {shown_names(new)} "
                    "(--train_replaced does)"
                )
            self._told.update((name, there[name].fingerprint) for name in new)
        return there

    def _tell_waiting(self, there: Mapping[str, Facts]) -> None:
        """Says what it waits for, where that is something else than what it said last."""
        policy = self._settings.policy
        new = new_spans(there, self._world.models.trained, policy)
        if not there:
            what = "no span is published there yet"
        elif not new:
            what = "no span is new"
        elif len(new) < policy.at_least:
            what = f"{len(new)} of at least {policy.at_least} new spans are there ({shown_names(new)})"
        else:
            what = f"the new spans have no record to train on ({shown_names(in_order(new))})"
        if what == self._waits_for:
            return
        self._waits_for = what
        then = "nothing to do" if self._settings.once else f"waiting, a look every {self._settings.poll:g} s"
        self._world.tell(f"{self._settings.root}: {what}; {then}")

    def _wait_idle(self) -> bool:
        """Waits for the step of a follower that was killed; returns whether it is over.

        Raises:
          HeldError: It is not, and there is only one look.
        """
        told = False
        while not self._world.stopped():
            try:
                self._world.steps.check_idle()
            except HeldError as error:
                if self._settings.once:
                    raise HeldError(f"{error}; try again when it is done") from None
                if not told:
                    self._world.tell(f"{error}; waiting for it")
                told = True
                self._world.pause(min(self._settings.poll, 1.0))
            else:
                return True
        return False


def _failed(step: Step, outcome: Outcome) -> LengthwiseError:
    """Returns the error with which a follower ends because of a step."""
    said = outcome.error
    if outcome.code < 0:
        said = f"its process was ended by {signal.Signals(-outcome.code).name}, as where memory is short"
    kind = UsageError if outcome.code == UsageError.exit_code else DataError
    what = said or f"its process ended with code {outcome.code}"
    return kind(f"step {step.number} ({shown_names(step.spans)}): {what}; the same command tries this step again")
