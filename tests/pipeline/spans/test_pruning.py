"""Spans listed and removed."""

import fcntl
import json
from pathlib import Path

import pytest

from pipeline import files
from pipeline.spans.published import published_names
from pipeline.watching.known import Published
from schemas.manifest import MANIFEST_NAME
from tests.pipeline.helpers import tree
from tests.pipeline.spans.shelf import RECORDS, Said, Shelf


@pytest.fixture
def shelf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shelf:
    shelf = Shelf(tmp_path, 1, 2, 4)
    assert Said(capsys, shelf.backfill("2026-11-01", "2026-11-04", "--allow_missing")).code == 0
    return shelf


def test_spans_are_listed(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    said = Said(capsys, ["spans", str(shelf.root)])
    first = said.document["spans"][0]
    size = sum(path.stat().st_size for path in shelf.span("2026-11-01").rglob("*") if path.is_file())
    manifest = json.loads((shelf.span("2026-11-01") / MANIFEST_NAME).read_text())
    assert first == {
        "span": "2026-11-01",
        "records": {"train": RECORDS},
        "base": None,
        "generation": 0,
        "extends": False,
        "fingerprint": manifest["fingerprint"],
        "drift": {},
        "bytes": size,
    }
    assert said.document["gaps"] == [{"since": "2026-11-03", "until": "2026-11-03", "periods": 1}]
    assert said.document["totals"]["records"] == {"train": 3 * RECORDS}
    assert [line.split()[:2] for line in said.lines] == [
        ["span", "base"],
        ["2026-11-01", "(plans"],
        ["2026-11-02", "2026-11-01"],
        ["2026-11-03", "missing"],
        ["2026-11-04", "2026-11-01"],
    ]
    some = Said(capsys, ["spans", str(shelf.root), "--since", "2026-11-02", "--last", "1"]).document
    assert [span["span"] for span in some["spans"]] == ["2026-11-04"]


def test_old_spans_are_removed(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    size = sum(path.stat().st_size for path in shelf.span("2026-11-02").rglob("*") if path.is_file())
    before = tree(shelf.root)
    (shelf.span("2026-11-02") / "notes.txt").write_text("mine")
    arguments = ["prune", str(shelf.root), "--keep", "1"]
    shown = Said(capsys, [*arguments, "--dry_run"])
    assert shown.document["removed"][0]["bytes"] == size
    assert tree(shelf.root) - before == {"spans/2026-11-02/notes.txt"}
    said = Said(capsys, arguments)
    assert said.code == 0
    assert said.document == {**shown.document, "dry_run": False}
    assert said.lines == [
        "2026-11-01 stays: it is the base of 1 span that stays",
        "2026-11-02: removed, 0.0 MB; notes.txt is left, which is no part of it",
    ]
    assert published_names(str(shelf.root)) == ["2026-11-01", "2026-11-04"]
    assert tree(shelf.span("2026-11-02")) == {"notes.txt"}
    (shelf.span("2026-11-02") / "notes.txt").unlink()
    shelf.span("2026-11-02").rmdir()
    again = Said(capsys, ["prune", str(shelf.root), "--before", "2026-11-04"])
    assert (again.document["removed"], again.document["spans"]) == ([], 2)


def test_a_watch_still_knows_the_files_of_a_removed_span(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    known = Published(str(shelf.root))
    known.refresh()
    (shelf.root / ".watch").mkdir()
    assert Said(capsys, ["prune", str(shelf.root), "--keep", "1"]).code == 0
    later = Published(str(shelf.root))
    later.refresh()
    assert (later.files, later.names) == (known.files, known.names - {"2026-11-02"})
    assert len(known.files) == 3
    kept = [json.loads(line) for line in (shelf.root / ".watch" / "pruned.jsonl").read_text().splitlines()]
    assert [Path(entry["file"]).name for entry in kept] == ["2026-11-02.jsonl"]


def test_a_span_goes_at_once_with_its_manifest(
    shelf: Shelf, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    delete, seen = files.delete, list[list[str]]()

    def killed(paths: list[str]) -> None:
        seen.append([*paths])
        delete(paths)
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.files.delete", killed)
    assert Said(capsys, ["prune", str(shelf.root), "--keep", "1"]).code == 130
    assert seen == [[str(shelf.span("2026-11-02") / MANIFEST_NAME)]]
    assert published_names(str(shelf.root)) == ["2026-11-01", "2026-11-04"]


def test_refusals(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    root, before = str(shelf.root), tree(shelf.root)
    usage = f"error: prune {root}: say which spans are to go, with either --keep N or --before DATE"
    for more in ([], ["--keep", "1", "--before", "2026-11-04"]):
        said = Said(capsys, ["prune", root, *more])
        assert (said.code, said.lines) == (2, [usage])
    nothing = Said(capsys, ["prune", str(shelf.folder / "none"), "--keep", "1"])
    assert (nothing.code, nothing.lines) == (
        1,
        [f"error: {shelf.folder}/none: holds no published span (no spans/NAME/manifest.json); check the path"],
    )
    assert not (shelf.folder / "none").exists()
    assert tree(shelf.root) == before


def test_a_span_that_a_run_writes_to(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(shelf.root)
    with (shelf.span("2026-11-02") / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = Said(capsys, ["prune", str(shelf.root), "--keep", "1"])
    assert (said.code, said.out) == (75, "")
    assert said.lines[-1] == (f"error: {shelf.span('2026-11-02')}: another run writes there; wait for it, or stop it")
    assert tree(shelf.root) - before == {"spans/2026-11-02/.lock"}


def test_a_link_is_not_followed(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = shelf.span("2026-11-02").rename(shelf.folder / "elsewhere")
    shelf.span("2026-11-02").symlink_to(elsewhere)
    before = tree(elsewhere)
    said = Said(capsys, ["prune", str(shelf.root), "--keep", "1"])
    assert said.code == 2
    assert said.lines[-1] == (
        f"error: {shelf.span('2026-11-02')}: is a link, and what it leads to is not deleted; remove the link first"
    )
    assert tree(elsewhere) == before
