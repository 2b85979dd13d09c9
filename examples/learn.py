"""Prepares a public data set, trains on it with several seeds, and says how good the models are.

    python examples/learn.py NAME PUBLISHED_FOLDER OUTPUT [--seeds 5] [--test]

NAME is a folder beside this file, with a spec, settings and a description of the published files. Every
seed is a training of its own; where the spec splits by hash, every seed has a split of its own, too. What
is printed is measured on the validation split; with --test, on the test split as well.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import raw_files
import yaml

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Runs every seed and prints what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(path.parent.name for path in HERE.glob("*/trainer.yaml")))
    parser.add_argument("published", type=Path, help="folder of the files as their source publishes them")
    parser.add_argument("output", type=Path, help="folder for records, data sets and models")
    parser.add_argument("--seeds", type=int, default=5, help="trainings (default: %(default)s)")
    parser.add_argument("--first_seed", type=int, default=0, help="seed of the first one (default: %(default)s)")
    parser.add_argument("--test", action="store_true", help="measure on the test split, too")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as of the trainer")
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    inputs = getattr(raw_files, asked.name)(asked.published, asked.output)
    runs = [_run(asked, inputs, seed) for seed in range(asked.first_seed, asked.first_seed + asked.seeds)]
    summary = {split: _spread([run[split] for run in runs]) for split in runs[0]}
    print(json.dumps({"name": asked.name, "seeds": asked.seeds, **summary}))
    return 0


def _run(asked: argparse.Namespace, inputs: raw_files.Inputs, seed: int) -> dict[str, dict[str, float]]:
    """Returns the metrics of one training by split."""
    data, model = _data_set(asked, inputs, seed), asked.output / f"model-{seed}"
    settings = [part for setting in (f"seed={seed}", *asked.set) for part in ("--set", setting)]
    config = HERE / asked.name / "trainer.yaml"
    trained = _json(["trainer", "train", "--data", data, "--output", model, "--replace", "--config", config, *settings])
    metrics = {"validation": trained["metrics"]}
    if asked.test:
        metrics["test"] = _json(["trainer", "evaluate", "--model", model, "--data", data])["metrics"]
    print(json.dumps({"seed": seed, "epochs": trained["epochs"], "seconds": trained["seconds"], **metrics}), flush=True)
    return metrics


def _data_set(asked: argparse.Namespace, inputs: raw_files.Inputs, seed: int) -> Path:
    """Returns the data set of a seed: one of its own where the spec splits by hash."""
    spec = yaml.safe_load((HERE / asked.name / "spec.yaml").read_text())
    split = spec.get("split", {})
    hashed = "fractions" in split and split.get("by", "hash") == "hash" and "test" in split["fractions"]
    if hashed:
        split["salt"] = seed
    folder: Path = asked.output / f"data-{seed if hashed else 'all'}"
    path = asked.output / f"{folder.name}.yaml"
    text = yaml.safe_dump(spec, sort_keys=False)
    if (folder / "manifest.json").exists() and path.exists() and path.read_text() == text:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    path.write_text(text)
    named = [part for split, source in inputs for part in ("--input", f"{split}={source}" if split else source)]
    _json(["pipeline", "run", "--spec", path, *named, "--output", folder])
    return folder


def _json(command: list[Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)], cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: failed, see above")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _spread(runs: list[dict[str, float]]) -> dict[str, list[float]]:
    """Returns mean and standard deviation of each metric over seeds."""
    names = [name for name in runs[0] if all(name in run for run in runs)]
    values = {name: [run[name] for run in runs] for name in names}
    return {
        name: [round(statistics.mean(some), 4), round(statistics.stdev(some) if len(some) > 1 else 0.0, 4)]
        for name, some in values.items()
    }


if __name__ == "__main__":
    sys.exit(main())
