"""Where the processor time of one run goes, step by step, in one thread and without a runner.

    python benchmarks/stages.py [--records 100000] [--rounds 3] [--write]

The steps are the functions of the pipeline itself, timed from outside. Beside them stands what no
program could go below: one read of the input and one write of the output.
"""

import argparse
import shutil
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from environments import machine
from measure import run
from peers import HERE, ROOT, positive, prepare_corpus
from report import table, write_section

from pipeline import encode, read, stage
from pipeline.analysis import Analysis
from pipeline.block_facts import BlockFacts
from pipeline.inputs import plan_job
from pipeline.job import Job
from pipeline.plan import StagedParts, plan_counting, plan_dataset
from pipeline.sharding import segments, shards
from pipeline.split_facts import WrittenFacts
from pipeline.vocabulary import counting
from pipeline.vocabulary.written import write_plan
from schemas.formats.reading import JSONL
from schemas.records import tokens, validate
from schemas.spec import load_spec

WHOLE = "all steps"
READ_ONCE, WRITE_ONCE = "for comparison: read the input once", "for comparison: write the output once"
INSIDE = "– "  # begins the name of a part of the step above
STEPS = {
    "read blocks, digest them": (read, "_read_lines"),
    "parse JSON": (read.PARSERS, JSONL),
    "validate": (stage, "validate"),
    INSIDE + "cut texts into tokens, find the different ones": (tokens, "tokenize"),
    INSIDE + "ids from content": (validate, "content_ids"),
    "split and order": (stage, "place_examples"),
    "write staged blocks": (stage, "write_batches"),
    "count lengths": (BlockFacts, "analyse"),
    "count tokens of a block": (BlockFacts, "count_tokens"),
    "write them": (stage, "write_token_counts"),
    "count tokens of all blocks": (counting._Count, "work"),
    "plan vocabulary and buckets, write them": (sys.modules[__name__], "plan"),
    "encode": (encode, "encode_block"),
    INSIDE + "tokens to records": (encode, "encode_examples"),
    INSIDE + "frames with checksums": (encode, "frame"),
    INSIDE + "digest of the records": (encode, "records_digest"),
    "write segments": (encode, "write_segment"),
    "write shards": (shards._WriteShard, "work"),
}


def plan(analysis: Analysis, counted: Iterable[counting.CountedTokens], job: Job) -> Any:
    """Plans a data set and writes its vocabularies."""
    return write_plan(plan_dataset(analysis, counting.load_candidates(counted), job.spec), job.output)


class Clock:
    """Processor seconds by name of the step."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Context whose processor time counts for a step."""
        started = time.process_time()
        try:
            yield
        finally:
            self.seconds[name] += time.process_time() - started

    def timed(self, name: str, function: Any) -> Any:
        """Returns the function, measured; what it yields is made while the clock runs."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.measure(name):
                result = function(*args, **kwargs)
                return list(result) if isinstance(result, Iterator) else result

        return call

    def watch(self, name: str, owner: Any, function: str) -> Any:
        """Returns the context in which a function of a module, of a class or in a dictionary is measured."""
        if isinstance(owner, dict):
            return mock.patch.dict(owner, {function: self.timed(name, owner[function])})
        return mock.patch.object(owner, function, self.timed(name, getattr(owner, function)))


def run_steps(job: Job) -> None:
    """Does the work of a run, all but publishing, one block after another."""
    analysis, facts = Analysis(), WrittenFacts()
    staged, written = [], []
    for block in job.blocks():
        for output in stage._StageBlock(job).work(block):
            if isinstance(output, stage.StagedBlock):
                staged.append(output)
            else:
                analysis.merge(output.value)
    tasks = plan_counting(analysis.distinct, StagedParts.of(analysis.parts, len(analysis.blocks)), job.threads)
    counted = [found for task in tasks for found in counting._Count(job).work(task)]
    planned = plan(analysis, counted, job)
    for reference in staged:
        for output in encode._EncodeBlock(job).work(reference, planned):
            if isinstance(output, segments.Segment):
                written.append(output)
            else:
                facts.merge(output.value)
    for task in shards.shard_tasks(facts.bytes, job.shard_bytes):
        list(shards._WriteShard(job).work(task, written))


def measure_once(source: Path, output: Path) -> Counter[str]:
    """Returns the processor seconds of each step of one run into an empty folder."""
    shutil.rmtree(output, ignore_errors=True)
    job = plan_job(load_spec(HERE / "corpus.yaml"), [str(source)], str(output))
    clock = Clock()
    with ExitStack() as patches:
        for name, (owner, function) in STEPS.items():
            patches.enter_context(clock.watch(name, owner, function))
        with clock.measure(WHOLE):
            run_steps(job)
    with clock.measure(READ_ONCE):
        source.read_bytes()
    written = b"".join(path.read_bytes() for path in sorted(output.glob("*/*.tfrecord")))
    with clock.measure(WRITE_ONCE):
        (output / "copy").write_bytes(written)
    shutil.rmtree(output)
    return clock.seconds


def start_seconds(scratch: Path) -> float:
    """Returns the wall time of the command over a single record: Python, imports, the runner."""
    source, output = scratch / "one.jsonl", scratch / "one"
    source.write_text('{"text": "a", "label": 0}\n')
    shutil.rmtree(output, ignore_errors=True)
    spec = str(HERE / "corpus.yaml")
    paths = ["--spec", spec, "--input", str(source), "--output", str(output)]
    command = [sys.executable, "-m", "pipeline", "run", *paths, "--no_report"]
    cost = run(command, scratch / "one.log", 600, cwd=ROOT)
    shutil.rmtree(output)
    return cost.seconds


def result_text(rounds: list[Counter[str]], starts: list[float], records: int, size: int) -> str:
    """Returns the table of medians, with the share of each step in the whole."""
    seconds = {name: statistics.median(one[name] for one in rounds) for name in (*STEPS, WHOLE, READ_ONCE, WRITE_ONCE)}
    rows = [[name, f"{spent:.2f}", f"{spent / seconds[WHOLE]:.0%}"] for name, spent in seconds.items()]
    lines = [
        f"{records:,} records, {size / 1e6:.1f} MB of JSONL; medians of {len(rounds)} runs in one thread.",
        "",
        table(["step", "CPU seconds", "share"], rows),
        "",
        f"Around them, the command over a single record takes {statistics.median(starts):.2f} s of wall time: Python, "
        "importing Beam and Arrow, building the graph, the runner's own steps.",
        "",
        f"Machine: {machine()}.",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Show where the processor time of a run goes.")
    parser.add_argument("--records", type=positive, default=100_000, metavar="N", help="of the corpus (%(default)s)")
    parser.add_argument("--rounds", type=positive, default=3, metavar="N", help="runs (%(default)s)")
    parser.add_argument("--cache", type=Path, default=ROOT / ".bench", metavar="DIR", help="corpus and output")
    parser.add_argument("--write", action="store_true", help="replace the section of benchmarks/README.md")
    options = parser.parse_args(arguments)
    scratch = options.cache.resolve() / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    source, _ = prepare_corpus(options.records, options.cache.resolve())
    rounds = [measure_once(source, scratch / "stages") for _ in range(options.rounds)]
    starts = [start_seconds(scratch) for _ in range(options.rounds)]
    text = result_text(rounds, starts, options.records, source.stat().st_size)
    print(text)
    if options.write:
        write_section(f"stages {options.records}", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
