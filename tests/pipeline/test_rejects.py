import json
from pathlib import Path

import pytest

from pipeline.analysis import Analysis, BlockSummary
from pipeline.blocks import InputFile
from pipeline.job import Job
from pipeline.rejects import describe_offenders, gather_rejected
from schemas.formats.reading import Reading
from schemas.formats.rejected import Rejected, dump_rejected


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Blocks 0 and 1 are of file a, block 2 is of file b."""
    inputs = (InputFile("a", 20, ""), InputFile("b", 10, ""))
    return Job(b"", inputs, {}, output=str(tmp_path), run="run", block_bytes=10)


ANALYSIS = Analysis(blocks={i: BlockSummary((lines,), (lines,), (b"",)) for i, lines in enumerate((4, 3, 2))})


def rejected(path: str, offset: int, line: int, reason: str = "wrong_type") -> Rejected:
    """As a worker leaves it: its line counted from 1 within its block."""
    return Rejected(path, offset, line, reason, "a rule", "{}")


def leave(job: Job, block: int, step: str, items: list[Rejected]) -> None:
    path = Path(job.rejected_path(block, step))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dump_rejected(items))


def test_rejected_records_of_all_steps_in_the_order_of_the_files(job: Job) -> None:
    leave(job, 2, "stage", [rejected("b", 5, 2), rejected("b", 0, 1)])
    leave(job, 1, "encode", [rejected("a", 14, 2, "unknown_label")])
    leave(job, 1, "stage", [rejected("a", 12, 1), rejected("a", 18, 3)])
    rows = [json.loads(line) for line in gather_rejected(job, ANALYSIS).splitlines()]
    assert [(row["file"], row["offset"], row["line"]) for row in rows] == [
        ("a", 12, 5),
        ("a", 14, 6),
        ("a", 18, 7),
        ("b", 0, 1),
        ("b", 5, 2),
    ]
    assert rows[1] == {
        "file": "a",
        "line": 6,
        "offset": 14,
        "reason": "unknown_label",
        "rule": "a rule",
        "excerpt": "{}",
    }


def test_no_rejected_record(job: Job) -> None:
    assert gather_rejected(job, ANALYSIS) == b""
    assert describe_offenders(job, ANALYSIS) == []


def test_the_first_offenders_of_the_most_frequent_reason_come_first(job: Job) -> None:
    analysis = Analysis(blocks=ANALYSIS.blocks)
    analysis.reject(2, [rejected("b", 0, 1)])
    analysis.reject(1, [rejected("a", 10 + i, i + 1, "invalid_json") for i in range(3)])
    analysis.reject(0, [rejected("a", 3, 4, "invalid_json")])
    assert describe_offenders(job, analysis) == [
        "a, line 4 (byte 3): invalid_json: a rule; received {}",
        "a, line 5 (byte 10): invalid_json: a rule; received {}",
        "a, line 6 (byte 11): invalid_json: a rule; received {}",
        "b, line 1 (byte 0): wrong_type: a rule; received {}",
    ]


def test_offenders_stand_where_their_format_says(tmp_path: Path) -> None:
    inputs = (InputFile("a", 20, "", Reading("parquet")), InputFile("b", 10, "", Reading("avro")))
    job = Job(b"", inputs, {}, output=str(tmp_path), run="run", block_bytes=20)
    counts = Analysis(blocks={i: BlockSummary((4,), (4,), (b"",)) for i in range(2)})
    counts.reject(0, [rejected("a", 2, 3)])
    counts.reject(1, [rejected("b", 100, 2)])
    assert [line.split(":")[0] for line in describe_offenders(job, counts)] == ["a, row 3", "b, record 2 (byte 100)"]
