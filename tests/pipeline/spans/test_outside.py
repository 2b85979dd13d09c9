"""Spans whose base is a data set outside their folder."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.job import Job
from pipeline.spans.choose import contract_digest
from pipeline.spans.listing import list_spans, table_of
from pipeline.spans.outside import Outside, choose_outside
from pipeline.spans.pruning import prune
from pipeline.spans.unchanged import already_published
from pipeline.spans.verifying import verify_spans
from pipeline.upkeep.exclusive import exclusive
from pipeline.verify import verify
from schemas.errors import DataError, UsageError
from schemas.manifest import load_manifest
from schemas.manifest_pb2 import Manifest, Span
from schemas.spans.folder import load_data
from tests.pipeline.helpers import REVIEW_SPEC, prepare, quiet, review_records, run_job, write_jsonl
from tests.pipeline.spans.helpers import folder, manifest_of, publish, span_job

FAIL = REVIEW_SPEC + "drift: {fail: {length_distance: 0.4}}\n"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that stands alone, another one, a span of another folder, and inputs."""
    made: Path = tmp_path_factory.mktemp("outside")
    records = review_records(400)
    for name, part in {"base": records[:150], "all": records[150:], "other": records[300:]}.items():
        write_jsonl(made / f"{name}.jsonl", part)
    for i in range(3):
        write_jsonl(made / f"{i}.jsonl", records[150 + i :: 3])
    far = [record | {"text": f"{record['text']} " + "a " * 40} for record in records[300:]]
    write_jsonl(made / "far.jsonl", far)
    write_jsonl(made / "new.jsonl", [record | {"text": f"{record['text']} new"} for record in records[150:250]])
    prepare(REVIEW_SPEC, str(made / "base.jsonl"), made / "base", block_bytes=4_000)
    prepare(REVIEW_SPEC, str(made / "other.jsonl"), made / "other", block_bytes=4_000)
    publish(made / "elsewhere", "2026-11-01", str(made / "base.jsonl"))
    return made


def job_of(shelf: Path, root: Path, name: str, source: str, dataset: object = "", **settings: Any) -> Job:
    return span_job(root, name, str(shelf / f"{source}.jsonl"), dataset=dataset or shelf / "base", **settings)


@pytest.mark.parametrize("base", ["base", "elsewhere/spans/2026-11-01"])
def test_spans_hold_what_one_run_with_the_same_base_does(shelf: Path, tmp_path: Path, base: str) -> None:
    spans = [publish(tmp_path / "r", str(i), str(shelf / f"{i}.jsonl"), dataset=shelf / base) for i in range(3)]
    whole = publish(tmp_path / "all", "all", str(shelf / "all.jsonl"), dataset=shelf / base)
    taken = load_manifest(shelf / base)
    assert {contract_digest(span) for span in [*spans, whole]} == {contract_digest(taken)}
    for span in [*spans, whole]:
        assert (span.span.base, span.span.base_fingerprint) == (str(shelf / base), taken.fingerprint)
        assert (span.span.generation, span.span.extends, span.span.drift_base) == (0, False, str(shelf / base))
    assert load_data(tmp_path / "r").data_fingerprint == whole.data_fingerprint
    assert load_data(tmp_path / "r").data_fingerprint != spans[0].data_fingerprint
    assert verify_spans(str(tmp_path / "r"))["problems"] == []


def test_runs_that_start_in_an_empty_folder_at_the_same_time(shelf: Path, tmp_path: Path) -> None:
    jobs = [job_of(shelf, tmp_path, str(i), str(i)) for i in range(3)]
    requests = [job.span for job in jobs]
    assert all(request and not request.known for request in requests)
    manifests = [run_job(job) for job in jobs[::-1]]
    assert {contract_digest(manifest) for manifest in manifests} == {contract_digest(load_manifest(shelf / "base"))}
    assert load_data(tmp_path).counts.read == 250
    spans = [each["span"] for each in list_spans(str(tmp_path))["spans"]]
    assert spans == ["0", "1", "2"]


def test_two_of_them_hold_no_lock_in_common(shelf: Path, tmp_path: Path) -> None:
    from pipeline.spans.request import SpanRequest

    first, second = (SpanRequest(name, dataset=str(shelf / "base")) for name in ("a", "b"))
    with exclusive(str(tmp_path), first, "run", quiet()), exclusive(str(tmp_path), second, "run", quiet()):
        assert not list(tmp_path.glob("manifest.json"))


def test_a_span_without_the_option_takes_the_same(shelf: Path, tmp_path: Path) -> None:
    shutil.copytree(shelf / "base", tmp_path / "base")
    root = tmp_path / "root"
    publish(root, "0", str(shelf / "0.jsonl"), dataset=tmp_path / "base")
    there = publish(root, "1", str(shelf / "1.jsonl"))
    assert (there.span.base, there.span.drift_base) == (str(tmp_path / "base"), str(tmp_path / "base"))
    shutil.rmtree(tmp_path / "base")
    gone = publish(root, "2", str(shelf / "2.jsonl"))
    # Only what the span is compared with is another one.
    assert (gone.span.base, gone.span.base_fingerprint) == (there.span.base, there.span.base_fingerprint)
    assert gone.span.drift_base == "1"
    assert contract_digest(gone) == contract_digest(there)
    with pytest.raises(DataError) as raised:
        span_job(root, "3", str(shelf / "2.jsonl"), dataset=tmp_path / "base")
    assert str(raised.value) == (
        f"--base_dataset {tmp_path / 'base'}: holds no data set (no manifest.json); check the path, or leave the "
        "option out where a span of the output has its vocabularies already"
    )


def test_drift_is_judged_against_the_data_set(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"^too far from the base '{shelf / 'base'}': Jensen-Shannon distance"):
        run_job(job_of(shelf, tmp_path, "a", "far", spec=FAIL))
    told = json.loads(next(tmp_path.rglob("drift.json")).read_bytes())
    assert (told["base"], told["drift_base"]) == (str(shelf / "base"), str(shelf / "base"))
    assert not run_job(job_of(shelf, tmp_path, "b", "0", spec=FAIL)).span.drift[0].fail
    # A span that extends has another contract, and goes on being compared with the data set outside.
    extended = publish(tmp_path, "c", str(shelf / "new.jsonl"), extend=5)
    assert (extended.span.base, extended.span.extends, extended.span.generation) == (str(shelf / "base"), True, 1)
    assert extended.span.drift_base == str(shelf / "base")
    later = publish(tmp_path, "d", str(shelf / "2.jsonl"))
    assert (later.span.base, later.span.drift_base) == ("c", str(shelf / "base"))
    assert load_data(tmp_path).counts.read == 84 + 100 + 83
    old = run_job(job_of(shelf, tmp_path, "e", "2"))
    assert (old.span.base, old.span.generation) == (str(shelf / "base"), 0)
    assert verify_spans(str(tmp_path))["problems"] == []


def test_a_folder_of_spans_with_another_contract(shelf: Path, tmp_path: Path) -> None:
    run_job(job_of(shelf, tmp_path, "0", "0"))
    with pytest.raises(UsageError) as raised:
        job_of(shelf, tmp_path, "1", "1", shelf / "other")
    assert str(raised.value) == (
        f"--base_dataset {shelf / 'other'}: has other vocabularies, normalisation or buckets than the span 0 that is "
        "there, and the two could not be read together; leave the option out, or name another --output"
    )


def test_a_contract_that_another_run_brought_meanwhile(shelf: Path, tmp_path: Path) -> None:
    outside, own = job_of(shelf, tmp_path, "a", "0"), span_job(tmp_path, "b", str(shelf / "other.jsonl"))
    other = job_of(shelf, tmp_path, "c", "1", shelf / "other")
    run_job(outside)
    with pytest.raises(DataError, match=f"the span a was published meanwhile, with vocabularies of {shelf / 'base'};"):
        run_job(own)
    with pytest.raises(
        DataError, match=f"the span a was published meanwhile, with other vocabularies than {shelf / 'other'};"
    ):
        run_job(other)


def test_the_same_data_set_elsewhere_is_the_same_base(shelf: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    run_job(job_of(shelf, root, "0", "0"))
    shutil.copytree(shelf / "base", tmp_path / "copy")
    assert already_published(job_of(shelf, root, "0", "0", tmp_path / "copy"))
    moved = run_job(job_of(shelf, root, "1", "1", tmp_path / "copy"))
    assert moved.span.base == str(tmp_path / "copy")
    assert load_data(root).counts.read == 167
    assert verify_spans(str(root))["problems"] == []


def test_spans_that_are_pruned_leave_their_base_alone(shelf: Path, tmp_path: Path) -> None:
    for i in range(3):
        run_job(job_of(shelf, tmp_path, f"2026-11-0{i + 1}", str(i)))
    assert str(shelf / "base") in table_of(list_spans(str(tmp_path)))
    pruned = prune(str(tmp_path), 1, "", quiet())
    assert [one["span"] for one in pruned["removed"]] == ["2026-11-01", "2026-11-02"]
    assert pruned["stays"] == {}
    assert verify(str(shelf / "base"))["problems"] == []
    assert manifest_of(tmp_path, "2026-11-03").span.base == str(shelf / "base")


def test_a_span_that_is_replaced_keeps_the_data_set(shelf: Path, tmp_path: Path) -> None:
    run_job(job_of(shelf, tmp_path, "0", "0"))
    again = publish(tmp_path, "0", str(shelf / "1.jsonl"), replace=True)
    assert again.span.base == str(shelf / "base")
    planned = publish(tmp_path / "own", "0", str(shelf / "0.jsonl"))
    assert planned.span.base == ""
    publish(tmp_path / "own", "1", str(shelf / "1.jsonl"))
    with pytest.raises(UsageError, match="has other vocabularies, normalisation or buckets than the span 1"):
        job_of(shelf, tmp_path / "own", "0", "0", replace=True)


def made(contract: str, **span: object) -> Manifest:
    manifest = Manifest(span=Span(**span), fingerprint=f"print of {span.get('name')}")  # type: ignore[arg-type]
    manifest.vocabularies["text"].path = contract
    return manifest


def test_a_definer_that_others_took_from_keeps_what_it_has() -> None:
    published = {"a": made("1", name="a"), "b": made("1", name="b", base="a"), "c": made("2", name="c")}
    outside = Outside("/base", made("1"))
    assert choose_outside("a", outside, published).contract == ("a", "a")
    assert choose_outside("c", outside, published).contract == ("/base", "/base")
    with pytest.raises(UsageError) as raised:
        choose_outside("a", Outside("/base", made("2")), published)
    assert str(raised.value) == (
        "--base_dataset /base: the vocabularies, normalisation and buckets of a must stay as they are, because b took "
        "them from it; leave --base_dataset out"
    )


@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        (
            ["--base_dataset", "{base}"],
            2,
            "--base_dataset {base}: says nothing without --span NAME; add it, or leave --base_dataset out",
        ),
        (
            ["--span", "x", "--base_dataset", "{base}", "--base", "y"],
            2,
            "--base_dataset {base}: and --base y both say where vocabularies come from; say one of them",
        ),
        (
            ["--span", "x", "--base_dataset", "{base}", "--extend_vocabulary", "5"],
            2,
            "--extend_vocabulary 5: with --base_dataset each span takes the vocabularies of {base} as they are, so "
            "that spans can be written at the same time; leave one of the two out",
        ),
        (
            ["--span", "x", "--base_dataset", ""],
            2,
            "--base_dataset: is empty; name the folder of a data set, or leave the option out",
        ),
        (
            ["--span", "x", "--base_dataset", "{folder}/elsewhere"],
            2,
            "--base_dataset {folder}/elsewhere: holds spans, each of which is a data set; name one of them, such as "
            "{folder}/elsewhere/spans/2026-11-01",
        ),
        (
            ["--span", "x", "--base_dataset", "{folder}/elsewhere/spans/2026-11-01", "--output", "{folder}/elsewhere"],
            2,
            "--base_dataset {folder}/elsewhere/spans/2026-11-01: is the span 2026-11-01 of {folder}/elsewhere itself; "
            "say --base 2026-11-01",
        ),
        (
            ["--span", "x", "--base_dataset", "{folder}/nowhere"],
            1,
            "--base_dataset {folder}/nowhere: holds no data set (no manifest.json); check the path, or leave the "
            "option out where a span of the output has its vocabularies already",
        ),
    ],
)
def test_options_that_are_refused(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, error: str
) -> None:
    places = {"folder": str(shelf), "base": str(shelf / "base")}
    (spec := tmp_path / "spec.yaml").write_text(REVIEW_SPEC)
    given = [option.format(**places) for option in options]
    output = [] if "--output" in given else ["--output", str(tmp_path / "out")]
    run = ["run", "--spec", str(spec), "--input", str(shelf / "0.jsonl"), "--no_report", *output, *given]
    assert main(run) == code
    assert capsys.readouterr().err.splitlines()[-1] == f"error: {error.format(**places)}"


def test_a_back_fill_takes_it_for_all_of_its_spans(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (spec := tmp_path / "spec.yaml").write_text(REVIEW_SPEC)
    for i in range(2):
        shutil.copy(shelf / f"{i}.jsonl", tmp_path / f"2026-11-0{i + 1}.jsonl")
    where = ["--spec", str(spec), "--input", str(tmp_path / "{date}.jsonl"), "--output", str(tmp_path / "out")]
    dates = ["--since", "2026-11-01", "--until", "2026-11-02", "--base_dataset", str(shelf / "base")]
    assert main(["backfill", *where, *dates]) == 0
    capsys.readouterr()
    for day in ("2026-11-01", "2026-11-02"):
        assert manifest_of(tmp_path / "out", day).span.base == str(shelf / "base")
        assert (folder(tmp_path / "out", day) / "report.html").exists()
    assert (tmp_path / "out" / "report.html").exists()
