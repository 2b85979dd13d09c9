"""Plans 1 TB of 10 billion records with 100 million different tokens: what would each process hold, and what is read?

    python benchmarks/scale.py [--share 1] [--files 1 10000 1000000] [--write]

Nothing of that size is read or written: inputs, analyses, facts and shards are made up, and the functions of
the job that plan, merge and describe them are the real ones. Each step runs in a process of its own, so that
its memory can be told.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.internal import pickler
from environments import machine
from report import table, write_section
from shuffle_plan import Reads, direct, gathered

from pipeline.analysis import Analysis, BlockSummary, MergeAnalyses
from pipeline.blocks import InputFile
from pipeline.id_files import repeated
from pipeline.inputs import id_shares_of
from pipeline.job import SHARD_BYTES, Job
from pipeline.plan import StagedParts, plan_counting
from pipeline.publish import check_totals, input_files
from pipeline.sharding.gathering import sets_of
from pipeline.sharding.shards import ShardTask, shard_tasks
from pipeline.split_facts import SequenceFacts, SplitFacts, WrittenFacts
from pipeline.vocabulary.token_counts import COUNTS, TokenCounts
from schemas.formats.blocks import BLOCK_BYTES
from schemas.manifest import dump_manifest, index_path, parse_manifest, seal, shard_path
from schemas.manifest_pb2 import Counts, Manifest, Shard
from schemas.manifest_pb2 import InputFile as NamedInput

TOTAL_BYTES = 10**12
RECORDS = 10**10
TOKENS = 10**8  # different ones
ENCODED_RECORD = 130  # bytes: texts of 100 bytes, ids of 4 bytes
IN_A_BLOCK = 100_000  # different tokens of a block
SPLITS = {"train": 0.9, "validation": 0.05, "test": 0.05}
BUCKETS = 8
HOT = 0.9  # share of the records of a split that one bucket has
LENGTHS = 3_000  # different ones
FILES = (1, 10_000, 1_000_000)


class Row(NamedTuple):
    """One step.

    Attributes:
      what: It is.
      found: Numbers that came of it, in words.
      seconds: It took.
      peak_bytes: Of its process, libraries included.
    """

    what: str
    found: str
    seconds: float
    peak_bytes: int


def group_bytes(share: float) -> dict[tuple[str, int], int]:
    """Returns the encoded bytes of each split and bucket; one bucket of each split is hot."""
    total = RECORDS * share * ENCODED_RECORD
    weights = [HOT, *[(1 - HOT) / (BUCKETS - 1)] * (BUCKETS - 1)]
    return {(split, b): int(total * part * weights[b]) for split, part in SPLITS.items() for b in range(BUCKETS)}


def job_of(count: int, share: float, folder: str) -> Job:
    """Returns a run over so many files, whose names have digests, as those of other systems often have."""
    size = int(TOTAL_BYTES * share)
    digests = np.random.default_rng(1).integers(0, 2**63, (count, 2))
    paths = (f"gs://some-bucket/events/2026/part-{i:07d}-{a:016x}{b:016x}.jsonl" for i, (a, b) in enumerate(digests))
    inputs = tuple(InputFile(path, size // count, "") for path in paths)
    return Job(b"", inputs, {}, folder, "run", BLOCK_BYTES, sets=sets_of(size, BLOCK_BYTES))


def graph(count: int, share: float) -> str:
    """Builds what a graph and the driver hold of the inputs, and cuts them into blocks."""
    with tempfile.TemporaryDirectory() as folder:
        job = job_of(count, share, folder)
        listed = job.listed()
        size = len(pickler.dumps(listed))
        content = 0 if listed is job else Path(listed.inputs_path).stat().st_size
        blocks = listed.blocks()
        pieces = sum(len(block.pieces) for block in blocks)
        return f"{len(blocks):,} blocks of {pieces:,} pieces; {size:,} bytes in each step, a list of {content:,} bytes"


def analysis_of(job: Job) -> Analysis:
    """Returns what all blocks together are found to hold, merged one by one, as a runner without lifting does."""
    merge, lengths = MergeAnalyses(), np.random.default_rng(2)
    whole = merge.create_accumulator()
    for block in job.blocks():
        of_each = tuple(1 + piece.bytes // 100 for piece in block.pieces)
        digests = tuple(lengths.bytes(32) for _ in block.pieces)
        some = Counter(dict.fromkeys(lengths.integers(0, LENGTHS, 200).tolist(), 420))
        summary = {block.index: BlockSummary(of_each, of_each, digests)}
        whole = merge.add_input(whole, Analysis(blocks=summary, parts=Counter({block.index: 1}), bucket_lengths=some))
    return merge.extract_output(whole)  # type: ignore[no-any-return]


def analysis(count: int, share: float) -> str:
    """Merges what is found out about all blocks."""
    with tempfile.TemporaryDirectory() as folder:
        found = analysis_of(job_of(count, share, folder))
        return f"one element of {len(pickler.dumps(found)):,} bytes, compressed"


def facts(count: int, share: float) -> str:
    """Merges what encoding finds out about all blocks."""
    del count
    draw, whole, blocks = np.random.default_rng(3), WrittenFacts(), -(-int(TOTAL_BYTES * share) // BLOCK_BYTES)
    for _ in range(blocks):
        some = Counter(dict.fromkeys(draw.integers(0, LENGTHS, 200).tolist(), 140))
        of_all = {split: SplitFacts(28_000, {"text": SequenceFacts(some)}, SequenceFacts(some)) for split in SPLITS}
        whole.merge(WrittenFacts(of_all, bytes=Counter({(s, b): 1 for s in SPLITS for b in range(BUCKETS)})))
    return f"{blocks:,} of them make one element of {len(pickler.dumps(whole)):,} bytes, compressed"


def shard_of(task: ShardTask, size: int) -> Shard:
    """Returns the entry of a shard."""
    sha256 = f"{task.number * 0x9E3779B97F4A7C15 % 2**64:016x}" * 4
    path = shard_path(task.split, task.bucket, task.index, task.count, sha256)
    numbers = {"bytes": size, "records": size // ENCODED_RECORD, "steps": size // 8, "min_length": 1, "max_length": 99}
    beside = {"index_path": index_path(path), "index_sha256": sha256}
    return Shard(split=task.split, bucket=task.bucket, index=task.index, path=path, sha256=sha256, **numbers, **beside)


def manifest_of(shards: list[Shard], found: dict[tuple[str, int], int], inputs: list[NamedInput]) -> str:
    """Builds, checks and reads a manifest, and says what it is."""
    written = WrittenFacts(bytes=Counter(found))
    manifest = Manifest(shards=shards, inputs=inputs, counts=Counts(read=1, kept=1))
    check_totals(manifest, written)
    content = dump_manifest(seal(manifest))
    start = time.perf_counter()
    parse_manifest(content, "manifest.json")
    seconds = time.perf_counter() - start
    return f"{len(shards):,} shards, {len(inputs):,} inputs: {len(content):,} bytes, read in {seconds:.1f} s"


def manifest(count: int, share: float) -> str:
    """Plans the shards, and describes them and the inputs."""
    tasks = shard_tasks(group_bytes(share), SHARD_BYTES)
    sizes = group_bytes(share)
    shards = [shard_of(task, sizes[task.split, task.bucket] // task.count) for task in tasks]
    found: Counter[tuple[str, int]] = Counter()
    for shard in shards:
        found[shard.split, shard.bucket] += shard.bytes
    with tempfile.TemporaryDirectory() as folder:
        job = job_of(count, share, folder)
        return manifest_of(shards, found, input_files(job, analysis_of(job)))


def many_shards(count: int, share: float) -> str:
    """Describes ten times as many shards and more: 100,000."""
    del count
    tasks = shard_tasks({("train", 0): int(100_000 * share) * SHARD_BYTES}, SHARD_BYTES)
    return manifest_of([shard_of(task, 130) for task in tasks], {("train", 0): 130 * len(tasks)}, [])


def counting(count: int, share: float) -> str:
    """Counts the largest key of the counting of tokens, from as many blocks as hold each token ten times."""
    del count
    blocks, tokens = -(-int(TOTAL_BYTES * share) // BLOCK_BYTES), max(1_000, int(TOKENS * share))
    tasks = plan_counting({"text": blocks * IN_A_BLOCK}, StagedParts(blocks), threads=1)
    mine = tokens // len(tasks)
    bag, draw = TokenCounts(), np.random.default_rng(4)
    for i in range(0, 10 * mine, 100_000):
        numbers = draw.permutation(100_000) + i if i < mine else draw.integers(0, mine, 100_000)
        words = pc.binary_join_element_wise("w", pa.array(numbers % mine).cast(pa.string()), "")
        seen = words.dictionary_encode()
        bag.add(pa.table({"token": seen.dictionary, "count": np.bincount(seen.indices)}, schema=COUNTS))
    return (
        f"{len(tasks)} tasks, of {blocks:,} blocks each; one holds {bag.compact().merged.num_rows:,} different tokens"
    )


def ids(count: int, share: float) -> str:
    """Looks for repeated ids in one share of them."""
    del count
    shares = id_shares_of(int(TOTAL_BYTES * share))
    mine, draw = int(RECORDS * share) // shares, np.random.default_rng(5)
    high, low = (draw.integers(0, 2**64, mine, np.uint64) for _ in range(2))
    high[-1], low[-1] = high[0], low[0]
    return f"{shares} shares; one holds {mine:,} ids, of which {len(repeated(high, low)[0])} is found again"


_OF_FILES: dict[str, Callable[[int, float], str]] = {
    "graph and blocks": graph,
    "merged analysis": analysis,
    "manifest": manifest,
}
_OF_ALL: dict[str, Callable[[int, float], str]] = {
    "merged facts": facts,
    "a manifest of 100,000 shards": many_shards,
    "largest counting task": counting,
    "largest share of ids": ids,
}


def measured(name: str, count: int, share: float) -> Row:
    """Runs a step; in a process of its own."""
    start = time.perf_counter()
    found = (_OF_FILES | _OF_ALL)[name](count, share)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    what = f"{name}, {count:,} file{'s' * (count != 1)}" if name in _OF_FILES else name
    return Row(what, found, time.perf_counter() - start, peak)


def rows_of(files: Sequence[int], share: float) -> list[Row]:
    """Returns what every step needs, one after another."""
    steps = [(name, count) for count in files for name in _OF_FILES] + [(name, 0) for name in _OF_ALL]
    found = []
    for name, count in steps:
        print(f"{name} …", file=sys.stderr)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
            found.append(apart.submit(measured, name, count, share).result())
    return found


def reads_of(share: float) -> dict[str, Reads]:
    """Returns what shards read without and with gathering, by the name of the way."""
    size, sizes = int(TOTAL_BYTES * share), group_bytes(share)
    segments, tasks = -(-size // BLOCK_BYTES), shard_tasks(sizes, SHARD_BYTES)
    found = {"each shard of every segment": direct(sizes, tasks, segments, ENCODED_RECORD)}
    if sets := sets_of(size, BLOCK_BYTES):
        found[f"gathered in {sets} sets"] = gathered(sizes, tasks, segments, sets, ENCODED_RECORD)
    return found


def result_text(share: float, rows: Sequence[Row], reads: dict[str, Reads]) -> str:
    """Returns the section: two tables, machine."""
    header = ["step", "seconds", "peak MB", "what it holds"]
    lines = [[row.what, f"{row.seconds:.1f}", f"{row.peak_bytes / 1e6:,.0f}", row.found] for row in rows]
    header_of_reads = [
        "shards read",
        "requests",
        "TB",
        "files a shard",
        "requests a shard",
        "bytes a request",
        "MiB held",
    ]
    of_reads = [
        [
            name,
            f"{way.requests:,}",
            f"{way.bytes / 1e12:.2f}",
            f"{way.sources:,}",
            f"{way.shard_requests:,}",
            f"{way.shard_bytes:,}",
            f"{way.part_bytes / 2**20:,.0f}",
        ]
        for name, way in reads.items()
    ]
    note = (
        f"{TOTAL_BYTES * share:,.0f} bytes, {RECORDS * share:,.0f} records, {TOKENS * share:,.0f} different tokens; "
        f"{HOT:.0%} of the records of each split in one bucket. Peaks hold Python and its libraries (160 MB)."
    )
    return "\n".join(
        [note, "", table(header, lines), "", table(header_of_reads, of_reads), "", f"Machine: {machine()}."]
    )


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Plan a data set of 1 TB.")
    parser.add_argument("--share", type=float, default=1.0, help="of 1 TB, 10^10 records, 10^8 tokens (%(default)s)")
    parser.add_argument("--files", type=int, nargs="+", default=FILES, help="input files (%(default)s)")
    parser.add_argument("--write", action="store_true", help="replace the section of benchmarks/README.md")
    options = parser.parse_args(arguments)
    text = result_text(options.share, rows_of(options.files, options.share), reads_of(options.share))
    print(text)
    if options.write:
        write_section("scale", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
