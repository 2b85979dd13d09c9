"""What a training came to: for training.json, and as a block and a table for people."""

import platform
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from schemas.spec import VALIDATION
from trainer.batches.epochs import Epochs
from trainer.config import TrainerConfig, to_plain
from trainer.models.model import SequenceModel
from trainer.settings.training import LOSS
from trainer.training.state import TrainingState

_WIDTH = 120
_METRICS_SHOWN = 3


def summarise(
    state: TrainingState, model: SequenceModel, config: TrainerConfig, epochs: Epochs, output: str
) -> dict[str, Any]:
    """Returns what training.json says.

    Args:
      state: At the end.
      model: With the weights that are kept.
      config: Settings.
      epochs: Of the training split.
      output: Folder of the model.
    """
    return {
        "model": output,
        "data_fingerprint": epochs.source.manifest.data_fingerprint,
        "seconds": round(state.seconds, 3),
        "steps_per_epoch": epochs.steps,
        "epochs": len(state.history),
        "best_epoch": state.best_epoch,
        "metrics": state.best_metrics,
        "real_steps_per_second": _median(state.history, "real_steps_per_second"),
        "padding_efficiency": _median(state.history, "padding_efficiency"),
        "weights": int(sum(np.prod(weight.shape) for weight in model.trainable_weights)),
        "kernel": kernel_of(model, config),
        "history": state.history,
        "config": to_plain(config),
        "versions": {
            "keras": keras.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
        },
        "device": _device(config),
        "command": sys.argv,
    }


def kernel_of(model: SequenceModel, config: TrainerConfig) -> str:
    """Returns in a few words what reads the steps one after another, and why so."""
    layers = [layer for branch in model.branches for layer in branch.encoder.recurrent]
    if not layers:
        return "no recurrent layer"
    compiled = ", compiled by XLA" if config.jit_compile else ""
    return f"{layers[0].cell} of {layers[0].units} units: {layers[0].kernel_choice()[1]}{compiled}"


def say_summary(summary: Mapping[str, Any]) -> None:
    """Writes the block and the table to standard error."""
    console = Console(stderr=True, width=_WIDTH, highlight=False)
    console.print(_block(summary))
    console.print(_table(summary["history"][summary["best_epoch"] - 1], summary["config"]["monitor"]))


def _block(summary: Mapping[str, Any]) -> Table:
    metrics = ", ".join(f"{VALIDATION} {name} {value:.4f}" for name, value in summary["metrics"].items())
    facts = {
        "model": summary["model"],
        "epochs": f"{summary['epochs']} of {summary['steps_per_epoch']} steps; best: {summary['best_epoch']}",
        "metrics": metrics or f"none: there is no split '{VALIDATION}'",
        "seconds": f"{summary['seconds']:.1f}",
        "speed": f"{summary['real_steps_per_second']:,.0f} real steps/s",
        "padding efficiency": f"{summary['padding_efficiency']:.1%}",
        "weights": f"{summary['weights']:,}",
        "kernel": summary["kernel"],
    }
    table = Table.grid(padding=(0, 2))
    for name, fact in facts.items():
        table.add_row(name, fact)
    return table


def _table(entry: Mapping[str, Any], monitored: str) -> Table:
    """Returns an epoch by bucket, with the loss and the metric that decides which weights are the best."""
    # All of them would not fit into a line; training.json has them.
    metrics = sorted(entry.get(VALIDATION, {}), key=lambda name: name not in (LOSS, monitored))[:_METRICS_SHOWN]
    table = Table(title=f"epoch {entry['epoch']} by length", title_justify="left")
    names = ["length", "steps", "examples", "loss", "real steps/s", "real / padded"]
    for name in (*names, *(f"{VALIDATION} {metric}" for metric in ["examples", *metrics] if metrics)):
        table.add_column(name, justify="right")
    for row in entry["buckets"]:
        table.add_row(*table_row(row, metrics))
    return table


def table_row(row: Mapping[str, Any], metrics: Sequence[str]) -> list[str]:
    """Returns the cells of a bucket; empty where there is nothing to say."""
    most = "" if row["max_length"] is None else row["max_length"]
    cells = [
        f"{row['min_length']}-{most}",
        f"{row['steps']:,}",
        f"{row['examples']:,}",
        _shown(row.get("loss"), ".4f"),
        _shown(row.get("real_steps_per_second"), ",.0f"),
        _shown(row.get("padding_efficiency"), ".1%"),
    ]
    if metrics:
        of = row.get(VALIDATION, {})
        cells += [_shown(of.get("examples"), ",d"), *(_shown(of.get(name), ".4f") for name in metrics)]
    return cells


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _median(history: Sequence[Mapping[str, Any]], name: str) -> float:
    return float(np.median([entry[name] for entry in history])) if history else 0.0


def _device(config: TrainerConfig) -> str:
    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    return f"{config.replicas} x {kind}"
