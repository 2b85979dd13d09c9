"""A file of beginnings becomes a file of continuations."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from schemas.errors import DataError
from trainer.generation.generator import Generator
from trainer.generation.options import GenerationOptions
from trainer.progress import say
from trainer.raw_records import blocks_of_file, whole_file
from trainer.saved import load_saved

_BAD_RECORDS_SHOWN = 20


def generate_file(
    model_folder: str | Path, source: str | Path, output: str | Path, options: GenerationOptions
) -> dict[str, Any]:
    """Writes one line of JSON for each record of a JSONL file, in order; the file appears whole.

    Returns:
      {"output", "records", "generated", "steps", "rejected", "reasons"}: of the records read; lines with a
      continuation, and the steps of them all; lines with an error, by reason. "ended", where the label has an end:
      lines whose sequence has ended.

    Raises:
      DataError: The model or the input cannot be used, or the output cannot be written.
      UsageError: The model cannot continue a sequence, or the options do not fit it.
    """
    source, output = Path(source), Path(output)
    saved = load_saved(model_folder)
    generator = Generator(saved, options)
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with whole_file(output) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        for entry in generator.generate_lines(blocks_of_file(source, generator.max_record_bytes), show=True):
            file.write(json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n")
            if "error" in entry:
                reasons[entry["reason"]] += 1
                _show_bad(source, entry, reasons.total())
                continue
            counts["generated"] += 1
            counts["steps"] += len(entry["generated"])
            counts["ended"] += entry.get("ended", False)
        if not counts["generated"] + reasons.total():
            raise DataError(f"{source}: holds blank lines only; give a JSONL file with one or more records")
    if reasons.total() > _BAD_RECORDS_SHOWN:
        say(f"... and {reasons.total() - _BAD_RECORDS_SHOWN} more; each says why in its line of {output}")
    return {
        "output": str(output),
        "records": counts["generated"] + reasons.total(),
        "generated": counts["generated"],
        "steps": counts["steps"],
        **({"ended": counts["ended"]} if saved.manifest.spec.label.end else {}),
        "rejected": reasons.total(),
        "reasons": dict(sorted(reasons.items())),
    }


def _show_bad(source: Path, entry: dict[str, Any], number: int) -> None:
    if number <= _BAD_RECORDS_SHOWN:
        say(f"{source}, line {entry['line']}: {entry['reason']}: {entry['error']}")
