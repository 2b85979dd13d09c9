"""What is said of a step, in one line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.spans.folder import shown_names
from schemas.spec import TRAIN
from trainer.settings.training import LOSS


def step_line(record: Mapping[str, Any], folder: Path, monitor: str) -> str:
    """Returns the line of a step.

    Args:
      record: Of the step, as steps.jsonl has it.
      folder: Of the models.
      monitor: A metric that is told beside the loss.
    """
    spans = f"{len(record['spans'])} span(s) ({shown_names(record['spans'])})"
    mixed = f" and {len(record['mixed'])} earlier" if record["mixed"] else ""
    names = dict.fromkeys([LOSS, monitor])
    changes = [_change(record, split, name) for split in record["after"] for name in names]
    measured = ", ".join(filter(None, changes)) or "nothing could be measured"
    examples = record["examples"].get(TRAIN, 0)
    return (
        f"step {record['step']}: {spans}{mixed}, {examples:,} new examples, {record['seconds']:.1f} s; "
        f"before → after on the new: {measured}; {folder / record['model']}"
    )


def _change(record: Mapping[str, Any], split: str, name: str) -> str:
    before, after = ((record[when] or {}).get(split, {}).get(name) for when in ("before", "after"))
    if after is None:
        return ""
    return f"{split} {name} {'-' if before is None else f'{before:.4f}'} → {after:.4f}"
