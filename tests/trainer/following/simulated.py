"""Spans that come, go and change, and steps that take no time, around a real folder of models; killed at any moment."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from trainer.following import models as models_module
from trainer.following.child import Outcome
from trainer.following.follower import Follower, Settings, World
from trainer.following.models import FOLLOWED, Models
from trainer.following.plan import Facts, Policy
from trainer.following.request import Request
from trainer.model_folder import TRAINING_NAME

ANY = Policy()
BEGIN = "BEGIN"  # a model that the first step continues from


class KilledError(BaseException):
    """The process ends here."""


class Simulated:
    """What is outside of a follower, and outlives it.

    Attributes:
      spans: That are published.
      lines: That were told.
      requests: Steps that were begun, also those that were killed.
      fails: How the next step ends.
      meanwhile: Spans as they are once the next step has begun.
      asked: Steps after which a stop is asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spans: dict[str, Facts] = {}
        self.lines: list[str] = []
        self.requests: list[Request] = []
        self.fails: Outcome | None = None
        self.meanwhile: dict[str, Facts] | None = None
        self.asked = False
        self._fuse: int | None = None

    def run(self, policy: Policy = ANY, keep: int = 0, **settings: Any) -> Follower:
        """A process that trains on what is there now."""
        models = Models(self.folder, keep)
        world = World(
            look=lambda: dict(self.spans),
            check=lambda model, span: None,
            models=models,
            steps=Steps(self),
            pause=self._pause,
            stopped=lambda: self.asked,
            tell=self.lines.append,
        )
        follower = Follower(world, Settings("ROOT", {}, policy, 5.0, **{"once": True, **settings}))
        with models.held():
            follower.run()
        return follower

    def run_killed(self, moments: int, policy: Policy, keep: int) -> bool:
        """A process that is killed after some moments, if it takes as many; returns whether it was."""
        self._fuse = moments
        try:
            with self._burning():
                self.run(policy, keep)
        except KilledError:
            return True
        finally:
            self._fuse = None
        return False

    def publish(self, request: Request) -> None:
        model = Path(request.output)
        assert not model.exists()
        assert request.continue_from in ("", BEGIN) or Path(request.continue_from).is_dir()
        state = self.folder / f"{model.name}.training"
        state.mkdir(exist_ok=True)
        unfinished = self.folder / f".{model.name}-tmp"
        unfinished.mkdir(exist_ok=True)
        record = {"step": request.step.number, "model": model.name, "spans": dict(request.step.spans), "seconds": 0.0}
        record |= {"mixed": list(request.step.mixed), "examples": {}, "before": None, "after": {}}
        record |= {"known": dict(request.known)} if request.known else {}
        (unfinished / TRAINING_NAME).write_text(json.dumps({FOLLOWED: record}))
        unfinished.replace(model)
        state.rmdir()

    def _pause(self, _: float) -> None:
        self.asked = True

    def burn(self) -> None:
        if self._fuse is not None:
            self._fuse -= 1
            if self._fuse < 0:
                raise KilledError

    @contextmanager
    def _burning(self) -> Iterator[None]:
        """Every change of a name and every line is a moment in which a kill may come: before it, and after."""
        replace, add_line = Path.replace, models_module.add_line

        def slow_replace(path: Path, target: Any) -> Any:
            self.burn()
            result = replace(path, target)
            self.burn()
            return result

        def slow_add_line(path: Path, record: Any) -> None:
            self.burn()
            add_line(path, record)
            with path.open("ab") as file:
                file.write(b'{"st')
            self.burn()  # torn: what stands behind the line is of nobody
            path.write_bytes(path.read_bytes()[:-4])

        with patch.object(Path, "replace", slow_replace), patch.object(models_module, "add_line", slow_add_line):
            yield

    def log(self) -> list[dict[str, Any]]:
        path = self.folder / "steps.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def trained(self) -> list[str]:
        """Names of all spans that the models were trained on, as often as they were."""
        return [name for record in self.log() for name in record["spans"]]


class Steps:
    """Runs steps in no time."""

    def __init__(self, world: Simulated) -> None:
        self._world = world

    def check_idle(self) -> None:
        self._world.burn()

    def run(self, request: Request) -> Outcome:
        world = self._world
        world.requests.append(request)
        world.burn()
        if world.meanwhile is not None:
            world.spans, world.meanwhile = world.meanwhile, None
        outcome, world.fails = world.fails or Outcome(0), None
        if outcome.code == 0:
            world.publish(request)
            world.burn()
        return outcome
