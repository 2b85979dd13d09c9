"""What a command does before it plans: locks, and what an earlier run left undone when it published."""

import hashlib
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.cli import main
from pipeline.guards.locks import holding, is_held
from pipeline.seals import open_record
from pipeline.spans.request import SpanRequest
from pipeline.upkeep.exclusive import decides_for_others, exclusive
from pipeline.upkeep.finishing import finish, is_finished
from schemas.errors import HeldError
from schemas.manifest import load_manifest
from tests.pipeline.helpers import REVIEW_SPEC, prepare, published_tree, quiet, review_records, tree, write_jsonl

SPEC = f"# as I wrote it\n{REVIEW_SPEC}"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    prepare(REVIEW_SPEC, write_jsonl(tmp_path / "in.jsonl", review_records(40)), tmp_path / "data", spec_text=SPEC)
    return tmp_path / "data"


def break_off(data: Path) -> None:
    """Leaves what a run leaves that is killed right after its manifest."""
    for name in ("spec.yaml", "run.json", "vocabulary/text.txt", "statistics/statistics.json"):
        (data / name).unlink()
    for name in (".staging/0123456789abcdef/done/x.json", "train/bucket-00-shard-00000-of-00009-0123456789ab.index"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("left")
    (data / "manifest.json.0123456789ab.tmp").write_text("left")
    (data / "report.html").write_text("of the data set before")


def test_what_was_left_undone_is_finished(data: Path) -> None:
    manifest, before = load_manifest(data), {name: (data / name).read_bytes() for name in tree(data)}
    assert is_finished(str(data), manifest)
    break_off(data)
    assert not is_finished(str(data), manifest)
    said = io.StringIO()
    with exclusive(str(data), None, "run", Console(file=said, soft_wrap=True), spec_text=SPEC, report=False):
        assert is_held(str(data))
        assert tree(data) == published_tree(manifest) | {".lock"}
    assert said.getvalue() == f"{data}: finished what a run had left undone that was killed when it published\n"
    after = {name: (data / name).read_bytes() for name in tree(data)}
    assert open_record(after.pop("run.json")) == {
        "fingerprint": manifest.fingerprint,
        "spec_sha256": hashlib.sha256(SPEC.encode()).hexdigest(),
    }
    del before["run.json"]
    assert after == before


def test_a_record_of_the_data_set_before_is_none_of_this_one(data: Path) -> None:
    manifest = load_manifest(data)
    for record, finished in (({"fingerprint": "0"}, False), ({"run": "of an earlier release"}, True), ([], False)):
        (data / "run.json").write_text(json.dumps(record))
        assert is_finished(str(data), manifest) == finished


def test_a_report_that_was_half_written_goes(data: Path) -> None:
    (data / "report.html.0123456789ab.tmp").write_text("<ht")
    with exclusive(str(data), None, "run", quiet(), report=False):
        assert tree(data) == published_tree(load_manifest(data)) | {".lock"}


def test_a_report_is_drawn_where_there_is_none_of_this_data_set(data: Path) -> None:
    break_off(data)
    with exclusive(str(data), None, "run", quiet()):
        assert load_manifest(data).fingerprint in (data / "report.html").read_text()


def test_a_spec_of_another_data_set_is_not_kept(data: Path) -> None:
    finish(str(data), load_manifest(data), REVIEW_SPEC.replace("whitespace", "words"))
    assert (data / "spec.yaml").read_text() != SPEC
    assert "whitespace" in (data / "spec.yaml").read_text()


def test_a_plain_run_is_refused_once_the_data_set_is_complete(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    break_off(data)
    (tmp_path / "spec.yaml").write_text(SPEC)
    options = ["--spec", str(tmp_path / "spec.yaml"), "--input", str(tmp_path / "in.jsonl"), "--no_report"]
    assert main(["run", *options, "--output", str(data)]) == 2
    assert "holds a data set already" in capsys.readouterr().err
    assert tree(data) == published_tree(load_manifest(data))
    assert (data / "spec.yaml").read_text() == SPEC


def test_a_damaged_manifest_is_left_to_whoever_plans(data: Path) -> None:
    (data / "manifest.json").write_text("{")
    before = tree(data)
    with exclusive(str(data), None, "run", quiet()):
        assert tree(data) == {*before, ".lock"}


def test_two_spans_that_others_may_take_from_do_not_run_at_a_time(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert decides_for_others(root, SpanRequest("a"))
    (tmp_path / "spans/b").mkdir(parents=True)
    (tmp_path / "spans/b/manifest.json").write_text("{}")
    assert not decides_for_others(root, SpanRequest("a"))
    assert decides_for_others(root, SpanRequest("a", extend=1))
    assert decides_for_others(root, SpanRequest("b"))
    with exclusive(root, SpanRequest("a"), "run", quiet()):
        assert not is_held(root)
        assert is_held(f"{root}/spans/a")
    with exclusive(root, SpanRequest("a", extend=5), "run", quiet()):
        assert is_held(root)


def test_a_held_root_holds_back_the_first_span(tmp_path: Path) -> None:
    import threading

    found: list[str] = []

    def other() -> None:
        with pytest.raises(HeldError) as caught, exclusive(str(tmp_path), SpanRequest("b"), "run", quiet()):
            pass
        found.append(str(caught.value))

    with holding(str(tmp_path), "run", quiet()):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert found[0].startswith(f"{tmp_path}: another run writes there: pid ")
    assert tree(tmp_path) == set()
