"""1 TB on paper: the plan at a tiny share, and what is read by how shards are read."""

import pytest
import scale
import shuffle_plan

from pipeline.sharding.gathering import sets_of
from pipeline.sharding.shards import shard_tasks
from schemas.formats.blocks import BLOCK_BYTES


def test_all_steps_at_a_tiny_size() -> None:
    share = 0.0001
    rows = [scale.measured(name, 7, share) for name in (*scale._OF_FILES, *scale._OF_ALL)]
    text = scale.result_text(share, rows, scale.reads_of(share))
    assert "| graph and blocks, 7 files |" in text
    assert "14 blocks of 14 pieces" in text
    assert "1 shares; one holds 1,000,000 ids, of which 1 is found again" in text
    assert "each shard of every segment" in text
    assert "gathered in" not in text


def test_one_bucket_of_each_split_is_hot() -> None:
    sizes = scale.group_bytes(1)
    assert sizes["train", 0] == pytest.approx(0.81 * scale.RECORDS * scale.ENCODED_RECORD)
    assert sum(sizes.values()) == pytest.approx(scale.RECORDS * scale.ENCODED_RECORD)


def test_reads_that_grow_with_the_square_of_the_input_no_longer_do() -> None:
    before, after = scale.reads_of(1).values()
    assert before.requests > 10**9
    assert before.shard_bytes < 2_000
    assert after.requests < before.requests / 50
    assert after.bytes < before.bytes / 10
    assert after.shard_bytes > 100_000
    assert after.sources == sets_of(scale.TOTAL_BYTES, BLOCK_BYTES)


def test_every_request_is_counted() -> None:
    sizes = {("test", 0): 10 << 20, ("train", 0): 100 << 20}
    tasks = shard_tasks(sizes, 50 << 20)
    assert len(tasks) == 3
    # Of each of four segments an index and five parts of 2 MiB for one shard, and 25 parts for two.
    direct = shuffle_plan.direct(sizes, tasks, 4, 1 << 10)
    assert direct.requests == 4 * (1 + 5) + 2 * 4 * (1 + 25)
    # Two sets of two segments, each read in one part, and its index in one chunk for 10 MiB and seven for 100.
    gathered = shuffle_plan.gathered(sizes, tasks, 4, 2, 1 << 10)
    assert gathered.shard_requests == 2 * (2 + 19)
    assert gathered.requests == 4 * (1 + 1) + 4 * (1 + 7) + 3 * gathered.shard_requests
