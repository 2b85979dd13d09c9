"""Data by a folder or a range of spans: what is chosen, what is refused, and what happens while spans change."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import DataError, UsageError
from schemas.manifest import MANIFEST_NAME, dump_manifest, load_manifest, seal
from schemas.manifest_pb2 import Bucket, Manifest, Span, Vocabulary
from schemas.spans import folder
from schemas.spans.folder import SpanRange, check_data, explained, folder_of, load_data, shown_names, span_names
from schemas.spans.merging import of_model
from schemas.spec import parse_spec

SPEC = "name: tiny\nsequences: {t: {type: tokens}}"
DAYS = [f"2026-11-{day}" for day in (18, 19, 20)]


def write_span(root: Path, name: str, content: bytes = b"a\nb\n", generation: int = 0, read: int = 1) -> Manifest:
    sha256 = hashlib.sha256(content).hexdigest()
    path = f"vocabulary/t-{sha256[:12]}.txt"
    manifest = Manifest(
        spec=parse_spec(SPEC),
        vocabularies={"t": Vocabulary(path=path, sha256=sha256, size=content.count(b"\n"), oov_buckets=1)},
        buckets=[Bucket(min_length=0)],
        span=Span(name=name, generation=generation),
    )
    manifest.counts.read = read
    file = root / "spans" / name / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    (root / "spans" / name / MANIFEST_NAME).write_bytes(dump_manifest(seal(manifest)))
    return manifest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in DAYS:
        write_span(tmp_path, name)
    return tmp_path


def test_a_root_means_all_of_its_spans(root: Path) -> None:
    assert span_names(load_data(root)) == DAYS
    assert span_names(load_data(str(root))) == DAYS
    assert load_data(root).counts.read == 3


@pytest.mark.parametrize(
    ("limits", "names"),
    [
        ({"last": 2}, DAYS[1:]),
        ({"since": "2026-11-19"}, DAYS[1:]),
        ({"until": "2026-11-19"}, DAYS[:2]),
        ({"since": "2026-11-19", "until": "2026-11-19"}, DAYS[1:2]),
        ({"until": "2026-11-19", "last": 1}, DAYS[1:2]),
    ],
)
def test_a_range_means_some(root: Path, limits: dict[str, object], names: list[str]) -> None:
    merged = load_data(SpanRange(root, **limits))  # type: ignore[arg-type]
    assert span_names(merged) == names
    assert merged.vocabularies["t"].path.startswith(f"spans/{names[-1]}/vocabulary/t-")


def test_a_folder_of_one_data_set_is_read_as_ever(root: Path) -> None:
    of_span = root / "spans" / DAYS[0]
    assert load_data(of_span) == load_manifest(of_span)
    assert load_data(SpanRange(of_span)) == load_manifest(of_span)
    assert folder_of(SpanRange(str(root), last=1)) == folder_of(str(root)) == root
    with pytest.raises(UsageError) as caught:
        load_data(SpanRange(of_span, since="2026-11-19", last=2))
    assert str(caught.value) == (
        f"--since 2026-11-19 --last 2: {of_span} has no spans of which a range could be taken; leave it out, or name "
        "the folder that holds spans/"
    )
    with pytest.raises(DataError, match="holds no data set"):
        load_data(root / "nothing")


def test_a_range_without_spans_says_which_there_are(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_data(SpanRange(root, since="2027-01-01"))
    assert str(caught.value) == (
        f"{root} --since 2027-01-01: no span is in this range; there are 2026-11-18, 2026-11-19, 2026-11-20; choose "
        "another range"
    )
    empty = tmp_path / "empty"
    (empty / "spans" / "2026-11-20").mkdir(parents=True)  # a span exists where its manifest does
    with pytest.raises(DataError) as caught:
        load_data(empty)
    assert (
        str(caught.value) == f"{empty}: no span is published there; `python -m pipeline run --span NAME` publishes one"
    )
    assert shown_names(map(str, range(11))) == "0 to 10 (11 spans)"


def test_vocabularies_may_have_grown(root: Path) -> None:
    write_span(root, "2026-11-21", b"a\nb\nc\n", generation=1)
    write_span(root, "2026-11-22", b"a\nb\n")  # by a base of before
    merged = load_data(root)
    assert merged.vocabularies["t"].size == 3
    assert merged.vocabularies["t"].path.startswith("spans/2026-11-21/")


def test_a_vocabulary_that_is_no_beginning_is_refused(root: Path) -> None:
    write_span(root, "2026-11-21", b"a\nx\nc\n", generation=1)
    with pytest.raises(DataError) as caught:
        load_data(root)
    assert str(caught.value) == (
        "spans '2026-11-18' and '2026-11-21': the vocabulary of 't' of the one is no beginning of that of the other; "
        "choose a range that holds only one of the two (since, until, last)"
    )
    assert span_names(load_data(SpanRange(root, until="2026-11-20"))) == DAYS
    next((root / "spans/2026-11-21/vocabulary").iterdir()).unlink()
    with pytest.raises(DataError, match="is missing though the manifest names it"):
        load_data(root)


def test_a_span_that_is_pruned_while_it_is_read_is_no_longer_in_the_range(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prune_then_load(path: Path) -> Manifest:
        shutil.rmtree(root / "spans" / DAYS[1], ignore_errors=True)
        return load_manifest(path)

    monkeypatch.setattr(folder, "load_manifest", prune_then_load)
    assert span_names(load_data(SpanRange(root, last=2))) == [DAYS[0], DAYS[2]]


def test_a_base_that_is_replaced_before_its_vocabulary_is_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = write_span(root, "2026-11-21", b"a\nb\nc\n", generation=1)
    vocabulary = root / "spans/2026-11-21" / newest.vocabularies["t"].path
    looked = folder.begins_with

    def replace_then_look(*of: Any) -> bool:
        if vocabulary.exists():
            write_span(root, "2026-11-21", b"a\nb\nc\nd\n", generation=1)
            vocabulary.unlink()
        return looked(*of)

    monkeypatch.setattr(folder, "begins_with", replace_then_look)
    assert load_data(root).vocabularies["t"].size == 4


def test_a_damaged_span_is_an_error(root: Path) -> None:
    manifest = root / "spans" / DAYS[1] / MANIFEST_NAME
    manifest.write_bytes(manifest.read_bytes()[:-20])
    with pytest.raises(DataError, match=f"{manifest}: is no manifest"):
        load_data(root)
    assert span_names(load_data(SpanRange(root, last=1))) == DAYS[2:]


def test_a_span_in_the_place_of_another_is_an_error(root: Path) -> None:
    (root / "spans" / DAYS[2]).rename(root / "spans" / "2026-11-23")
    with pytest.raises(DataError, match="is the manifest of the span '2026-11-20' and lies where that of '2026-11-23'"):
        load_data(root)


AGAIN = "since it was opened; begin again with what is there now (train: the same command with --fresh)"


def _said(data: Path, manifest: Manifest) -> str:
    with pytest.raises(DataError) as caught, explained(data, manifest):
        raise DataError("a file is missing")
    return str(caught.value)


def test_changes_on_disk_are_told(root: Path) -> None:
    merged = load_data(root)
    assert _said(root, merged) == "a file is missing"
    write_span(root, DAYS[0], read=2)
    shutil.rmtree(root / "spans" / DAYS[2])
    assert _said(root, merged) == (
        f"{root}: the span '2026-11-18' was replaced and the span '2026-11-20' was removed {AGAIN}"
    )


def test_changes_of_one_data_set_are_told(root: Path) -> None:
    alone = root / "spans" / DAYS[0]
    manifest = load_data(alone)
    assert _said(alone, manifest) == "a file is missing"
    write_span(root, DAYS[0], read=2)
    assert _said(alone, manifest) == f"{alone}: the data set was replaced {AGAIN}"
    shutil.rmtree(alone)
    assert _said(alone, manifest) == f"{alone}: the data set was removed {AGAIN}"


def test_what_is_not_there_is_refused_before_manifests_are_read(root: Path) -> None:
    check_data(SpanRange(root, last=2))
    check_data(root / "spans" / DAYS[0])
    with pytest.raises(DataError, match="no span is in this range"):
        check_data(SpanRange(root, since="2027-01-01"))
    with pytest.raises(DataError, match="holds no data set"):
        check_data(root / "nothing")


def test_spans_by_their_names_with_the_vocabularies_of_one_beside_them(root: Path) -> None:
    write_span(root, DAYS[2], b"a\nb\nc\n", generation=1, read=5)
    named = SpanRange(root, names=(DAYS[1], DAYS[0]))
    assert (span_names(load_data(named)), load_data(named).vocabularies["t"].size) == (DAYS[:2], 2)
    merged = load_data(SpanRange(root, names=(DAYS[0],), beside=(DAYS[2], DAYS[0])))
    assert (span_names(merged), merged.counts.read) == (DAYS[:1], 1)
    assert (root / merged.vocabularies["t"].path).read_bytes() == b"a\nb\nc\n"
    assert of_model(merged).vocabularies["t"].path == load_manifest(root / "spans" / DAYS[2]).vocabularies["t"].path
    with pytest.raises(DataError) as error:
        load_data(SpanRange(root, names=(DAYS[0], "2026-11-30")))
    said = "the span 2026-11-30 is not published there; publish it, or leave it out"
    assert str(error.value) == f"{root}: {said}"
    assert str(named) == f"{root} ({DAYS[1]}, {DAYS[0]})"
