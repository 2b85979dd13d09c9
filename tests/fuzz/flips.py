"""Flips single bits in the files of a data set; `verify` must find each of them.

A file is drawn first, and then a bit of it, so that small files count as much as large ones.
"""

import argparse
import contextlib
import io
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

from pipeline.cli import main as run_command
from pipeline.verify import verify
from schemas.errors import DataError
from tests.pipeline.helpers import review_records, write_jsonl

SPEC = """
name: reviews
id: id
sequences:
  text: {type: tokens, tokenizer: whitespace}
  pieces: {from: text, type: tokens, tokenizer: subwords, tokenizer_file: TOKENIZER}
label: {from: stars, type: class}
buckets: {count: 2}
"""
# One of each kind of file that a run writes.
KINDS = (
    "manifest.json",
    "spec.yaml",
    "run.json",
    "report.html",
    "train/bucket-",
    ".index",
    "vocabulary/text-",
    "vocabulary/text.txt",
    "vocabulary/pieces-",
    "vocabulary/label-",
    "vocabulary/label.txt",
    "statistics/statistics-",
    "statistics/statistics.json",
    "statistics/features.pb",
    "statistics/schema.pbtxt",
    "rejected/rejected-",
)


def write_sample(folder: Path) -> Path:
    """Returns a data set with files of every kind."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "good": 1, "bad": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()  # type: ignore[assignment]  # its stubs make it read-only
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    spec = folder / "spec.yaml"
    spec.write_text(SPEC.replace("TOKENIZER", str(folder / "tokenizer.json")))
    source = write_jsonl(folder / "in.jsonl", [*review_records(40), b"oops"])
    options = ["--spec", str(spec), "--input", source, "--output", str(folder / "data"), "--max_rejected", "1"]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        if run_command(["run", *options]):
            raise RuntimeError(said.getvalue())
    return folder / "data"


def files_of(folder: Path) -> list[Path]:
    """Returns all files below a folder, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def is_found(folder: Path) -> bool:
    """Returns whether something is wrong with a data set or a folder of spans."""
    try:
        return bool(verify(str(folder))["problems"])
    except DataError:  # the manifest itself cannot be read
        return True


def flip_one(folder: Path, draw: random.Random) -> str:
    """Flips a bit; returns where, if nobody finds it, and flips it back."""
    path = draw.choice(files_of(folder))
    content = path.read_bytes()
    bit = draw.randrange(8 * len(content))
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    path.write_bytes(changed)
    found = is_found(folder)
    path.write_bytes(content)
    return "" if found else f"{path.relative_to(folder)}: bit {bit}"


def soak(flips: int, seed: int) -> tuple[dict[str, object], list[str]]:
    """Returns figures and findings."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_sample(Path(scratch))
        names = [str(path.relative_to(folder)) for path in files_of(folder)]
        findings = [f"no file of the kind {kind}" for kind in KINDS if not any(kind in name for name in names)]
        findings += [f"found where nothing was changed: {folder}"] if is_found(folder) else []
        findings += [missed for missed in (flip_one(folder, draw) for _ in range(flips)) if missed]
        shutil.rmtree(folder)
    return {"flips": flips, "files": len(names), "seed": seed}, findings


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description="Flips bits in the files of a data set, and looks for them.")
    parser.add_argument("--flips", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1, help="decides on which")
    given = parser.parse_args()
    figures, findings = soak(given.flips, given.seed)
    for finding in findings:
        print(finding, file=sys.stderr)
    print(json.dumps({**figures, "findings": len(findings)}, indent=2))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
