"""All spans of a folder checked, and that they fit each other."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.spans.verifying import verify_spans
from schemas.manifest import dump_manifest, load_manifest, seal
from schemas.manifest_pb2 import Manifest
from tests.pipeline.helpers import review_records
from tests.pipeline.spans.shelf import RECORDS, Said, Shelf

REMEDY = "write the span again with --replace"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two spans, one that extends their vocabulary, and one that takes from this."""
    from pipeline.cli import main

    shelf = Shelf(tmp_path_factory.mktemp("sound"), 1, 2, 4)
    shelf.write_day("2026-11-03", [{**record, "text": f"{record['text']} new"} for record in review_records(RECORDS)])
    for day, more in (("01", []), ("02", []), ("03", ["--extend_vocabulary", "9"]), ("04", [])):
        assert main(shelf.run("--span", f"2026-11-{day}", *more)) == 0
    return shelf.root


@pytest.fixture
def root(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "root"))


def problems(root: Path) -> list[str]:
    found: list[str] = verify_spans(str(root))["problems"]
    return found


def change(root: Path, name: str, edit: Callable[[Manifest], object]) -> None:
    """Changes the manifest of a span, and seals it again."""
    folder = root / "spans" / name
    manifest = load_manifest(folder)
    edit(manifest)
    (folder / "manifest.json").write_bytes(dump_manifest(seal(manifest)))
    (folder / "run.json").unlink(missing_ok=True)


def test_sound_spans(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_manifest(root / "spans/2026-11-03").span.extends
    (root / "spans/2026-11-09").mkdir()
    (root / "spans/2026-11-09/left").write_text("")
    for path in (".stream/closings/2026-11-01.json", "too_late/2026-11-01-too-late-1-0123456789ab.jsonl"):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text("")
    said = Said(capsys, ["verify", str(root)])
    assert (said.code, said.lines) == (0, [])
    assert said.document["records"] == 4 * RECORDS
    assert said.document["unnamed"] == ["spans/2026-11-09/left"]
    assert [span["span"] for span in said.document["spans"]] == [f"2026-11-0{day}" for day in range(1, 5)]
    alone = Said(capsys, ["verify", str(root / "spans/2026-11-03")])
    assert (alone.code, alone.document["problems"]) == (0, [])


def test_a_broken_span_is_told_and_the_others_are_checked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = root / "spans/2026-11-01/manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-1])
    (root / "spans/2026-11-02/spec.yaml").write_text("{}")
    said = Said(capsys, ["verify", str(root)])
    spec = root / "spans/2026-11-02/spec.yaml"
    assert said.code == 1
    assert said.lines == [
        f"{manifest}: is no manifest; it is damaged or was not written by this pipeline",
        f"{spec}: does not fit the SHA-256 in run.json; it was changed; the manifest holds the spec as it was",
    ]


def test_a_base_that_was_pruned_is_no_problem(root: Path) -> None:
    shutil.rmtree(root / "spans/2026-11-01")
    assert problems(root) == []


def test_buckets_that_are_not_those_of_the_base(root: Path) -> None:
    change(root, "2026-11-02", lambda manifest: manifest.buckets[-1].ClearField("max_length"))
    change(root, "2026-11-02", lambda manifest: manifest.moments["x"].mean.append(1))
    assert f"2026-11-02: moments differ from those of 2026-11-01, which it says to share; {REMEDY}" in problems(root)


def test_an_extended_vocabulary_that_does_not_begin_as_its_base(root: Path) -> None:
    other = load_manifest(root / "spans/2026-11-03").vocabularies["text"]
    change(root, "2026-11-01", lambda manifest: manifest.vocabularies["text"].CopyFrom(other))
    path = root / "spans/2026-11-03" / other.path
    target = root / "spans/2026-11-01" / other.path
    target.write_bytes(path.read_bytes())
    shutil.copy(target, root / "spans/2026-11-01/vocabulary/text.txt")
    found = problems(root)
    assert f"2026-11-02: vocabularies differ from those of 2026-11-01, which it says to share; {REMEDY}" in found
    assert not any("does not begin" in line for line in found)
    shutil.rmtree(root / "spans/2026-11-02")
    base = load_manifest(root / "spans/2026-11-04")
    change(root, "2026-11-04", lambda manifest: setattr(manifest.span, "extends", True))
    change(root, "2026-11-04", lambda manifest: manifest.vocabularies["text"].CopyFrom(base.classes))
    assert f"2026-11-04: the vocabulary of 'text' does not begin with that of 2026-11-03; {REMEDY}" in problems(root)


def test_a_base_that_takes_from_another_itself(root: Path) -> None:
    change(root, "2026-11-04", lambda manifest: setattr(manifest.span, "base", "2026-11-02"))
    assert f"2026-11-04: its base 2026-11-02 has vocabularies of 2026-11-01 itself; {REMEDY}" in problems(root)
