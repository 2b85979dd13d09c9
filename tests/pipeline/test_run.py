"""Runs that fail, replace and reject: what is left on the disk in the end."""

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.inputs import plan_job
from pipeline.run import run
from pipeline.runners.options import beam_options, describe_runner
from pipeline.verify import verify
from schemas.errors import DataError, UsageError
from schemas.manifest import load_manifest
from schemas.spec import parse_spec
from tests.pipeline.conftest import Written
from tests.pipeline.helpers import (
    REVIEW_SPEC,
    failures,
    make_job,
    prepare,
    published_tree,
    quiet,
    read_dataset,
    review_records,
    run_job,
    tree,
    write_jsonl,
)

BAD_LINES = {
    3: (b"not json", "invalid_json"),
    4: (b"", ""),  # blank: no record at all
    20: (b'{"id": "u", "text": "\xff", "stars": 1}', "invalid_utf8"),
    21: (b'{"id": "m", "stars": 1}', "missing_field"),
    50: (b"[1, 2]", "not_an_object"),
    77: (b'{"id": "t", "text": 5, "stars": 1}', "wrong_type"),
    92: (b'{"id": "e", "text": "   ", "stars": 1}', "empty_sequence"),
}
REASONS = {number: reason for number, (_, reason) in BAD_LINES.items() if reason}


def with_bad_lines(folder: Path, name: str = "bad.jsonl", count: int = 100) -> str:
    """A file whose lines of the numbers above are bad and whose others are reviews."""
    good = iter(review_records(count))
    rows = [BAD_LINES[i][0] if i in BAD_LINES else next(good) for i in range(1, count + 1)]
    return write_jsonl(folder / name, rows)


def refused(job: Any, *flags: str, kind: type[Exception] = DataError) -> Any:
    with pytest.raises(kind) as caught:
        run_job(job, *flags)
    return caught.value


def check_offenders(path: Path, source: str) -> None:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    lines = Path(source).read_bytes().split(b"\n")
    assert [(row["line"], row["reason"]) for row in rows] == sorted(REASONS.items())
    for row in rows:
        assert row["file"] == source
        assert row["offset"] == sum(len(line) + 1 for line in lines[: row["line"] - 1])
        assert row["rule"]
    assert rows[0]["excerpt"] == "not json"


@pytest.mark.parametrize("block_bytes", [16, 700, 1 << 20])
def test_rejected_records_fail_the_run_and_are_listed(tmp_path: Path, block_bytes: int) -> None:
    source = with_bad_lines(tmp_path)
    output = tmp_path / "data"
    error = refused(make_job(REVIEW_SPEC, source, output, block_bytes=block_bytes, max_rejected=5))
    [listed, message] = sorted(failures(output), key=lambda path: path.name, reverse=True)
    assert (listed.name, message.name) == ("rejected.jsonl", "error.json")
    check_offenders(listed, source)
    assert str(error).startswith("6 of 99 records rejected (")
    assert f", --max_rejected allows 5; mend the records or the spec, or allow more; first: {source}, line " in str(
        error
    )
    assert str(error).endswith(f"; all: {listed}")
    assert len(error.details) == 6
    assert error.details[0].startswith(f"{source}, line 92 (byte ")
    assert "empty_sequence: 'text' must have one step or more" in error.details[0]
    assert tree(output) == {str(path.relative_to(output)) for path in (listed, message)}


def test_rejected_records_within_the_limit_are_published(tmp_path: Path) -> None:
    source, output = with_bad_lines(tmp_path), tmp_path / "data"
    manifest = prepare(REVIEW_SPEC, source, output, max_rejected=6, block_bytes=100)
    counts = manifest.counts
    assert dict(counts.rejected) == dict.fromkeys(REASONS.values(), 1)
    assert (counts.read, counts.kept) == (99, 93)
    assert len(read_dataset(output)) == 93
    [rejected] = manifest.rejected_files
    assert rejected.records == 6
    assert hashlib.sha256((output / rejected.path).read_bytes()).hexdigest() == rejected.sha256
    check_offenders(output / rejected.path, source)
    assert tree(output) == published_tree(manifest)
    assert verify(str(output))["problems"] == []


def test_a_share_of_rejected_records(tmp_path: Path) -> None:
    source = with_bad_lines(tmp_path)
    assert "allows 6% of the records" in str(refused(make_job(REVIEW_SPEC, source, tmp_path / "a", max_rejected=0.06)))
    manifest = prepare(REVIEW_SPEC, source, tmp_path / "b", max_rejected=0.07)
    assert sum(manifest.counts.rejected.values()) == 6


def test_rejected_records_are_the_same_under_repeated_bundles(tmp_path: Path) -> None:
    source = with_bad_lines(tmp_path)
    once = prepare(REVIEW_SPEC, source, tmp_path / "once", max_rejected=6)
    twice = prepare(REVIEW_SPEC, source, tmp_path / "twice", "--direct_runner_bundle_repeat=2", max_rejected=6)
    assert once == twice


def unknown_labels(folder: Path) -> list[str]:
    row = {"text": "a b"}
    train = [{"id": f"r{i}", "stars": i % 2, **row} for i in range(30)]
    test = [{"id": f"t{i}", "stars": i, **row} for i in range(4)]
    return [
        "train=" + write_jsonl(folder / "train.jsonl", train),
        "test=" + write_jsonl(folder / "test.jsonl", [b"", *test, b"oops"]),
    ]


UNKNOWN_SPEC = "id: id\nsequences: {text: {type: tokens, tokenizer: words}}\nlabel: {from: stars, type: class}"


@pytest.mark.parametrize("limit", [0, 2])
def test_rejected_by_reading_and_by_encoding(tmp_path: Path, limit: int) -> None:
    """The line of `oops` is known before anything is encoded, the labels only afterwards."""
    patterns = unknown_labels(tmp_path)
    job = make_job(UNKNOWN_SPEC, patterns, tmp_path / "data", max_rejected=limit, block_bytes=30)
    error = refused(job)
    rows = [json.loads(line) for line in Path(job.failed, "rejected.jsonl").read_text().splitlines()]
    wanted = [(6, "invalid_json")] if limit == 0 else [(4, "unknown_label"), (5, "unknown_label"), (6, "invalid_json")]
    assert [(row["line"], row["reason"]) for row in rows] == wanted
    assert str(error).startswith(f"{len(wanted)} of 35 records rejected (")
    assert not (tmp_path / "data" / "manifest.json").exists()


def test_records_rejected_by_encoding_are_published_as_such(tmp_path: Path) -> None:
    manifest = prepare(UNKNOWN_SPEC, unknown_labels(tmp_path), tmp_path / "data", max_rejected=3, block_bytes=30)
    assert dict(manifest.counts.rejected) == {"invalid_json": 1, "unknown_label": 2}
    assert (manifest.counts.read, manifest.counts.kept) == (35, 32)
    assert manifest.statistics["test"].records == 2
    rows = [json.loads(line) for line in (tmp_path / "data" / manifest.rejected_files[0].path).read_text().splitlines()]
    assert [(row["line"], row["reason"]) for row in rows] == [
        (4, "unknown_label"),
        (5, "unknown_label"),
        (6, "invalid_json"),
    ]
    assert tree(tmp_path / "data") == published_tree(manifest)


@pytest.mark.parametrize("block_bytes", [25, 80, 1 << 20])
def test_rejected_records_of_files_that_share_a_block(tmp_path: Path, block_bytes: int) -> None:
    """Each has its own file, position and line, and each file its own split."""
    row, new = {"text": "a b", "stars": 0}, {"text": "a", "stars": "new"}
    contents: dict[str, list[Any]] = {
        "00": [],
        "01": [row, b"oops", row],
        "02 test": [new, row, b"", b"{", new],
        "03": [b"\xef\xbb\xbf[1]", row],
        "04 test": [b"\xef\xbb\xbf", new],
        "05": [row, {"text": "a"}],
    }
    patterns = []
    for i, (name, rows) in enumerate(contents.items()):
        path = write_jsonl(tmp_path / f"{name}.jsonl", rows)
        if i % 2:
            Path(path).write_bytes(Path(path).read_bytes().removesuffix(b"\n"))
        patterns.append(("test=" if "test" in name else "train=") + path)
    spec = UNKNOWN_SPEC.replace("id: id\n", "") + "\nsplit: {fractions: {train: 1.0}}"
    manifest = prepare(spec, patterns, tmp_path / "data", max_rejected=9, block_bytes=block_bytes)
    rows = [json.loads(line) for line in (tmp_path / "data" / manifest.rejected_files[0].path).read_text().splitlines()]
    assert [(Path(row["file"]).stem, row["line"], row["reason"]) for row in rows] == [
        ("01", 2, "invalid_json"),
        ("02 test", 1, "unknown_label"),
        ("02 test", 4, "invalid_json"),
        ("02 test", 5, "unknown_label"),
        ("03", 1, "not_an_object"),
        ("04 test", 2, "unknown_label"),
        ("05", 2, "missing_field"),
    ]
    for row in rows:
        lines = Path(row["file"]).read_bytes().split(b"\n")
        mark = 3 if (Path(row["file"]).stem, row["line"]) == ("03", 1) else 0
        assert row["offset"] == sum(len(line) + 1 for line in lines[: row["line"] - 1]) + mark
    assert {name: entry.records for name, entry in manifest.statistics.items()} == {"train": 4, "test": 1}
    assert [file.records for file in manifest.inputs] == [0, 3, 4, 2, 1, 2]


@pytest.fixture
def old(reviews: Written, tmp_path: Path) -> Path:
    """A data set to replace, with names that the next one does not have."""
    spec = "id: id\nsequences: {words: {type: tokens, from: text, tokenizer: words}}\nlabel: {from: stars, type: class}"
    prepare(spec, with_bad_lines(tmp_path, "old.jsonl"), tmp_path / "data", max_rejected=6)
    return tmp_path / "data"


def test_a_data_set_is_replaced_and_swept(reviews: Written, old: Path) -> None:
    before = load_manifest(old)
    with pytest.raises(UsageError, match="holds a data set already"):
        make_job(REVIEW_SPEC, reviews.source, old)
    spec = REVIEW_SPEC.replace("label: {from: stars, type: class}\n", "")
    manifest = prepare(spec, reviews.source, old, replace=True)
    assert manifest.fingerprint != before.fingerprint
    assert load_manifest(old) == manifest
    assert tree(old) == published_tree(manifest)
    assert verify(str(old))["problems"] == []


def test_the_old_data_set_is_whole_until_the_new_one_is_published(
    reviews: Written, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at from within the run, when all of the new files but the manifest are written."""
    from pipeline import publish

    seen = []
    seal = publish.seal

    def look(manifest: Any) -> Any:
        seen.append((verify(str(old))["problems"], load_manifest(old).fingerprint, len(read_dataset(old))))
        return seal(manifest)

    monkeypatch.setattr(publish, "seal", look)
    before = load_manifest(old).fingerprint
    prepare(REVIEW_SPEC, reviews.source, old, replace=True)
    assert seen == [([], before, 93)]


def test_the_old_data_set_survives_a_failing_run(tmp_path: Path, old: Path) -> None:
    before, files_before = load_manifest(old), tree(old)
    source = write_jsonl(tmp_path / "new.jsonl", [*review_records(50, seed=3), b"oops"])
    job = make_job(REVIEW_SPEC, source, old, replace=True)
    refused(job)
    assert load_manifest(old) == before
    assert verify(str(old))["problems"] == []
    assert len(read_dataset(old)) == 93
    failed = {f"failed/{job.run}/rejected.jsonl", f"failed/{job.run}/error.json"}
    assert tree(old) == files_before | failed


def test_the_old_data_set_survives_a_run_that_fails_late(
    reviews: Written, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When every shard of the new one is written already."""
    before, files_before = load_manifest(old), tree(old)
    monkeypatch.setattr("pipeline.publish.check_totals", lambda *_: 1 / 0)
    job = make_job(REVIEW_SPEC, reviews.source, old, replace=True)
    refused(job)
    assert load_manifest(old) == before
    assert verify(str(old))["problems"] == []
    assert tree(old) == files_before | {f"failed/{job.run}/traceback.txt"}


def test_the_same_data_set_again_leaves_it_as_it_was(reviews: Written, tmp_path: Path) -> None:
    output = tmp_path / "data"
    first = prepare(REVIEW_SPEC, reviews.source, output)
    files_before = tree(output)
    assert prepare(REVIEW_SPEC, reviews.source, output, replace=True) == first
    assert tree(output) == files_before


def test_a_crash_is_one_line_and_a_traceback(reviews: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError("an error\nof two lines")

    monkeypatch.setattr("pipeline.encode.encode_block", crash)
    job = make_job(REVIEW_SPEC, reviews.source, tmp_path / "data")
    error = refused(job)
    path = Path(job.failed, "traceback.txt")
    assert str(error).startswith("the run failed: ")
    assert "an error" in str(error)
    assert str(error).endswith(f"; nothing was published; details: {path}")
    assert len(str(error).splitlines()) == 1
    assert "in crash" in path.read_text()
    assert "ZeroDivisionError: an error\nof two lines" in path.read_text()
    assert tree(tmp_path / "data") == {f"failed/{job.run}/traceback.txt"}


def test_an_interrupted_run_leaves_nothing(reviews: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.run.execute", interrupt)
    refused(make_job(REVIEW_SPEC, reviews.source, tmp_path / "data"), kind=KeyboardInterrupt)
    assert tree(tmp_path / "data") == set()


def test_nothing_of_other_people_is_deleted(reviews: Written, tmp_path: Path) -> None:
    output = tmp_path / "data"
    mine = ["notes.txt", "train/notes.txt", "vocabulary/README", "sub/train/bucket-00-shard-x.tfrecord"]
    for name in mine:
        write_jsonl(output / name, [])
    (output / "empty" / "folder").mkdir(parents=True)
    manifest = prepare(REVIEW_SPEC, reviews.source, output)
    assert tree(output) == published_tree(manifest) | set(mine) | {"empty/folder"}
    refused(make_job(REVIEW_SPEC, with_bad_lines(tmp_path), output, replace=True))
    assert {*mine, "empty/folder"} < tree(output)


def test_names_of_files_and_folders_are_no_patterns(reviews: Written, tmp_path: Path) -> None:
    source = with_bad_lines(tmp_path / "in [1]", "a*[2]?.jsonl")
    output = tmp_path / "out [a-z]*"
    job = make_job(REVIEW_SPEC, source, output)
    refused(job)
    check_offenders(Path(job.failed, "rejected.jsonl"), source)
    prepare(REVIEW_SPEC, source, output, max_rejected=6)
    manifest = prepare(REVIEW_SPEC, reviews.source, output, replace=True)
    failed = {f"failed/{job.run}/rejected.jsonl", f"failed/{job.run}/error.json"}
    assert tree(output) == published_tree(manifest) | failed


@pytest.mark.parametrize("name", ["data/", "./data", "a/../data", "data//"])
def test_any_way_to_write_the_output(
    reviews: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    prepare(REVIEW_SPEC, write_jsonl(tmp_path / "old.jsonl", review_records(20)), Path(name))
    manifest = run_job(plan_job(parse_spec(REVIEW_SPEC), [reviews.source], name, replace=True))
    assert tree(tmp_path / "data") == published_tree(manifest)
    assert verify(name)["problems"] == []


def test_all_records_rejected(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [b"1", b"2"])
    error = refused(make_job(REVIEW_SPEC, source, tmp_path / "data", max_rejected=1.0))
    assert str(error) == (
        "none of the 2 records read is left for the training split (2 rejected, 0 dropped, the others in other "
        "splits); check the spec's policies and fractions"
    )


def test_blank_lines_only(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", [b"", b"  "])
    error = refused(make_job(REVIEW_SPEC, source, tmp_path / "data"))
    assert str(error) == "the input holds no record (blank lines and headers are none); check the --input patterns"


def test_what_a_run_says(reviews: Written, tmp_path: Path) -> None:
    empty = write_jsonl(tmp_path / "empty.jsonl", [])
    job = plan_job(parse_spec(REVIEW_SPEC), [reviews.source, empty], str(tmp_path / "data"))
    said = io.StringIO()
    run(job, beam_options([]), Console(file=said, soft_wrap=True, markup=False))
    lines = said.getvalue().splitlines()
    assert re.sub(r"[0-9.,]+ [MG]B free", "1.0 MB free", lines[0]) == (
        f"2 file(s) (1 of them empty), 0.0 MB → {tmp_path}/data; disk: about 0.1 MB, at most 0.1 MB, of 1.0 MB free; "
        f"runner: {describe_runner(beam_options([]))}"
    )
    splits = ", ".join(f"{name} {entry.records}" for name, entry in sorted(reviews.manifest.statistics.items()))
    assert lines[1] == f"150 records read, 150 kept ({splits})"
    record = json.loads((tmp_path / "data" / "run.json").read_text())
    assert record["run"] == job.run
    assert record["runner"] == describe_runner(beam_options([]))
    assert set(record["packages"]) == {"apache-beam", "pyarrow", "numpy", "protobuf"}


def test_a_worker_of_another_process_is_heard(tmp_path: Path) -> None:
    """An error that a person can mend comes through from another process as it was said."""
    source = with_bad_lines(tmp_path)
    flags = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    job = make_job(REVIEW_SPEC, source, tmp_path / "data")
    with pytest.raises(DataError, match=r"^6 of 99 records rejected \(") as caught:
        run(job, beam_options(flags), quiet())
    assert len(caught.value.details) == 6
