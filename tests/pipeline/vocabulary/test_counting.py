"""Tokens of all blocks, counted in any number of parts."""

import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.job import Job
from pipeline.plan import CountingTask, StagedParts, plan_counting
from pipeline.vocabulary.counting import CountedTokens, _Count, load_candidates
from pipeline.vocabulary.token_files import PARTITIONS, write_token_counts
from tests.pipeline.helpers import counted, make_job, write_jsonl

SPEC = "sequences: {text: {type: tokens, vocabulary: {top_k: 4, min_frequency: 2}}}\nlabel: {type: class}"
words = st.lists(st.text("abß\n\0 東", max_size=2), max_size=20)


def stage_counts(job: Job, blocks: list[tuple[list[str], list[str]]]) -> Counter[str]:
    """Writes the token counts of blocks; returns their different tokens, added up."""
    distinct: Counter[str] = Counter()
    for i, (text, label) in enumerate(blocks):
        tables = [counted(text), counted(label)]
        write_token_counts(job.tokens_path(i), tables)
        distinct.update(text=tables[0].num_rows, label=tables[1].num_rows)
    return distinct


def job_of(folder: Path, blocks: int) -> Job:
    source = write_jsonl(folder / "in.jsonl", [{"text": [], "label": "x"}] * blocks)
    size = Path(source).stat().st_size // blocks
    return make_job(SPEC, source, folder / "out", block_bytes=size)


def run(job: Job, distinct: Counter[str], blocks: int, threads: int) -> list[CountedTokens]:
    counter = _Count(job)
    return [found for task in plan_counting(distinct, StagedParts(blocks), threads) for found in counter.work(task)]


@given(st.lists(st.tuples(words, words), min_size=1, max_size=5), st.integers(1, 9), st.integers(1, 40))
def test_any_blocks_and_any_tasks_count_the_same(
    blocks: list[tuple[list[str], list[str]]], threads: int, most: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch("pipeline.plan._MOST_ROWS", most):
        job = job_of(Path(folder), len(blocks))
        found = load_candidates(run(job, stage_counts(job, blocks), len(blocks), threads))
    for name, column in (("text", 0), ("label", 1)):
        expected = Counter(word for block in blocks for word in block[column])
        assert (found[name].tokens, found[name].distinct) == (expected.total(), len(expected))
        table = found[name].ranked.to_pydict()
        ranked = sorted(expected, key=lambda word: (-expected[word], word.encode()))
        if column == 0:
            ranked = [word for word in ranked if expected[word] >= 2]
            # Each part leaves its best; the best of all are among them, with all that they were counted.
            assert set(ranked[:4]) <= set(table["token"]) <= set(ranked)
        else:
            assert sorted(table["token"]) == sorted(ranked)
        assert table["count"] == [expected[word] for word in table["token"]]


def test_a_part_is_ranked_and_cut(tmp_path: Path) -> None:
    job = job_of(tmp_path, 2)
    distinct = stage_counts(
        job, [(["a", "b", "b", "c", "c", "d", "d", "e", "e", "e", "f", "f"], ["x"]), (["c", "a", "g"], ["y", "x"])]
    )
    text, label = run(job, distinct, 2, threads=1)
    assert (text.name, text.tokens, text.distinct, label.name, label.tokens, label.distinct) == (
        "text",
        15,
        7,
        "label",
        3,
        2,
    )
    found = load_candidates([text, label])
    assert found["text"].ranked.to_pydict() == {"token": ["c", "e", "a", "b"], "count": [3, 3, 2, 2]}
    assert found["label"].ranked.to_pydict() == {"token": ["x", "y"], "count": [2, 1]}


@given(st.dictionaries(st.sampled_from("abc"), st.integers(0, 10**9)), st.integers(1, 64))
def test_every_partition_of_every_column_is_in_one_task(distinct: dict[str, int], threads: int) -> None:
    tasks = plan_counting(distinct, StagedParts(3), threads)
    assert [task.number for task in tasks] == list(range(len(tasks)))
    for name in distinct:
        partitions = [partition for task in tasks if task.name == name for partition in task.partitions]
        assert partitions == list(range(PARTITIONS))
    assert all(len(task.partitions) for task in tasks)


@pytest.mark.parametrize(
    ("rows", "threads", "tasks"),
    [
        (0, 8, 1),
        (250_000, 8, 1),
        (250_001, 8, 2),
        (10**6, 2, 2),
        (10**6, 1, 1),
        (10**6 + 1, 1, 2),
        (9 * 10**6, 1, 9),
        (10**9, 2, 32),
    ],
)
def test_a_large_count_is_shared_out(rows: int, threads: int, tasks: int) -> None:
    assert len(plan_counting({"text": rows}, StagedParts(1), threads)) == tasks


def test_a_task_is_a_part_of_one_column() -> None:
    staged = StagedParts(7)
    assert plan_counting({"text": 2_000_000, "label": 2}, staged, 1) == [
        CountingTask(0, "text", range(16), staged),
        CountingTask(1, "text", range(16, 32), staged),
        CountingTask(2, "label", range(32), staged),
    ]


def test_parts_of_blocks_that_are_staged() -> None:
    assert list(StagedParts.of({0: 1, 2: 3}, 4)) == [(0, 0), (2, 0), (2, 1), (2, 2)]
    assert StagedParts.of(dict.fromkeys(range(5), 1), 5) == StagedParts(5)
