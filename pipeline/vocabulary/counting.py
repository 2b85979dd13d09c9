"""How often each token occurs in all blocks: a few tasks, each of which sees its part of the tokens whole.

What a task holds at a time is the different tokens of its part, never all of them, and never as
objects of Python; what it leaves is what may come into the vocabulary, in the vocabulary's order.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.analysis import Analysis
from pipeline.arrow_files import read_table, write_batches
from pipeline.at_once import at_once
from pipeline.failure import reporting
from pipeline.job import Job
from pipeline.plan import CountingTask, StagedParts, TokenCandidates, plan_counting
from pipeline.spread import Spread
from pipeline.threads import ThreadedDoFn
from pipeline.vocabulary.frequent_tokens import FrequentTokens
from pipeline.vocabulary.given import load_given
from pipeline.vocabulary.rules import vocabulary_rules
from pipeline.vocabulary.token_counts import COUNTS, TokenCounts
from pipeline.vocabulary.token_files import read_token_counts
from schemas.dataset_pb2 import DatasetSpec


@dataclass(frozen=True)
class CountedTokens:
    """Reference to what one task has counted.

    Attributes:
      name: Of the token sequence, or "label" for classes.
      path: Of an Arrow file of the tokens that may come into the vocabulary, ranked, with their counts.
      tokens: Occurrences of all tokens.
      distinct: Different tokens.
      error: What counts may be too small by.
    """

    name: str
    path: str
    tokens: int
    distinct: int
    error: int = 0


class CountTokens(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of one `Analysis` of all blocks → PCollection of `CountedTokens`."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def expand(self, analysis: beam.PCollection) -> beam.PCollection:
        """Counts once all blocks are staged."""
        tasks = analysis | "Plan counting" >> beam.FlatMap(_numbered_tasks, self._job)
        return tasks | "Spread counting" >> Spread() | "Count" >> beam.ParDo(_Count(self._job))


def _numbered_tasks(analysis: Analysis, job: Job) -> list[tuple[int, CountingTask]]:
    staged = StagedParts.of(analysis.parts, max(analysis.parts, default=-1) + 1)
    return [(task.number, task) for task in plan_counting(analysis.distinct, staged, job.threads, summarised(job.spec))]


class _Count(ThreadedDoFn):
    def __init__(self, job: Job) -> None:
        super().__init__(job.threads)
        self._job = job

    @reporting
    def work(self, task: CountingTask) -> Iterator[CountedTokens]:
        job = self._job
        paths = (job.tokens_path(*part) for part in task.staged)
        candidates = count(task, job.spec, paths, load_given(job), job.span.extend if job.span else 0)
        path = job.counted_path(task.number)
        write_batches(path, COUNTS, candidates.ranked.to_batches())
        yield CountedTokens(task.name, path, candidates.tokens, candidates.distinct, candidates.error)


def summarised(spec: DatasetSpec) -> frozenset[str]:
    """Returns the vocabularies whose counts are approximate; one task counts each of these, in the order of blocks."""
    return frozenset(name for name, rule in vocabulary_rules(spec).items() if rule.counters)


def count(
    task: CountingTask,
    spec: DatasetSpec,
    paths: Iterable[str],
    given: Mapping[str, pa.StringArray] | None = None,
    more: int = 0,
) -> TokenCandidates:
    """Adds up a part of the token counts of blocks.

    Args:
      task: The part.
      spec: A resolved spec.
      paths: Of the token counts of each block, in order.
      given: Entries of the vocabularies that files or the base of a span state, by name.
      more: Most entries added to each of these; see `vocabulary_rules`.
    """
    rules = vocabulary_rules(spec, more)
    rule, column = rules[task.name], list(rules).index(task.name)
    names = list(paths)
    read = partial(read_token_counts, column=column, partitions=task.partitions)
    tables = at_once(read, names, names[0]) if names else ()
    counted = _approximately(tables, rule.counters) if rule.counters else _exactly(tables)
    return replace(counted, ranked=rule.candidates(counted.ranked, (given or {}).get(task.name)))


def _exactly(tables: Iterable[pa.Table]) -> TokenCandidates:
    counts = TokenCounts()
    for table in tables:
        counts.add(table)
    whole = counts.compact().merged
    return TokenCandidates(whole, pc.sum(whole["count"]).as_py() or 0, whole.num_rows)


def _approximately(tables: Iterable[pa.Table], counters: int) -> TokenCandidates:
    counts = FrequentTokens(counters)
    for table in tables:
        counts.add(table)
    return TokenCandidates(counts.counts, counts.total, counts.counts.num_rows, counts.error)


def load_candidates(counted: Iterable[CountedTokens]) -> dict[str, TokenCandidates]:
    """Reads what the tasks have left, by name of the column."""
    found: dict[str, TokenCandidates] = {}
    for part in counted:
        candidates = TokenCandidates(read_table(part.path), part.tokens, part.distinct, part.error)
        found[part.name] = found[part.name].joined(candidates) if part.name in found else candidates
    return found
