"""What `clean` deletes, and what it never does."""

import errno
import fcntl
import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.cli import main
from pipeline.guards.locks import holding
from pipeline.upkeep.clean import clean
from pipeline.verify import verify
from schemas.errors import UsageError
from tests.pipeline.helpers import REVIEW_SPEC, prepare, published_tree, quiet, review_records, tree, write_jsonl

RUN = "20261120T030012-abcdef"
LEFT = [
    f".staging/{'0' * 16}/blocks/block-0000000-00000-7.arrow",
    f".staging/{RUN}/probe",
    f"failed/{RUN}/error.json",
    f"failed/{RUN}/traceback.txt",
    "train/bucket-00-shard-00000-of-00001-0123456789ab.tfrecord",
    "train/bucket-00-shard-00000-of-00001-0123456789ab.index",
    "train/bucket-00-shard-00000-of-00001-0123456789ab.index.0123456789ab.tmp",
    "vocabulary/words-0123456789ab.txt",
    "vocabulary/words.txt",
    "statistics/statistics-0123456789ab.json",
    "rejected/rejected-0123456789ab.jsonl",
    "manifest.json.0123456789ab.tmp",
    "spec.yaml.0123456789ab.tmp",
]
MINE = [
    ".staging/notes.txt",
    "failed/notes.txt",
    "notes.tmp",
    "notes.0123456789ab.tmp",
    "train/notes-0123456789ab.txt",
    "vocabulary/mine.txt",
    "vocabulary/mine.txt.bak",
    "manifest.json.tmp",
]


def put(folder: Path, names: list[str]) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("four")


def data_set(folder: Path, tmp_path: Path) -> set[str]:
    manifest = prepare(REVIEW_SPEC, write_jsonl(tmp_path / "in.jsonl", review_records(40)), folder)
    return published_tree(manifest)


def test_a_data_set_keeps_what_is_named_and_what_is_not_ours(tmp_path: Path) -> None:
    kept = data_set(tmp_path / "data", tmp_path)
    put(tmp_path / "data", LEFT + MINE)
    would = clean(str(tmp_path / "data"), quiet(), dry_run=True)
    assert tree(tmp_path / "data") == kept | {*LEFT, *MINE}
    done = clean(f"{tmp_path}/data/", quiet())
    assert done == would
    assert {str(Path(path).relative_to(tmp_path / "data")) for path in done.removed} == set(LEFT)
    assert done.bytes == 4 * len(LEFT)
    assert {str(Path(path).relative_to(tmp_path / "data")) for path in done.not_ours} == set(MINE)
    assert tree(tmp_path / "data") == kept | set(MINE)
    assert verify(str(tmp_path / "data"))["problems"] == []
    assert clean(str(tmp_path / "data"), quiet()).removed == []


def test_spans_without_a_manifest_go(tmp_path: Path) -> None:
    root = tmp_path / "root"
    kept = data_set(root / "spans/2026-11-19", tmp_path)
    put(root / "spans/2026-11-19", LEFT)
    put(root / "spans/2026-11-20", LEFT)
    put(root / "spans/2026-11-21", [*LEFT, "spec.yaml"])
    put(root, ["report.html"])
    (root / "spans/2026-11-22").mkdir()
    done = clean(str(root), quiet())
    assert len(done.removed) == 3 * len(LEFT)
    assert done.not_ours == [f"{root}/spans/2026-11-21/spec.yaml"]
    expected = {f"spans/2026-11-19/{name}" for name in kept} | {"spans/2026-11-21/spec.yaml", "report.html"}
    assert tree(root) == expected


def test_what_a_stream_knows_stays(tmp_path: Path) -> None:
    """Its closings say what each window holds, and a window may wait there for its span."""
    name = "2026-11-20T0640"
    mine = [".stream/ledger.json", f".stream/closings/{name}.json", f".stream/windows/{name}/a.jsonl"]
    mine += [f"too_late/{name}-too-late-1.jsonl"]
    put(tmp_path, [*mine, "too_late/notes.txt"])
    put(tmp_path / f"spans/{name}", LEFT)  # of a process that was killed
    done = clean(str(tmp_path), quiet())
    assert len(done.removed) == len(LEFT)
    assert done.not_ours == [f"{tmp_path}/too_late/notes.txt"]
    assert tree(tmp_path) >= {*mine, "too_late/notes.txt"}


def test_predictions_keep_what_their_result_names(tmp_path: Path) -> None:
    names = [f"predictions-{i:05d}-of-00002-0123456789ab.jsonl" for i in range(2)]
    put(tmp_path, names)
    result = {"format_version": 1, "files": [{"path": names[0]}], "rejected_files": []}
    (tmp_path / "predictions.json").write_text(json.dumps(result))
    assert clean(str(tmp_path), quiet()).removed == [f"{tmp_path}/{names[1]}"]
    assert tree(tmp_path) == {names[0], "predictions.json"}


def test_links_are_not_followed(tmp_path: Path) -> None:
    kept = data_set(tmp_path / "data", tmp_path)
    put(tmp_path / "elsewhere", LEFT)
    (tmp_path / "data/other").symlink_to(tmp_path / "elsewhere/train")
    with pytest.raises(UsageError, match="is a link to"):
        clean(str(tmp_path / "data"), quiet())
    assert tree(tmp_path / "elsewhere") == set(LEFT)
    (tmp_path / "data/other").unlink()
    assert tree(tmp_path / "data") == kept


@pytest.mark.parametrize("name", ["there", "missing"])
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, name: str) -> None:
    put(tmp_path / "there", ["notes.txt", "train/bucket-00-shard-00000-of-00001-0123456789ab.tfrecord"])
    before = tree(tmp_path)
    message = "holds no data set" if name == "there" else "is no folder; name that of a data set"
    with pytest.raises(UsageError, match=f"^{re.escape(str(tmp_path / name))}: {message}"):
        clean(str(tmp_path / name), quiet())
    assert tree(tmp_path) == before


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "data", [LEFT[0], MINE[0]])
    assert main(["clean", str(tmp_path / "data"), "--dry_run"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "folder": str(tmp_path / "data"),
        "dry_run": True,
        "files": 1,
        "bytes": 4,
        "removed": [str(tmp_path / "data" / LEFT[0])],
        "not_ours": [str(tmp_path / "data" / MINE[0])],
    }
    assert err.splitlines() == [
        f"{tmp_path}/data/.staging/notes.txt: not ours; left where it is",
        "would delete 1 file(s), 0.0 MB",
    ]


def test_a_run_at_work_is_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import threading

    put(tmp_path / "data", [LEFT[0]])
    codes: list[int] = []
    with holding(str(tmp_path / "data"), "run", Console(file=io.StringIO())):
        thread = threading.Thread(target=lambda: codes.append(main(["clean", str(tmp_path / "data")])))
        thread.start()
        thread.join()
    assert codes == [75]
    assert "another run writes there: pid " in capsys.readouterr().err
    assert tree(tmp_path / "data") == {LEFT[0]}


def test_without_locks_nothing_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run may be at work there."""

    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    put(tmp_path, LEFT)
    with pytest.raises(UsageError) as caught:
        clean(str(tmp_path), quiet())
    assert str(caught.value) == (
        f"{tmp_path}: its filesystem has no locks, so that a run may be at work there; say --dry_run to see what "
        "would be deleted, and --unlocked to delete it when none is"
    )
    assert tree(tmp_path) == set(LEFT)
    assert len(clean(str(tmp_path), quiet(), dry_run=True).removed) == len(LEFT)
    assert len(clean(str(tmp_path), quiet(), unlocked=True).removed) == len(LEFT)
    assert tree(tmp_path) == set()
