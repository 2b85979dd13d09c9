"""Whatever happens to those who close windows: every record is in one closing, once, and the files say the same."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pytest

from pipeline import files
from pipeline.arrow_files import read_table
from pipeline.guards import lease
from pipeline.origins import SUFFIX
from pipeline.streaming.closing import closings
from pipeline.streaming.closing.closer import Closer
from pipeline.streaming.closing.closings import KINDS, LATE, TOO_LATE, WINDOW, Closing
from pipeline.streaming.closing.due import Held
from pipeline.streaming.closing.gather import new_lines
from pipeline.streaming.job import StreamJob
from schemas.errors import DataError
from schemas.streams.positions import union
from schemas.streams.windows import MINUTE, late_name, window_name
from schemas.times import FIRST_MICROS, LAST_MICROS
from tests.pipeline.streaming.happenings import WINDOW as LENGTH
from tests.pipeline.streaming.happenings import closed, offsets_of, spooled, stream_job
from tests.pipeline.streaming.simulated import FOREVER, Topic, Worker, live

SOURCES = ("kafka:t/0", "/in/b c.jsonl")
START = -2 * LENGTH  # windows before 1970 too


def topic_of(random: Random, count: int) -> Topic:
    """Records about in the order of their time; every seventh is the same as others."""
    times = np.array([START + i * 2 * MINUTE + random.randint(-15, 15) * MINUTE for i in range(count)], np.int64)
    return Topic([b"null" if i % 7 == 0 else b"%d" % i for i in range(count)], times)


def lines_of(job: StreamJob, closing: Closing) -> list[tuple[str, int, bytes]]:
    """Source, position and text of each record, as the files of a closing say."""
    found = []
    for path in [files.join(job.root, path) for path in closing.files]:
        lines = Path(path).read_bytes().splitlines()
        if closing.kind == TOO_LATE:
            rows = [json.loads(line) for line in lines]
            found += [(row["file"], row["offset"], row["excerpt"].encode()) for row in rows]
        else:
            origins = read_table(path + SUFFIX).to_pylist()
            pairs = zip(origins, lines, strict=True)
            found += [(origin["source"], origin["position"], line) for origin, line in pairs]
    return found


def check_all(job: StreamJob, topics: dict[str, Topic]) -> set[str]:
    """Checks that every record is in one closing; returns the kinds that there are."""
    every = []
    for name, closing in closed(job).items():
        found = lines_of(job, closing)
        assert closing.records == len(found) > 0
        assert closing.bytes == sum(files.size(files.join(job.root, path)) for path in closing.files)
        stated = {(source, i) for source, pairs in closing.positions.items() for pair in pairs for i in range(*pair)}
        assert {(source, position) for source, position, _ in found} == stated
        begins = window_name(closing.window, job.window)
        assert {WINDOW: name == begins, LATE: name.startswith(late_name(begins, 1))}.get(
            closing.kind, "too-late" in name
        )
        for source, position, text in found:
            assert topics[source].texts[position] == text
            assert closing.window <= topics[source].times[position] < closing.window + closing.length
        every += [(source, position) for source, position, _ in found]
    assert sorted(every) == sorted((source, i) for source, topic in topics.items() for i in range(len(topic.texts)))
    return {closing.kind for closing in closed(job).values()}


@pytest.mark.parametrize("part", range(4))
def test_every_record_is_in_one_closing_whatever_happens(tmp_path: Path, part: int) -> None:
    kinds = set()
    for seed in range(part * 10, part * 10 + 10):
        random = Random(seed)
        topics = {source: topic_of(random, random.randint(1, 30)) for source in SOURCES}
        job = stream_job(tmp_path / str(seed), lateness=random.choice([0, 5, 10, 25]) * MINUTE)
        watermarks = [START + i * 5 * MINUTE for i in range(20)]
        worker = Worker(job, topics, dict.fromkeys(topics, 0))
        job = live(worker, random, 60, watermarks).job
        kinds |= check_all(job, topics)
        left = {path.name for path in Path(job.too_late).glob("*")}
        assert left == {Path(path).name for one in closed(job).values() if one.kind == TOO_LATE for path in one.files}
    assert kinds == set(KINDS)


def test_who_comes_second_leaves_the_files_of_the_first(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    records = spooled(job, 0, [1, 2, 3])
    first, second = Closer(job), Closer(job)
    plan = second._plan("1970-01-01T0000", WINDOW, 0, new_lines(records, {}))
    first.close([Held(ref, WINDOW) for ref in records], LENGTH, 0)
    assert plan is not None
    second._delete_needless(plan)
    assert offsets_of(job, "1970-01-01T0000") == [0, 1, 2]


def test_what_another_one_rejects_at_the_same_time_is_not_overwritten(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    first, second = Closer(job), Closer(job)
    plan = second._plan("1970-01-01T0000-too-late-1", TOO_LATE, 0, new_lines(spooled(job, 5, [1, 2]), {}))
    first.close([Held(ref, TOO_LATE) for ref in spooled(job, 0, [1, 2, 3])], 9 * LENGTH, 9 * LENGTH)
    [closing] = closed(job).values()
    assert plan is not None
    second._delete_needless(plan)
    assert [position for _, position, _ in lines_of(job, closing)] == [0, 1, 2]
    assert len(list((tmp_path / "too_late").iterdir())) == 1


def test_what_another_one_has_rejected_is_not_late_here(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    records = spooled(job, 0, [1, 2])
    one, other = Closer(job), Closer(job)
    assert not other.is_closed(0)  # has looked before the first one closes
    one.close([Held(ref, TOO_LATE) for ref in records], 9 * LENGTH, 9 * LENGTH)
    again = spooled(job, 0, [1, 2])
    other.close([Held(ref, WINDOW) for ref in again], LENGTH, 0)
    assert [closing.kind for closing in closed(job).values()] == [TOO_LATE]


def test_records_of_the_first_and_the_last_day_of_all(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    records = [*spooled(job, 0, [FIRST_MICROS / MINUTE, 1]), *spooled(job, 2, [LAST_MICROS // MINUTE])]
    closer = Closer(job)
    held = [closer.hold(ref, 0, list) for ref in records]
    assert closer.close(held, FOREVER, 0)[1] == []
    assert {name: offsets_of(job, name) for name in closed(job) if "late" not in name} == {
        "1970-01-01T0000": [1],
        "9999-12-31T2350": [2],
    }
    assert closed(job)["0001-01-01T0000-too-late-1"].records == 1


def test_files_are_deleted_once_nobody_needs_them(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    records = [Held(ref, WINDOW) for ref in spooled(job, 0, [1, 2, 12])]
    _, rest = Closer(job).close(records, LENGTH, 0)
    assert [one.ref.window for one in rest] == [LENGTH]
    assert {path.name for path in Path(job.spool).iterdir()} == {
        Path(rest[0].ref.path + end).name for end in ("", SUFFIX)
    }
    assert Closer(job).close(records, LENGTH, 0)[1] == rest  # set back to an older state


@pytest.mark.parametrize(
    ("most", "size", "said"),
    [
        (20 << 10, 123_456, "holds 123.5 kB of records before it is over, and --window_bytes allows 20.5 kB"),
        (1 << 30, 1_120_000_000, "holds 1,120,000,000 bytes of records before it is over, and --window_bytes allows"),
        (1 << 30, 3_000_000_000, "holds 3.0 GB of records before it is over, and --window_bytes allows 1.1 GB"),
    ],
)
def test_figures_of_a_window_that_holds_too_much_differ(tmp_path: Path, most: int, size: int, said: str) -> None:
    with pytest.raises(DataError) as raised:
        Closer(stream_job(tmp_path, window_bytes=most)).check_size("holds", size)
    assert str(raised.value).startswith(said)


def test_who_is_not_meant_to_go_on_closes_nothing(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    records = [Held(ref, WINDOW) for ref in spooled(job, 0, [1])]
    lease.end(job)
    with pytest.raises(DataError, match="run one is over"):
        Closer(job).close(records, LENGTH, 0)
    assert closings.names_in(job.closings) == set()


def test_positions_of_closings_never_overlap(tmp_path: Path) -> None:
    job = stream_job(tmp_path)
    held = [Held(ref, WINDOW) for ref in [*spooled(job, 0, [1, 12, 2, 13]), *spooled(job, 1, [12, 2, 13, 14])]]
    Closer(job).close(held, 2 * LENGTH, 0)
    ranges = [closing.positions["kafka:events/0"] for closing in closed(job).values()]
    assert union(ranges).tolist() == [[0, 5]]
    assert sum(int((found[:, 1] - found[:, 0]).sum()) for found in ranges) == 5
