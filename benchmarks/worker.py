"""Runs a script of readers/ in a process of its own, with the packages of this checkout, and returns what it says."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import run
from peers import prepare_corpus
from project import HERE, ROOT, SPEC, TIMEOUT, pipeline_command, progress

BUCKETS = 8  # of the corpus, as corpus.yaml has it


def run_reader(script: str, arguments: Sequence[object], cache: Path) -> dict[str, Any]:
    """Returns the object that a script prints as its last line of JSON, and "process_bytes", its peak memory.

    Args:
      script: Of readers/, without ".py".
      arguments: Of the script.
      cache: Folder whose scratch/ gets its log.

    Raises:
      CommandFailedError: It failed.
    """
    (cache / "scratch").mkdir(parents=True, exist_ok=True)
    log = cache / "scratch" / f"{script}.log"
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(HERE / "readers" / f"{script}.py"), *(str(argument) for argument in arguments)]
    cost = run(command, log, TIMEOUT, environment, ROOT)
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.startswith("{")]
    result: dict[str, Any] = json.loads(lines[-1])
    return {**result, "process_bytes": cost.peak_bytes}


def prepare_data(records: int, cache: Path, buckets: int = BUCKETS) -> Path:
    """Returns the folder of the corpus as the pipeline writes it; written anew, so that it is today's.

    Args:
      records: Of the corpus.
      cache: Folder of corpora and data sets.
      buckets: Their number.

    Raises:
      CommandFailedError: The corpus cannot be made, or the pipeline failed.
    """
    source, _ = prepare_corpus(records, cache)
    scratch = cache / "scratch"
    spec = scratch / f"corpus-{buckets}.yaml"
    text = SPEC.read_text(encoding="utf-8")
    spec.write_text(text.replace(f"count: {BUCKETS}", f"count: {buckets}"), encoding="utf-8")
    data = cache / f"data-{records}-{buckets}"
    progress(f"data set of {records:,} records in {buckets} buckets …")
    run(pipeline_command(source, data, ["--replace"], spec=spec), scratch / "prepare.log", TIMEOUT, cwd=ROOT)
    return data
