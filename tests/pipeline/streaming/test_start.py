"""What a start of a stream takes over from the one before."""

import json
from pathlib import Path

import pytest

from pipeline import files
from pipeline.guards import lease
from pipeline.streaming.closing import closings
from pipeline.streaming.closing.closings import Closing
from pipeline.streaming.job import FOLDER
from pipeline.streaming.start import Begun, begin, end, is_same
from pipeline.streaming.wanted import Wanted
from schemas.errors import DataError, UsageError
from schemas.streams.windows import MINUTE
from tests.pipeline.conftest import Written
from tests.pipeline.helpers import review_records, tree
from tests.pipeline.streaming.happenings import STREAM_SPEC, WINDOW, at, read

FIRST, SECOND = "1970-01-01T0000", "1970-01-01T0010"


@pytest.fixture
def wanted(tmp_path: Path, reviews: Written) -> Wanted:
    (tmp_path / "spec.yaml").write_text(STREAM_SPEC)
    spec = str(tmp_path / "spec.yaml")
    return Wanted(f"{tmp_path}/out/", f"{reviews.folder}/", spec, WINDOW, MINUTE, 1 << 30, ("--no_report",), False)


def close(begun: Begun, name: str, window: int, offset: int) -> str:
    """Closes a window of one record; returns the path of that."""
    job = begun.job
    path = files.join(job.window_folder(name), f"{name}.jsonl")
    files.write(path, b"{}\n")
    relative = path.removeprefix(f"{job.root}/")
    ranges = {"kafka:t/0": [[offset, offset + 1]]}
    closing = Closing(name, closings.WINDOW, window, job.window, (relative,), 1, 3, {})
    assert closings.create(job.closings, closing)
    content = json.loads(files.read(closings.path_of(job.closings, name)))
    files.write(closings.path_of(job.closings, name), json.dumps({**content, "positions": ranges}).encode())
    return path


def test_a_start(wanted: Wanted, reviews: Written) -> None:
    begun = begin(wanted, "folder:one")
    job = begun.job
    assert job.root == wanted.root.rstrip("/")
    spec = f"{job.root}/.stream/spec.yaml"
    assert job.run_options == ("--spec", spec, "--base_dataset", str(reviews.folder), "--no_report")
    assert (begun.pending, begun.ledger.covered, lease.goes_on(job)) == ([], {}, True)


def test_a_stream_that_has_closed_nothing_leaves_nothing(wanted: Wanted) -> None:
    begun = begin(wanted, "folder:one")
    files.write(files.join(begun.job.spool, "a.jsonl"), b"{}\n")
    files.write(begun.job.held_path, b"1")
    files.write(files.join(begun.job.folder, "status", "a.json"), b"{}")
    end(begun)
    assert tree(Path(wanted.root).parent) == {"spec.yaml", "out/.stream"}  # which goes with its lock


def test_windows_that_were_closed_and_not_published_come_first(wanted: Wanted) -> None:
    killed = begin(wanted, "folder:one")
    close(killed, SECOND, WINDOW, 5)
    close(killed, FIRST, 0, 1)
    files.write(files.join(killed.job.window_folder("1970-01-01T0020"), "a.jsonl"), b"{}\n")  # never closed
    files.write(files.join(killed.job.spool, "a.jsonl"), b"{}\n")
    files.write(files.join(killed.job.folder, "stop"), b"")
    unfinished = [f"{killed.job.closings}/{FIRST}.json", f"{killed.job.too_late}/a.jsonl"]
    for path in unfinished:
        files.write(f"{path}.0123456789ab.tmp", b"")
    begun = begin(wanted, "folder:one")
    assert begun.pending == list(begun.job.left) == [FIRST, SECOND]
    assert begun.ledger.covered["kafka:t/0"].tolist() == [[1, 2], [5, 6]]  # what lay in others is read again
    assert begun.job.reached == 2 * WINDOW
    assert not lease.goes_on(killed.job)
    assert not [path for path in tree(Path(begun.job.root)) if path.endswith(".tmp")]
    left = tree(Path(begun.job.folder))
    assert not {name for name in left if name.startswith(("spool/", "windows/1970-01-01T0020", "stop", "status/"))}


def test_what_a_killed_stream_had_read_of_files_is_known(wanted: Wanted) -> None:
    killed = begin(wanted, "folder:one")
    read(killed.job, 4, at(review_records(2), 1), source="/one/a.jsonl")
    begun = begin(wanted, "folder:one")
    assert {path: ranges.tolist() for path, ranges in begun.unclosed.items()} == {"/one/a.jsonl": [[4, 6]]}
    assert not Path(begun.job.spool).parent.exists()
    end(begun)
    assert begin(wanted, "folder:one").unclosed.keys() == {"/one/a.jsonl"}


def test_pruned_spans_do_not_come_back(wanted: Wanted) -> None:
    first = begin(wanted, "folder:one")
    close(first, FIRST, 0, 1)
    files.write(first.job.published_path(FIRST), b"")
    files.delete_folder(files.join(first.job.folder, "windows"))
    end(first)
    for _ in range(2):
        begun = begin(wanted, "folder:one")
        assert begun.pending == []
        assert begun.ledger.names == {FIRST}
        end(begun)
    kept = [f"closings/{FIRST}.json", "ledger.json", f"published/{FIRST}", "source", "spec.yaml"]
    assert sorted(tree(Path(begun.job.folder))) == kept


def test_a_ledger_that_is_deleted_is_made_again_of_the_closings(wanted: Wanted) -> None:
    test_pruned_spans_do_not_come_back(wanted)
    folder = Path(wanted.root, ".stream")
    before = (folder / "ledger.json").read_bytes()
    (folder / "ledger.json").unlink()
    begun = begin(wanted, "folder:one")
    assert begun.pending == []
    assert (folder / "ledger.json").read_bytes() == before


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("kafka:C/t/1", "kafka:C/t/1", True),
        ("kafka:C/t/", "kafka:C/t/1", True),  # no broker said it then, or says it now
        ("kafka:C/t/1", "kafka:C/t/", True),
        ("kafka:C/t/1", "kafka:C/t/2", False),
        ("kafka:C/t/1", "kafka:D/t/", False),
        ("folder:/a/b", "folder:/a/c", False),
        ("folder:/a", "folder:/", False),
    ],
)
def test_identities(one: str, other: str, same: bool) -> None:
    assert is_same(one, other) == same


def test_another_source_is_refused(wanted: Wanted) -> None:
    first = begin(wanted, "kafka:C/events/T1")
    close(first, FIRST, 0, 1)
    end(first)
    with pytest.raises(
        UsageError, match=r"^--source: is kafka:C/events/T2, and what was streamed to .* is of kafka:C/e"
    ):
        begin(wanted, "kafka:C/events/T2")


def test_records_of_a_closed_window_that_are_gone(wanted: Wanted) -> None:
    first = begin(wanted, "folder:one")
    files.delete([close(first, FIRST, 0, 1)])
    with pytest.raises(
        DataError, match=rf"\.stream/windows/{FIRST}/.*: is gone, and the span {FIRST} is not published"
    ):
        begin(wanted, "folder:one")


@pytest.mark.parametrize("name", ["ledger.json", f"closings/{FIRST}.json"])
def test_damaged_notes(wanted: Wanted, name: str) -> None:
    first = begin(wanted, "folder:one")
    close(first, FIRST, 0, 1)
    Path(wanted.root, FOLDER, name).write_text("{")
    with pytest.raises(DataError, match=rf"{name}: is damaged .*; (delete it|restore it)"):
        begin(wanted, "folder:one")


def test_records_of_a_window_that_waits_are_not_given_another_event_time(wanted: Wanted) -> None:
    killed = begin(wanted, "folder:one")
    close(killed, FIRST, 0, 1)
    before = Path(str(wanted.spec)).read_text()
    Path(str(wanted.spec)).write_text(before.replace("from: at", "from: ts"))
    for _ in range(2):  # the first try has changed nothing
        with pytest.raises(UsageError) as raised:
            begin(wanted, "folder:one")
        assert str(raised.value).startswith("--spec: says event_time: {from: ts, format: unix_seconds")
        assert f"when the window {FIRST}, which is not published yet, was closed, it said" in str(raised.value)
    Path(str(wanted.spec)).write_text(before)
    assert begin(wanted, "folder:one").pending == [FIRST]


def test_the_event_time_may_be_another_one_where_no_window_waits(wanted: Wanted) -> None:
    end(begin(wanted, "folder:one"))
    spec = Path(str(wanted.spec))
    spec.write_text(spec.read_text().replace("from: at", "from: ts"))
    assert begin(wanted, "folder:one").pending == []


def test_another_event_time_is_taken_where_only_what_is_published_is_left_over(wanted: Wanted) -> None:
    killed = begin(wanted, "folder:one")
    close(killed, FIRST, 0, 1)
    files.write(f"{killed.job.root}/.stream/published/{FIRST}", b"")
    spec = Path(str(wanted.spec))
    spec.write_text(spec.read_text().replace("from: at", "from: ts"))
    assert begin(wanted, "folder:one").pending == [FIRST]


@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 9])
def test_a_spec_of_the_start_before_that_nobody_can_read_is_written_anew(wanted: Wanted, content: bytes) -> None:
    killed = begin(wanted, "folder:one")
    close(killed, FIRST, 0, 1)
    path = Path(killed.job.folder, "spec.yaml")
    whole = path.read_bytes()
    path.write_bytes(content)
    assert begin(wanted, "folder:one").pending == [FIRST]
    assert path.read_bytes() == whole
