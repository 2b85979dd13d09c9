"""Raw files of public data sets, as their sources publish them, become JSONL or CSV records.

Each function takes the folder of the published files and a folder to write to, and returns the
inputs of the pipeline: (split, path), where the split is empty if the spec decides.
"""

import csv
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

Inputs = list[tuple[str, Path]]


def rt_polarity(published: Path, output: Path) -> Inputs:
    """Sentences of film reviews (Pang and Lee, 2005): rt-polarity.neg and rt-polarity.pos."""

    def records() -> Iterator[dict[str, Any]]:
        for label in ("neg", "pos"):
            for number, line in enumerate(_lines(published / f"rt-polarity.{label}")):
                if line.strip():
                    yield {"id": f"{label}-{number}", "text": line.strip(), "label": label}

    return [("", _write(output / "reviews.jsonl", records()))]


def japanese_vowels(published: Path, output: Path) -> Inputs:
    """Nine speakers say two vowels (Kudo et al., 1999): JapaneseVowels_TRAIN.ts and JapaneseVowels_TEST.ts."""

    def records(name: str) -> Iterator[dict[str, Any]]:
        lines = iter(_lines(published / f"JapaneseVowels_{name}.ts"))
        while next(lines).strip().lower() != "@data":
            pass
        for number, line in enumerate(filter(None, map(str.strip, lines))):
            *channels, speaker = line.split(":")
            frames = zip(*([float(value) for value in channel.split(",")] for channel in channels), strict=True)
            yield {"id": f"{name}-{number}", "frames": [list(frame) for frame in frames], "speaker": speaker}

    return [(name.lower(), _write(output / f"{name.lower()}.jsonl", records(name))) for name in ("TRAIN", "TEST")]


def ud_english_ewt(published: Path, output: Path) -> Inputs:
    """Sentences with the part of speech of each word (Silveira et al., 2014): en_ewt-ud-*.conllu.gz."""
    files = {"train": "train", "validation": "dev", "test": "test"}

    def records(part: str) -> Iterator[dict[str, Any]]:
        rows = _tables(published / f"en_ewt-ud-{part}.conllu.gz")
        for number, table in enumerate(rows):
            words = [cells for cells in table if cells[0].isdigit()]  # others are parts of words, or not there
            yield {
                "id": f"{part}-{number}",
                "tokens": [cells[1] for cells in words],
                "upos": [cells[3] for cells in words],
            }

    return [(split, _write(output / f"{split}.jsonl", records(part))) for split, part in files.items()]


def wnut17(published: Path, output: Path) -> Inputs:
    """Posts with names of people, places and things (Derczynski et al., 2017): three files of token and tag."""
    files = {"train": "wnut17train.conll", "validation": "emerging.dev.conll", "test": "emerging.test.annotated"}

    def records(split: str, name: str) -> Iterator[dict[str, Any]]:
        for number, table in enumerate(_tables(published / name)):
            words = [cells for cells in table if len(cells) > 1]
            if words:
                yield {
                    "id": f"{split}-{number}",
                    "tokens": [cells[0] for cells in words],
                    "ner": [cells[-1] for cells in words],
                }

    return [(split, _write(output / f"{split}.jsonl", records(split, name))) for split, name in files.items()]


def bpi13(published: Path, output: Path) -> Inputs:
    """Events of incidents (BPI Challenge 2013, as in the repository of Tax et al., 2017): bpi_13_incidents.csv.

    The column Minute is written beside the published ones: minutes from midnight to the event, 0 to 1,439.
    """
    path = output / "events.csv"
    with (published / "bpi_13_incidents.csv").open(newline="") as events, path.open("w", newline="") as file:
        header, *rows = csv.reader(events)
        if header != ["CaseID", "ActivityID", "CompleteTimestamp"]:
            raise SystemExit(f"{published}: bpi_13_incidents.csv has the columns {header}")
        times = [datetime.fromisoformat(time) for *_, time in rows]
        minutes = [60 * time.hour + time.minute for time in times]
        csv.writer(file).writerows([[*header, "Minute"], *([*row, at] for row, at in zip(rows, minutes, strict=True))])
    return [("", path)]


def gutenberg(published: Path, output: Path) -> Inputs:
    """Paragraphs of novels (Project Gutenberg): pg*_NAME.txt."""

    def records() -> Iterator[dict[str, Any]]:
        for path in sorted(published.glob("pg*.txt")):
            book = path.stem.partition("_")[2]
            text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
            for number, paragraph in enumerate(re.split(r"\n\s*\n", text)):
                if paragraph.strip():
                    yield {"id": f"{book}-{number}", "text": " ".join(paragraph.split()), "book": book}

    return [("", _write(output / "paragraphs.jsonl", records()))]


def _write(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    return path


def _lines(path: Path) -> Iterator[str]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    for line in text.split("\n"):
        yield line.rstrip("\r")


def _tables(path: Path) -> Iterator[list[list[str]]]:
    """Yields the rows of cells between blank lines, without comments."""
    rows: list[list[str]] = []
    for line in _lines(path):
        if line.strip():
            # A tweet may begin with "#" and a letter; a comment has a space behind it.
            rows += [] if line.startswith("# ") else [line.split("\t")]
        elif rows:
            yield rows
            rows = []
    if rows:
        yield rows
