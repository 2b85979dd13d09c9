"""Spans of a few records a day, and what commands say of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from tests.pipeline.helpers import review_records, write_jsonl

SPEC = """
name: reviews
sequences: {text: {type: tokens, tokenizer: whitespace}}
label: {from: stars, type: class}
split: {fractions: {train: 1.0}}
buckets: {count: 2}
"""
RECORDS = 12  # of each day


class Shelf:
    """A spec, a file for each of some days, and a root of spans."""

    def __init__(self, folder: Path, *days: int) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.spec = folder / "spec.yaml"
        self.spec.write_text(SPEC)
        self.pattern = str(folder / "in" / "{date}.jsonl")
        records = review_records(RECORDS * 40)
        for day in days:
            self.write_day(f"2026-11-{day:02d}", records[RECORDS * day : RECORDS * (day + 1)])

    def write_day(self, name: str, records: list[Any]) -> str:
        return write_jsonl(self.folder / "in" / f"{name}.jsonl", records)

    def options(self, *more: str, pattern: str = "") -> list[str]:
        source = ["--spec", str(self.spec), "--input", pattern or self.pattern, "--output", str(self.root)]
        return [*source, "--no_report", *more]

    def run(self, *more: str, pattern: str = "") -> list[str]:
        return ["run", *self.options(*more, pattern=pattern)]

    def backfill(self, since: str, until: str, *more: str, pattern: str = "") -> list[str]:
        return ["backfill", *self.options("--since", since, "--until", until, *more, pattern=pattern)]

    def span(self, name: str) -> Path:
        return self.root / "spans" / name


class Said:
    """What a command said."""

    def __init__(self, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
        self.code = main(arguments)
        self.out, err = capsys.readouterr()
        self.lines = err.splitlines()

    @property
    def document(self) -> Any:
        return json.loads(self.out)
