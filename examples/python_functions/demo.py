"""The whole way on real input that every machine has: the functions of Python's standard library.

Which package is a function from? Raw records are harvested, prepared, trained on, evaluated, one function that
nobody has seen is classified, and the model is exported. Run it with `make demo`.
"""

import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = ROOT / ".demo"


def main() -> int:
    """Runs every step and prints what went in and what came out."""
    started = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    raw, data, model, answers = (OUT / name for name in ("functions.jsonl", "dataset", "model", "predictions.jsonl"))
    _step("harvest", [str(HERE / "harvest.py"), str(OUT)])
    run = json.loads(
        _step("pipeline", ["-m", "pipeline", "run", "--spec", HERE / "spec.yaml", "--input", raw, "--output", data])
    )
    batches = json.loads(_step("batches", ["-m", "trainer", "batches", "--data", data]))
    _step("train", ["-m", "trainer", "train", "--data", data, "--output", model, "--config", HERE / "trainer.yaml"])
    metrics = json.loads(_step("evaluate", ["-m", "trainer", "evaluate", "--model", model, "--data", data]))["metrics"]
    snippet = HERE / "snippet.jsonl"
    _step("predict", ["-m", "trainer", "predict", "--model", model, "--input", snippet, "--output", answers])
    export = json.loads(_step("export", ["-m", "trainer", "export", "--model", model, "--output", OUT / "export"]))
    answer = json.loads(answers.read_text().splitlines()[0])
    print(_report(raw, run, batches, metrics, answer, export, time.monotonic() - started))
    return 0


def _step(name: str, arguments: list[Any]) -> str:
    """Runs one command; its output goes to a log, and to the terminal if there is one."""
    command = [sys.executable, *(str(argument) for argument in arguments)]
    shown = ["python", *(_short(argument) for argument in arguments)]
    print(f"$ {shlex.join(shown)}", flush=True)
    log = OUT / f"{name}.log"
    with log.open("w") as errors:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=None if sys.stderr.isatty() else errors,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        sys.exit(f"{log.read_text()}the demo failed in the step above")
    return done.stdout


def _short(argument: Any) -> str:
    path = Path(str(argument))
    return str(path.relative_to(ROOT)) if path.is_absolute() and path.is_relative_to(ROOT) else str(argument)


def _report(
    raw: Path,
    run: dict[str, Any],
    batches: dict[str, Any],
    metrics: dict[str, Any],
    answer: dict[str, Any],
    export: dict[str, Any],
    seconds: float,
) -> str:
    manifest = json.loads((Path(run["output"]) / "manifest.json").read_text())
    classes = (Path(run["output"]) / "vocabulary" / "label.txt").read_text().splitlines()
    test, train = manifest["statistics"]["test"], manifest["statistics"]["train"]["bucket_length"]
    majority, accuracy = test["classes"][0] / test["records"], metrics["accuracy"]
    lengths, counts, padding = run["counts"], train["counts"], run["padding_efficiency"]
    middle = _quantile(train["lengths"], counts, 0.5)
    return f"""
in       {_short(raw)}: {lengths["read"]:,} functions of {len(classes)} packages, {raw.stat().st_size / 1e6:.1f} MB
         training lengths {train["lengths"][0]} to {train["lengths"][-1]:,} tokens, median {middle}: heavy-tailed
out      {_short(run["output"])}: {run["shards"]} shards in {run["buckets"]} length buckets; {_splits(run)}
         read {lengths["read"]:,} = kept {lengths["kept"]:,} + rejected {sum(lengths["rejected"].values())} \
+ dropped {sum(lengths["dropped"].values())}
padding  of 100 steps computed, data are: {100 * padding["longest"]:.0f} if all are padded to the longest, \
{100 * padding["random_batches"]:.0f} in random batches,
         {100 * batches["padding_efficiency"]:.0f} in the bucketed batches that the model was trained on
model    {_short(OUT / "model")}: test accuracy {accuracy:.3f}; always saying '{classes[0]}' gives {majority:.3f}
predict  {_short(HERE / "snippet.jsonl")} is from: {_answer(answer)}
export   {_short(export["export"])}: takes raw text and needs TensorFlow alone; {_parity(export["parity"])}
files    {_short(OUT)}/: dataset/report.html, dataset/manifest.json, model/, predictions.jsonl, export/
took     {seconds:.0f} s"""


def _splits(run: dict[str, Any]) -> str:
    return ", ".join(f"{name} {records:,}" for name, records in run["splits"].items())


def _answer(answer: dict[str, Any]) -> str:
    likely = sorted(answer["probabilities"].items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{name} ({share:.0%})" for name, share in likely)


def _parity(parity: dict[str, Any]) -> str:
    asked, apart = max(parity["records"].values()), max(parity["largest_difference"].values())
    asked_of = f"{asked} records asked in a process of its own"
    return f"{asked_of},\n         its answers differ from the model's by {apart:.1g} at most"


def _quantile(lengths: list[int], counts: list[int], share: float) -> int:
    wanted, seen = share * sum(counts), 0
    for length, count in zip(lengths, counts, strict=True):
        seen += count
        if seen >= wanted:
            return length
    return lengths[-1]


if __name__ == "__main__":
    sys.exit(main())
