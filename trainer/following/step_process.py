"""One step of a follower: a process that measures a model on new spans, trains on them, and measures again.

Run as `python -m trainer.following.step_process`, with a `Request` on standard input. It is a process of its own so
that what TensorFlow keeps of each training does not pile up. What it says goes to standard error, the model where it
belongs.
"""

import datetime
import math
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import DataError, LengthwiseError
from schemas.manifest_pb2 import Manifest
from schemas.spans.folder import SpanRange, load_data
from schemas.spec import TRAIN, VALIDATION
from trainer.config import TrainerConfig, config_from
from trainer.following.models import FOLLOWED
from trainer.following.plan import Step
from trainer.following.request import Request
from trainer.profiling.memory import peak_mib
from trainer.tensorflow_setup import import_tensorflow
from trainer.training.signals import terminable

if TYPE_CHECKING:
    from trainer.batches.source import SplitSource
    from trainer.evaluate import Evaluator
    from trainer.models.model import SequenceModel

Metrics = dict[str, dict[str, Any]]  # by split


def main() -> int:
    """Does what standard input asks for.

    Returns:
      0 when done, else the code of the error whose text is the last line on standard error.
    """
    try:
        with terminable():
            run_step(Request.from_json(sys.stdin.read()))
    except LengthwiseError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("error: interrupted; the step is done again", file=sys.stderr)
        return 130
    return 0


def run_step(request: Request) -> None:
    """Does one step; its model is there when this returns.

    Raises:
      UsageError, DataError: See `trainer.training.train.train`.
      Stopped: A signal told it to; the same request goes on.
    """
    step, config = request.step, config_from(request.settings)
    import_tensorflow(config.replicas)
    from trainer.training.train import train

    new = _load(request, step.spans)
    before = _before(request, new, config) if request.continue_from else None

    def also(model: "SequenceModel", manifest: Manifest) -> dict[str, Any]:
        """Returns what the step was; asked before the model is written, so that both are there at once."""
        _check_spans(request.root, {**step.spans, **step.mixed}, manifest)
        return {FOLLOWED: _record(request, new, before, _after(request, new, model))}

    names, source = tuple(sorted({*step.spans, *step.mixed})), request.continue_from or None
    data = SpanRange(request.root, names=names, beside=_beside(step))
    train(data, request.output, config, fresh=request.fresh, continue_from=source, also=also)


def _load(request: Request, spans: Mapping[str, str]) -> Manifest:
    manifest = load_data(SpanRange(request.root, names=tuple(spans), beside=_beside(request.step, spans)))
    _check_spans(request.root, spans, manifest)
    return manifest


def _beside(step: Step, spans: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Returns the spans that say with others what ids mean: with some of a step, all of the step's."""
    others = () if spans is None else (name for name in step.mixed if name not in spans)
    return (*others, *filter(None, [step.beside]))


def _check_spans(root: str, expected: Mapping[str, str], manifest: Manifest) -> None:
    """Refuses spans that were replaced since the step was planned: nobody would know what was trained on.

    Raises:
      DataError: One was.
    """
    replaced = [part.name for part in manifest.parts if expected[part.name] != part.fingerprint]
    if replaced:
        raise DataError(f"{root}: the span '{replaced[0]}' was replaced since the step was planned; start again")


def _before(request: Request, new: Manifest, config: TrainerConfig) -> Metrics:
    """Returns what the model says of the new spans before it has seen them."""
    from trainer.evaluate import Evaluator
    from trainer.grown import grown_to
    from trainer.training.continuing import load_earlier

    root = Path(request.root)
    saved = grown_to(load_earlier(Path(request.continue_from), root, new, config).saved, root, new)
    return _measured(root, new, lambda source: Evaluator(saved.model, source, classes=saved.classes))


def _after(request: Request, new: Manifest, model: "SequenceModel") -> Metrics:
    from trainer.evaluate import Evaluator

    return _measured(Path(request.root), new, lambda source: Evaluator(model, source))


def _measured(root: Path, manifest: Manifest, evaluator_of: "Callable[[SplitSource], Evaluator]") -> Metrics:
    """Returns metrics by split; why there are none, such as of a span without any label, must not end a stream."""
    from trainer.batches.source import SplitSource

    found: Metrics = {}
    evaluator = None
    for split in _splits(manifest):
        source = SplitSource(root, manifest, split)
        try:
            evaluator = evaluator_of(source) if evaluator is None else evaluator.over(source)
            totals = evaluator.run()
            metrics = totals.metrics()
            if not all(math.isfinite(value) for value in metrics.values()):
                raise DataError(f"the loss on split '{split}' is {metrics['loss']}")
            found[split] = {"labels": totals.total.labels, **metrics}
        except DataError as error:
            found[split] = {"error": str(error)}
    return found


def _splits(manifest: Manifest) -> list[str]:
    there = manifest.statistics
    return [split for split in (TRAIN, VALIDATION) if split in there and there[split].records]


def _record(request: Request, new: Manifest, before: Metrics | None, after: Metrics) -> dict[str, Any]:
    step = request.step
    return {
        "step": step.number,
        "model": Path(request.output).name,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "spans": dict(step.spans),
        "mixed": list(step.mixed),
        "examples": {split: statistics.records for split, statistics in sorted(new.statistics.items())},
        "before": before,
        "after": after,
        "seconds": round(time.monotonic() - request.started, 3),
        "peak_mib": peak_mib(),
        **({"known": dict(request.known)} if request.known else {}),
    }


if __name__ == "__main__":
    sys.exit(main())
