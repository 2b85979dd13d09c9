"""How often each token occurs in all blocks: a few tasks, each of which sees its part of the tokens whole.

What a task holds at a time is the different tokens of its part, never all of them, and never as
objects of Python; what it leaves is what may come into the vocabulary, in the vocabulary's order.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import apache_beam as beam
import pyarrow.compute as pc

from pipeline.analysis import Analysis
from pipeline.arrow_files import read_table, write_batches
from pipeline.failure import reporting
from pipeline.job import Job
from pipeline.plan import CountingTask, StagedParts, TokenCandidates, plan_counting
from pipeline.spread import Spread
from pipeline.threads import ThreadedDoFn
from pipeline.token_counts import COUNTS, TokenCounts
from pipeline.token_files import read_token_counts, token_columns, vocabulary_limits
from schemas.dataset_pb2 import DatasetSpec
from schemas.vocabulary import ranked


@dataclass(frozen=True)
class CountedTokens:
    """Reference to what one task has counted.

    Attributes:
      name: Of the token sequence, or "label" for classes.
      path: Of an Arrow file of the tokens that may come into the vocabulary, ranked, with their counts.
      tokens: Occurrences of all tokens.
      distinct: Different tokens.
    """

    name: str
    path: str
    tokens: int
    distinct: int


class CountTokens(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of one `Analysis` of all blocks → PCollection of `CountedTokens`."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def expand(self, analysis: beam.PCollection) -> beam.PCollection:
        """Counts once all blocks are staged."""
        tasks = analysis | "Plan counting" >> beam.FlatMap(_numbered_tasks, self._job.threads)
        return tasks | "Spread counting" >> Spread() | "Count" >> beam.ParDo(_Count(self._job))


def _numbered_tasks(analysis: Analysis, threads: int) -> list[tuple[int, CountingTask]]:
    staged = StagedParts.of(analysis.parts, max(analysis.parts, default=-1) + 1)
    return [(task.number, task) for task in plan_counting(analysis.distinct, staged, threads)]


class _Count(ThreadedDoFn):
    def __init__(self, job: Job) -> None:
        super().__init__(job.threads)
        self._job = job

    @reporting
    def work(self, task: CountingTask) -> Iterator[CountedTokens]:
        job = self._job
        candidates = count(task, job.spec, (job.tokens_path(*part) for part in task.staged))
        path = job.counted_path(task.number)
        write_batches(path, COUNTS, candidates.ranked.to_batches())
        yield CountedTokens(task.name, path, candidates.tokens, candidates.distinct)


def count(task: CountingTask, spec: DatasetSpec, paths: Iterable[str]) -> TokenCandidates:
    """Adds up a part of the token counts of blocks.

    Args:
      task: The part.
      spec: A resolved spec.
      paths: Of the token counts of each block.
    """
    column = token_columns(spec).index(task.name)
    counts = TokenCounts()
    for path in paths:
        counts.add(read_token_counts(path, column, task.partitions))
    whole = counts.compact().merged
    best = ranked(whole, *vocabulary_limits(spec, task.name))
    return TokenCandidates(best, pc.sum(whole["count"]).as_py() or 0, whole.num_rows)


def load_candidates(counted: Iterable[CountedTokens]) -> dict[str, TokenCandidates]:
    """Reads what the tasks have left, by name of the column."""
    found: dict[str, TokenCandidates] = {}
    for part in counted:
        candidates = TokenCandidates(read_table(part.path), part.tokens, part.distinct)
        found[part.name] = found[part.name].joined(candidates) if part.name in found else candidates
    return found
