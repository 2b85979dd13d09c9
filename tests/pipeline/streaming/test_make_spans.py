"""From what was read to published spans, by processes as a stream has them, on the runner with a real watermark."""

import json
from pathlib import Path

from pipeline.spans.request import SpanRequest
from pipeline.streaming.closing.closings import names_in
from pipeline.streaming.closing.publish import publish
from pipeline.streaming.graph import MakeSpans
from schemas.formats.blocks import BLOCK_BYTES
from schemas.spans.folder import load_data
from tests.pipeline.conftest import Written
from tests.pipeline.helpers import prepare, read_dataset, review_records, tree, write_jsonl
from tests.pipeline.streaming.happenings import STREAM_SPEC, at, collect, read, reviews_job

FIRST, LATE, THIRD = "1970-01-01T0000", "1970-01-01T0000-late", "1970-01-01T0020"


def content_of(root: Path) -> dict[str, bytes]:
    """Every file of the spans, and of what came too late."""
    return {name: (root / name).read_bytes() for name in tree(root) if name.startswith(("spans/", "too_late/"))}


def rejected(root: Path) -> list[tuple[str, int, str]]:
    rows = [json.loads(line) for path in sorted(root.rglob("rejected-*.jsonl")) for line in path.open()]
    return [(row["file"], row["offset"], row["reason"]) for row in rows]


def test_every_record_is_in_one_span_or_rejected(tmp_path: Path, reviews: Written) -> None:
    job = reviews_job(tmp_path / "spans", reviews.folder, "--max_rejected", "50%")
    records = review_records(90)
    first, late, third, last = at(records[:50], 9, 1, 5), at(records[50:60], 2), at(records[60:80], 25), at(records, 3)
    broken = [b'{"id": "x", "text"', json.dumps({**records[0], "id": "no-time", "at": "soon"}).encode()]
    happenings = [
        read(job, 100, [*first[:30], *broken]),
        5,  # the rest comes after younger ones, and some is read again
        read(job, 125, [*first[25:30], *broken, *first[30:]]),
        read(job, 7, third[:5], source="kafka:events/1"),
        11,  # over: the first window is published; the second one is empty
        [*read(job, 152, late), *read(job, 110, first[10:15])],
        read(job, 12, third[5:], source="kafka:events/1"),
        21,  # the lateness of the first window is over
        read(job, 162, last[80:]),
        31,
    ]
    collect(job, happenings, MakeSpans(job))
    root = Path(job.root)
    assert sorted(path.name for path in (root / "spans").iterdir()) == [FIRST, LATE, THIRD]
    ids = {name: {stored.id for stored in read_dataset(root / "spans" / name)} for name in (FIRST, LATE, THIRD)}
    assert ids == {
        FIRST: {record["id"] for record in records[:50]},
        LATE: {record["id"] for record in records[50:60]},
        THIRD: {record["id"] for record in records[60:80]},
    }
    assert rejected(root / "spans") == [("kafka:events/0", 130, "invalid_json"), ("kafka:events/0", 131, "wrong_type")]
    [too_late] = (root / "too_late").iterdir()
    assert [json.loads(line)["offset"] for line in too_late.open()] == list(range(162, 172))

    inputs = write_jsonl(tmp_path / "all.jsonl", [*first, *late, *third])
    one = SpanRequest("all", dataset=str(reviews.folder))
    prepare(STREAM_SPEC, inputs, tmp_path / "other", span=one, block_bytes=BLOCK_BYTES)
    assert load_data(root).data_fingerprint == load_data(tmp_path / "other").data_fingerprint

    before = content_of(root)
    for name in names_in(job.closings) - {too_late.stem.rpartition("-")[0]}:
        publish(job, name)
    assert content_of(root) == before
    collect(job, happenings, MakeSpans(job))  # all of it once more, with a ledger that knows it
    assert content_of(root) == before
    assert not (root / ".stream" / "windows").exists()
