"""A span that is published already: the same input is nothing to do, any other is refused."""

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.inputs import match_inputs
from pipeline.spans.unchanged import already_published, content_digest, unchanged_line
from schemas.errors import UsageError
from tests.pipeline.helpers import REVIEW_SPEC, review_records, write_jsonl
from tests.pipeline.spans.helpers import manifest_of, publish, span_job
from tests.pipeline.test_every_format import CASES, records, spec_for, write


def state(root: Path) -> list[tuple[str, int, bytes]]:
    """Everything that lies in a folder, and when it was last written to."""
    found = sorted(path for path in root.rglob("*") if path.is_file())
    return [(str(path), path.stat().st_mtime_ns, path.read_bytes()) for path in found]


def refusal(*args: Any, **settings: Any) -> str:
    with pytest.raises(UsageError) as caught:
        already_published(span_job(*args, **settings))
    return str(caught.value)


@pytest.fixture
def source(tmp_path: Path) -> str:
    return write_jsonl(tmp_path / "in" / "a.jsonl", review_records(40))


def test_the_same_input_is_nothing_to_do(tmp_path: Path, source: str) -> None:
    root = tmp_path / "out"
    assert already_published(span_job(root, "2026-11-20", source)) is None
    manifest = publish(root, "2026-11-20", source)
    before = state(root)
    elsewhere = write_jsonl(tmp_path / "moved" / "a.jsonl", review_records(40))
    os.utime(elsewhere, (0, 0))
    for path in (source, elsewhere, str(tmp_path / "in")):
        assert already_published(span_job(root, "2026-11-20", path, extend=3)) == manifest
    assert already_published(span_job(root, "2026-11-20", source, replace=True)) is None
    assert state(root) == before
    assert unchanged_line(manifest) == (
        "2026-11-20: is published already with the same input; nothing to do; --replace writes it again"
    )


def test_what_differs_is_named(tmp_path: Path, source: str) -> None:
    root, start, end = tmp_path / "out", "1: is published already, and ", "; say --replace to write it again"
    news = [record | {"id": f"new {record['id']}"} for record in review_records(40)]
    more, other = (write_jsonl(tmp_path / name, news) for name in ("more.jsonl", "other.jsonl"))
    publish(root, "1", [source, more])
    same_size = tmp_path / "changed" / "a.jsonl"
    same_size.parent.mkdir()
    same_size.write_bytes(Path(source).read_bytes().replace(b'"id": "r3"', b'"id": "x3"'))
    longer = write_jsonl(tmp_path / "longer" / "a.jsonl", review_records(41))
    bytes_now, bytes_before = (Path(path).stat().st_size for path in (longer, source))
    for inputs, problem in (
        ([source, more, other], "the input other.jsonl is new"),
        ([source], "the input more.jsonl is missing"),
        ([source, other], "the input other.jsonl is new, and more.jsonl is missing"),
        ([longer, more], f"the input a.jsonl has the bytes {bytes_now}, and had {bytes_before}"),
        ([source, f"holdout={more}"], "the input more.jsonl has the split holdout, and had none"),
        ([str(same_size), more], "the input a.jsonl has other content of the same size"),
    ):
        assert refusal(root, "1", inputs) == f"{start}{problem}{end}"
    spec = REVIEW_SPEC.replace("count: 3", "count: 4")
    found = refusal(root, "1", [source, more], spec=spec)
    assert found == f"{start}buckets.count of the spec is 4, and was 3{end}"


def test_another_base_is_another_plan(tmp_path: Path, source: str) -> None:
    root = tmp_path / "out"
    publish(root, "1", source)
    words = [record | {"text": "new new"} for record in review_records(20)]
    publish(root, "2", write_jsonl(tmp_path / "2.jsonl", words), extend=5)
    publish(root, "3", source, "1")
    assert already_published(span_job(root, "3", source)) == manifest_of(root, "3")
    assert already_published(span_job(root, "3", source, "1")) == manifest_of(root, "3")
    assert refusal(root, "3", source, "2") == (
        "3: is published already, and has the vocabularies of 1, and this run would take those of 2; say --replace to "
        "write it again"
    )
    assert already_published(span_job(root, "2", str(tmp_path / "2.jsonl"), extend=5)) == manifest_of(root, "2")


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_digests_are_those_that_a_run_finds(tmp_path: Path, name: str, suffix: str) -> None:
    path = write(tmp_path, name, suffix, records(60))
    published = publish(tmp_path / "out", "1", path, spec=spec_for(name), block_bytes=900)
    job = span_job(tmp_path / "out", "1", path, spec=spec_for(name), block_bytes=900)
    assert content_digest(job.inputs[0], 900) == published.inputs[0].digest
    assert already_published(job) == published


def test_empty_files_count_as_well(tmp_path: Path, source: str) -> None:
    (tmp_path / "in" / "empty.jsonl").write_bytes(b"")
    publish(tmp_path / "out", "1", str(tmp_path / "in"))
    assert len(match_inputs([str(tmp_path / "in")])) == 2
    assert already_published(span_job(tmp_path / "out", "1", str(tmp_path / "in"))) is not None
    assert refusal(tmp_path / "out", "1", source).startswith("1: is published already, and the input empty.jsonl is m")
