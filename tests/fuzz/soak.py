"""Fuzzes the readers: `python -m tests.fuzz.soak [--inputs N] [--seed S] [--jobs J]`.

Prints figures as one JSON document. Ends with 1 on findings: each is printed with its seed and number, and
the damaged file is saved. Workers are processes, so that a crash of a library is a finding like any other.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections import Counter
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tests.fuzz.cases import all_cases, damaged
from tests.fuzz.check import Finding, check

MOST_GROWTH_KIB = 512 << 10  # of the memory of a worker, from one small file
_HANGS_SECONDS = 120


def work(pipe: Connection, seed: int, first: int, last: int, step: int) -> None:
    """Checks some inputs; sends ("at", number) before each, and what came of it."""
    figures: Counter[str] = Counter()
    memory = 0
    for number in range(first, last, step):
        pipe.send(("at", number))
        try:
            outcome = check(damaged(seed, number))
        except Finding as finding:
            pipe.send(("finding", str(finding)))
            continue
        now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if memory and now - memory > MOST_GROWTH_KIB:
            pipe.send(("finding", f"memory grew by {(now - memory) >> 10} MiB"))
        memory = now
        figures["inputs"] += 1
        figures["damaged files"] += bool(outcome.error)
        figures["damaged: " + _kind(outcome.error)] += bool(outcome.error)
        figures["read"] += outcome.read
        figures["kept"] += outcome.kept
        figures["dropped"] += outcome.dropped
        figures.update({f"rejected: {reason}": count for reason, count in outcome.rejected.items()})
        figures["peak MiB"] = memory >> 10
    pipe.send(("done", figures))
    pipe.close()


def _kind(error: str) -> str:
    """Returns the words of an error without what differs from file to file."""
    words = "".join("#" if c.isdigit() else c for c in error.split(";")[0])
    while "##" in words:
        words = words.replace("##", "#")
    return words[:60]


class Worker:
    """A process that checks every so many inputs, and is started again behind one that it cannot survive."""

    def __init__(self, seed: int, first: int, last: int, step: int) -> None:
        self._seed, self._last, self._step = seed, last, step
        self.at = first
        self.since = time.monotonic()
        self._start(first)

    def _start(self, first: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=work, args=(theirs, self._seed, first, self._last, self._step))
        self.process.start()
        theirs.close()

    def restart(self) -> None:
        self.process.kill()
        self.process.join()
        self._start(self.at + self._step)


def soak(inputs: int, seed: int, jobs: int, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Returns figures and findings."""
    started = time.monotonic()
    total: Counter[str] = Counter()
    findings: list[str] = []
    workers = [Worker(seed, i, inputs, jobs) for i in range(jobs)]

    def found(worker: Worker, text: str) -> None:
        path = folder / f"finding-{seed}-{worker.at}"
        path.parent.mkdir(parents=True, exist_ok=True)
        one = damaged(seed, worker.at)
        path.write_bytes(one.content)
        findings.append(f"seed {seed}, input {worker.at}, {one.case.name}, {path}: {text}")
        print(findings[-1], file=sys.stderr, flush=True)

    while workers:
        ready = wait([worker.pipe for worker in workers], timeout=5)
        for worker in list(workers):
            if worker.pipe not in ready:
                if time.monotonic() - worker.since > _HANGS_SECONDS:
                    found(worker, "hangs")
                    worker.restart()
                    worker.since = time.monotonic()
                continue
            worker.since = time.monotonic()
            try:
                kind, value = worker.pipe.recv()
            except EOFError:
                worker.process.join()
                found(worker, f"the process ended with {worker.process.exitcode}")
                worker.restart()
                continue
            if kind == "at":
                worker.at = value
            elif kind == "finding":
                found(worker, value)
            else:
                peak = max(total["peak MiB"], value["peak MiB"])
                total.update(value)
                total["peak MiB"] = peak
                worker.process.join()
                workers.remove(worker)
    figures: dict[str, Any] = dict(sorted(total.items()))
    seconds = round(time.monotonic() - started, 1)
    return {**figures, "cases": len(all_cases()), "seconds": seconds, "seed": seed}, findings


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description="Fuzzes the readers of records.")
    parser.add_argument("--inputs", type=int, default=100_000, help="how many damaged files to read")
    parser.add_argument("--seed", type=int, default=1, help="decides on all of them")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count(), help="processes")
    parser.add_argument("--folder", type=Path, default=Path(".soak"), help="where files with findings are saved")
    given = parser.parse_args()
    figures, findings = soak(given.inputs, given.seed, given.jobs, given.folder)
    print(json.dumps({**figures, "findings": len(findings)}, indent=2))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
