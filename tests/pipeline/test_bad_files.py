"""Files that are no files, that change, that may not be read, or that hold what nobody asked for."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest

from pipeline import files
from pipeline.run import run
from pipeline.runners.options import beam_options
from schemas.errors import UsageError
from tests.pipeline.bad_input import (
    line,
    published,
    record,
    refused,
    spec_for,
    written,
)
from tests.pipeline.formats import WRITERS
from tests.pipeline.helpers import make_job, prepare, quiet


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").mkdir()
    job = lambda pattern: lambda: make_job(spec_for(), f"{tmp_path}/{pattern}", tmp_path / "out")  # noqa: E731
    path = f"{tmp_path}/in.jsonl"
    assert refused(job("in.jsonl"), UsageError) == (
        f"--input {path}: matches no file; check the path, and quote a pattern for the shell"
    )
    written(tmp_path, "other.jsonl", line(1))
    assert refused(job("*.jsonl")) == (
        f"{path}: is a folder; name a pattern that matches files only, or a folder of files by itself"
    )
    written(tmp_path / "in.jsonl", "within.jsonl", line(2))
    assert len(make_job(spec_for(), f"{tmp_path}/**", tmp_path / "out").inputs) == 2


def test_links_to_nothing(tmp_path: Path) -> None:
    link = tmp_path / "folder/in.jsonl"
    link.parent.mkdir()
    link.symlink_to("gone.jsonl")
    written(link.parent, "other.jsonl", line(1))
    for pattern in (link, link.parent, f"{link.parent}/*.jsonl"):
        text = refused(lambda pattern=pattern: make_job(spec_for(), str(pattern), tmp_path / "out"))  # type: ignore[misc]
        assert text == f"{link}: is a link to nothing: No such file or directory"


def test_a_named_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.jsonl")
    text = refused(lambda: make_job(spec_for(), str(tmp_path / "in.jsonl"), tmp_path / "out"))
    assert text.startswith(f"{tmp_path}/in.jsonl: is neither a file nor a folder; name a pattern that matches files")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    source = written(tmp_path, "in.jsonl", line(1))
    Path(source).chmod(0)
    assert refused(make_job(spec_for(), source, tmp_path / "out")) == f"{source}: cannot be read: Permission denied"


def test_a_file_that_the_system_refuses_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [written(tmp_path, f"{name}.jsonl", line(1)) for name in "ab"]
    job = make_job(spec_for(), sources, tmp_path / "out")
    opened = files._open

    def refusing(path: str) -> Any:
        if path == sources[1]:
            raise PermissionError(13, "Permission denied", path)
        return opened(path)

    monkeypatch.setattr(files, "_open", refusing)
    assert refused(job) == f"{sources[1]}: cannot be read: Permission denied"


def test_an_empty_file_among_others(tmp_path: Path) -> None:
    sources = [
        written(tmp_path, "a.jsonl", b""),
        written(tmp_path, "b.jsonl", line(1)),
        written(tmp_path, "c.csv", b""),
    ]
    manifest = published(tmp_path, spec_for().replace("{format: jsonl}", "{}"), sources, 0)
    assert [(file.path, file.bytes, file.records) for file in manifest.inputs] == [
        (sources[0], 0, 0),
        (sources[1], len(line(1)), 1),
        (sources[2], 0, 0),
    ]


CHANGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "grows": (lambda content: content + content, "changed its size while it was read"),
    "shrinks": (lambda content: content[: len(content) // 2], "became shorter while it was read"),
    "is written again": (lambda content: content, "was written to while it was read"),
    "holds something else": (lambda content: content.replace(b"r1", b"q1"), "was written to while it was read"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes(change: str, tmp_path: Path) -> None:
    source = Path(written(tmp_path, "in.jsonl", b"\n".join(map(line, range(50))) + b"\n"))
    job = make_job(spec_for(), str(source), tmp_path / "out", max_rejected=1.0)
    changed, problem = CHANGES[change]
    before = source.stat().st_mtime_ns
    source.write_bytes(changed(source.read_bytes()))
    os.utime(source, ns=(before, before + 1_000_000))  # a clock may tick slowly
    assert refused(job) == f"{source}: {problem}; run again when nobody writes to it"


def test_when_a_file_was_written_is_of_no_account_otherwise(tmp_path: Path) -> None:
    source = Path(written(tmp_path, "in.jsonl", line(1)))
    first = prepare(spec_for(), str(source), tmp_path / "a")
    os.utime(source, (1, 1))
    assert prepare(spec_for(), str(source), tmp_path / "b").fingerprint == first.fingerprint


@pytest.mark.parametrize("name", [*WRITERS])
def test_fields_that_the_spec_does_not_read(name: str, tmp_path: Path) -> None:
    rows = [record(i) | {"tags": ["a"], "text": "b\nc", "age": 1.0, "stars": 2} for i in range(3)]
    path = tmp_path / f"in.{name}"
    path.write_bytes(WRITERS[name](rows) if name != "avro" else avro_of(rows))
    job = make_job(spec_for(name), str(path), tmp_path / "out")
    console = quiet()
    manifest = run(job, beam_options([]), console)
    assert manifest.counts.kept == 3
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines.count("fields that the spec does not read: age, stars, tags, text") == 1
    written_down = json.loads((tmp_path / "out/run.json").read_text())
    assert written_down["unread_fields"] == ["age", "stars", "tags", "text"]


def avro_of(rows: list[dict[str, Any]]) -> bytes:
    kinds: dict[str, Any] = dict.fromkeys(("id", "text"), "string") | {"age": "double", "stars": "long"}
    kinds |= {name: {"type": "array", "items": "string"} for name in ("words", "tags", "labels")}
    kinds["frames"] = {"type": "array", "items": {"type": "array", "items": "double"}}
    fields = [{"name": name, "type": kind} for name, kind in kinds.items()]
    sink = io.BytesIO()
    fastavro.writer(sink, fastavro.parse_schema({"type": "record", "name": "R", "fields": fields}), rows)
    return sink.getvalue()


def test_names_of_unread_fields_are_shown_in_printable_characters_and_not_without_end(tmp_path: Path) -> None:
    many = {f"n{i:03d}": 1 for i in range(150)} | {"\u001b[31m\n": 1, "N" * 200: 2}
    source = written(tmp_path, "in.jsonl", line(1, **many))
    console = quiet()
    run(make_job(spec_for(), source, tmp_path / "out"), beam_options([]), console)
    [shown] = [text for text in console.file.getvalue().splitlines() if text.startswith("fields that")]  # type: ignore[attr-defined]
    assert shown == (
        f"fields that the spec does not read: {'N' * 77}..., \\x1b[31m\\n, "
        + ", ".join(f"n{i:03d}" for i in range(8))
        + " and 142 more"
    )
    assert len(json.loads((tmp_path / "out/run.json").read_text())["unread_fields"]) == 152


def test_spec_that_reads_everything_says_nothing(tmp_path: Path) -> None:
    console = quiet()
    run(make_job(spec_for(), written(tmp_path, "in.jsonl", line(1)), tmp_path / "out"), beam_options([]), console)
    assert "does not read" not in console.file.getvalue()  # type: ignore[attr-defined]
    assert json.loads((tmp_path / "out/run.json").read_text())["unread_fields"] == []
