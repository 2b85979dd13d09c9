from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.analysis import Analysis, BlockSummary
from pipeline.analysis import EventCounts as EventsFound
from pipeline.job import Job
from pipeline.publish import add_late_rejects, check_totals, judge_rejected, sweep
from pipeline.split_facts import SplitFacts, WrittenFacts
from schemas.errors import DataError
from schemas.formats.rejected import Rejected
from schemas.manifest_pb2 import Counts, EventCounts, Manifest, Shard, SplitStatistics, Vocabulary
from tests.pipeline.helpers import tree

DIGEST = "0123456789ab"


def manifest() -> Manifest:
    return Manifest(
        counts=Counts(read=5, kept=3, rejected={"wrong_type": 1}, dropped={"empty text": 1}),
        statistics={"train": SplitStatistics(records=3)},
        shards=[
            Shard(split="train", bucket=0, index=0, bytes=10, records=1),
            Shard(split="train", bucket=0, index=1, bytes=5, records=2),
        ],
    )


def facts() -> WrittenFacts:
    return WrittenFacts(splits={"train": SplitFacts(records=3)}, bytes=Counter({("train", 0): 15}))


def refusal(of: Manifest) -> str:
    with pytest.raises(DataError) as caught:
        check_totals(of, facts())
    return str(caught.value)


def test_totals_that_fit() -> None:
    check_totals(manifest(), facts())


def test_a_record_that_is_lost() -> None:
    wrong = manifest()
    wrong.counts.kept = 2
    assert refusal(wrong) == "5 records were read, 4 are accounted for; this is an error of the runner"


def test_an_event_that_is_lost() -> None:
    wrong = manifest()
    wrong.counts.events.CopyFrom(
        EventCounts(read=9, kept=5, rejected={"wrong_type": 1}, dropped={"duplicate event": 2})
    )
    assert refusal(wrong) == "9 events were read, 8 are accounted for; this is an error of the runner"
    wrong.counts.events.kept = 6
    check_totals(wrong, facts())


def test_a_shard_that_is_lost_or_written_twice() -> None:
    text = "split train, bucket 0: shards do not hold all that was encoded"
    lost, twice = manifest(), manifest()
    del lost.shards[1]
    twice.shards.append(twice.shards[0])
    assert (refusal(lost), refusal(twice)) == (text, text)


def test_a_shard_that_says_other_records() -> None:
    wrong = manifest()
    wrong.shards[0].records = 2
    assert refusal(wrong) == "split train: 3 records were encoded, 4 are in its shards"


def test_late_rejects_are_added_to_neither_side() -> None:
    """Both are shared by all that use them as a side input."""
    early, late = (Rejected("a", 0, 1, reason, "", "") for reason in ("wrong_type", "unknown_label"))
    analysis = Analysis(
        blocks={0: BlockSummary((4, 5), (4, 5), (b"", b""))},
        rejected=Counter(wrong_type=1),
        offenders={"wrong_type": [(0, early)]},
    )
    written = WrittenFacts(rejected=Counter(unknown_label=2), offenders={"unknown_label": [(0, late)]})
    for _ in range(2):
        both = add_late_rejects(analysis, written)
        assert both.rejected == Counter(unknown_label=2, wrong_type=1)
        assert both.offenders == {"wrong_type": [(0, early)], "unknown_label": [(0, late)]}
        assert both.read == 9
    assert analysis.rejected == Counter(wrong_type=1)
    assert written.rejected == Counter(unknown_label=2)
    assert list(written.offenders) == ["unknown_label"]
    grouped = add_late_rejects(replace(analysis, events=EventsFound(records=4)), written)
    assert (grouped.read, grouped.found) == (4, 9)


def test_no_rejected_record_leaves_no_file(tmp_path: Path) -> None:
    job = Job(b"", (), {}, output=str(tmp_path), run="run", block_bytes=1)
    judge_rejected(job, Analysis())
    assert tree(tmp_path) == set()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = [
        f"train/bucket-00-shard-00000-of-00001-{DIGEST}.tfrecord",
        f"train/bucket-00-shard-00000-of-00001-{DIGEST}.index",
        f"old/bucket-00-shard-00000-of-00001-{DIGEST}.tfrecord",
        f"vocabulary/text-{DIGEST}.txt",
        f"vocabulary/old-name-{DIGEST}.txt",
        "vocabulary/text.txt",
        "vocabulary/old-name.txt",
        f"rejected/rejected-{DIGEST}.jsonl",
        "vocabulary/my-notes.txt",
        "vocabulary/notes.txt",
        "train/mine.tfrecord",
        "rejected/mine.jsonl",
        "failed/run/rejected.jsonl",
        "manifest.json",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


MINE = {
    "vocabulary/my-notes.txt",
    "vocabulary/notes.txt",
    "train/mine.tfrecord",
    "rejected/mine.jsonl",
    "failed/run/rejected.jsonl",
    "manifest.json",
}


def test_what_no_manifest_names_is_swept(folder: Path) -> None:
    shard = f"train/bucket-00-shard-00000-of-00001-{DIGEST}"
    named = Manifest(
        shards=[Shard(path=f"{shard}.tfrecord", index_path=f"{shard}.index")],
        vocabularies={"text": Vocabulary(path=f"vocabulary/text-{DIGEST}.txt")},
    )
    sweep(str(folder), named)
    kept = {f"{shard}.tfrecord", f"{shard}.index", f"vocabulary/text-{DIGEST}.txt", "vocabulary/text.txt"}
    assert tree(folder) == MINE | kept


def test_without_a_manifest_all_that_was_written_is_swept(folder: Path) -> None:
    sweep(str(folder), None)
    assert tree(folder) == MINE
    sweep(str(folder), None)
    assert tree(folder) == MINE


def test_sweeping_where_there_is_nothing(tmp_path: Path) -> None:
    sweep(str(tmp_path / "none"), None)
    assert tree(tmp_path) == set()
