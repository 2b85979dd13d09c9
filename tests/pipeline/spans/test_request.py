"""Requests that go with the spans that are there, and those that do not."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from pipeline.spans.describe import PUBLISHED, describe_plan, describe_span
from pipeline.spans.request import SpanRequest
from schemas.errors import DataError, UsageError
from schemas.manifest_pb2 import Manifest, Span
from tests.pipeline.helpers import REVIEW_SPEC, make_job, review_records, run_job, write_jsonl
from tests.pipeline.spans.helpers import folder, publish, span_job

FILES_SPEC = """
id: id
sequences: {text: {type: tokens, tokenizer: whitespace, vocabulary: {file: TEXT}}}
label: {from: stars, type: class, classes_file: CLASSES}
"""


def refusal(*args: Any, **settings: Any) -> str:
    with pytest.raises(UsageError) as caught:
        span_job(*args, **settings)
    return str(caught.value)


@pytest.fixture
def source(tmp_path: Path) -> str:
    return write_jsonl(tmp_path / "a.jsonl", review_records(40))


def files_spec(tmp_path: Path) -> str:
    (tmp_path / "text.txt").write_text("a\nb\nthe\n")
    (tmp_path / "classes.txt").write_text("1\n2\n3\n")
    return FILES_SPEC.replace("TEXT", str(tmp_path / "text.txt")).replace("CLASSES", str(tmp_path / "classes.txt"))


def test_the_spec_must_be_that_of_the_base(tmp_path: Path, source: str) -> None:
    root = tmp_path / "out"
    publish(root, "1", source)
    assert refusal(root, "2", source, spec=REVIEW_SPEC.replace("min_frequency: 2", "min_frequency: 3")) == (
        "spec: sequences.text.vocabulary.min_frequency is 3, and 2 in that of the base 1; spans that share "
        "vocabularies must be read alike: write the span with the same spec, or all spans to another folder"
    )
    other = REVIEW_SPEC.replace("name: reviews", "name: others\ninput: {format: jsonl}")
    assert publish(root, "2", source, spec=other).span.base == "1"


def test_records_must_be_shared_out_as_in_the_base(tmp_path: Path, source: str) -> None:
    root, spec = tmp_path / "out", REVIEW_SPEC.replace("split:", "#")
    more = write_jsonl(tmp_path / "more.jsonl", review_records(20))
    publish(root, "1", source, spec=spec)
    assert refusal(root, "2", [source, f"validation={more}"], spec=spec) == (
        '--input: records without a split of their own go to {"train":1}, and in the base 1 to '
        '{"train":0.9,"validation":0.1}, so that one could be in two splits; name the same splits with SPLIT=, or say '
        "split.fractions in the spec of all spans"
    )
    assert span_job(root, "2", [f"validation={more}"], spec=spec).named_splits == {"validation"}
    assert span_job(root, "2", [source, f"test={more}"], spec=spec).fractions == {"train": 0.9, "validation": 0.1}


def test_files_that_the_spec_names_must_be_those_of_the_base(tmp_path: Path, source: str) -> None:
    root, spec = tmp_path / "out", files_spec(tmp_path)
    publish(root, "1", source, spec=spec)
    job = span_job(root, "2", source, spec=spec)
    assert {file.path for file in job.given} == {str(path) for path in (folder(root, "1") / "vocabulary").glob("*-*")}
    (tmp_path / "text.txt").write_text("b\na\nthe\n")
    assert refusal(root, "2", source, spec=spec) == (
        f"{tmp_path / 'text.txt'}: is not what it was for the base 1, so that ids would mean something else; put the "
        "old file back, or write all spans to another folder"
    )


def test_tokenizer_files_must_be_those_of_the_base(tmp_path: Path, source: str) -> None:
    tokenizers = pytest.importorskip("tokenizers")

    def save(*words: str) -> None:
        model = tokenizers.models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
        library = tokenizers.Tokenizer(model)
        library.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        library.save(str(tmp_path / "t.json"))

    save("[UNK]", "a", "b")
    spec = f"id: id\nsequences: {{text: {{type: tokens, tokenizer: subwords, tokenizer_file: {tmp_path / 't.json'}}}}}"
    root = tmp_path / "out"
    base, span = (publish(root, name, source, spec=spec) for name in "12")
    assert span.tokenizers == base.tokenizers
    assert (folder(root, "2") / span.tokenizers["text"].path).is_file()
    save("[UNK]", "a", "c")
    assert refusal(root, "3", source, spec=spec).startswith(f"{tmp_path / 't.json'}: is not what it was for the base 1")


def test_what_only_files_state_is_not_extended(tmp_path: Path, source: str) -> None:
    root, spec = tmp_path / "out", files_spec(tmp_path)
    publish(root, "1", source, spec=spec)
    assert refusal(root, "2", source, extend=3, spec=spec) == (
        "--extend_vocabulary: files of the spec state all vocabularies, so that nothing can be added; leave it out"
    )
    counted = spec.replace(f"vocabulary: {{file: {tmp_path / 'text.txt'}}}", "empty: drop")
    publish(tmp_path / "counted", "1", source, spec=counted)
    assert span_job(tmp_path / "counted", "2", source, extend=3, spec=counted).span is not None


def test_numbers_alone_are_not_extended(tmp_path: Path) -> None:
    records = [{"x": [[i, 1]], "y": i} for i in range(20)]
    source = write_jsonl(tmp_path / "x.jsonl", records)
    spec = "sequences: {x: {type: series, dims: 2, normalize: zscore}}\nlabel: {from: y, type: number}"
    publish(tmp_path / "out", "1", source, spec=spec)
    assert refusal(tmp_path / "out", "2", source, extend=3, spec=spec) == (
        "--extend_vocabulary: the spec has no vocabulary and no classes, so that nothing can be added; leave it out"
    )


def test_names_and_folders_are_checked(tmp_path: Path, source: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert refusal(tmp_path / "out", "../x", source).startswith("--span '../x': a name is 1 to 64 letters")
    assert refusal(tmp_path / "out", "x", source, "a/b").startswith("--base 'a/b': a name is 1 to 64 letters")
    assert refusal(file, "x", source) == f"--output '{file}': is a file; name the folder of all spans"
    assert not (tmp_path / "out").exists()


def test_a_damaged_span_is_told_before_anything_is_written(tmp_path: Path, source: str) -> None:
    root = tmp_path / "out"
    publish(root, "1", source)
    (folder(root, "1") / "manifest.json").write_text('{"format_version": 3}')
    with pytest.raises(DataError, match="has format version 3; this release reads 1 and 2; write the data set again"):
        span_job(root, "2", source)
    assert not folder(root, "2").exists()


def test_a_base_that_changes_while_it_is_read_is_told(tmp_path: Path, source: str) -> None:
    root = tmp_path / "out"
    base = publish(root, "1", source)
    job = span_job(root, "2", source)
    path = folder(root, "1") / base.vocabularies["text"].path
    path.write_text("other\n")
    with pytest.raises(DataError) as caught:
        run_job(job)
    assert str(caught.value) == f"{path}: has changed since the run began; run again when nobody writes to it"
    assert not (folder(root, "2") / "manifest.json").exists()


def test_what_a_run_says_of_its_plan(tmp_path: Path, source: str) -> None:
    root = tmp_path / "out"
    assert describe_plan(make_job(REVIEW_SPEC, source, tmp_path / "alone")) == []
    assert describe_plan(span_job(root, "1", source)) == [
        "1: plans vocabularies, normalisation and buckets, which later spans will take"
    ]
    publish(root, "1", source)
    assert describe_plan(span_job(root, "2", source)) == ["2: takes vocabularies, normalisation and buckets from 1"]
    assert describe_plan(span_job(root, "2", source, extend=1_000)) == [
        "2: takes vocabularies, normalisation and buckets from 1, with up to 1,000 new entries in each vocabulary"
    ]
    publish(root, "2", source)
    assert describe_plan(span_job(root, "1", source, replace=True)) == [
        "1: its vocabularies, normalisation and buckets stay as they are, because 2 took them from it"
    ]


def test_what_the_json_of_a_run_says() -> None:
    assert describe_span(Manifest(), PUBLISHED) == {}
    told = {"name": "a", "base": None, "generation": 0, "extends": False}
    assert describe_span(Manifest(span=Span(name="a")), PUBLISHED) == {"status": "published", "span": told}


def test_no_data_set_lies_among_the_spans_of_another(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "out", "1", source)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path / "out")
    for root, inside, span in itertools.product(
        (str(tmp_path / "out"), "."),
        ("spans", "spans/new", "spans/1", "spans/1/train", "spans/2/../1"),
        (None, SpanRequest("2")),
    ):
        output = str(Path(root, inside))
        with pytest.raises(UsageError) as caught:
            make_job(REVIEW_SPEC, source, Path(root, inside), span=span, replace=True)
        assert str(caught.value) == (
            f"--output {output}: lies among the spans of {root}, which another data set there would break; say "
            f"--output {root} --span NAME, or name another folder"
        )
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_may_be_called_as_that_of_spans(tmp_path: Path, source: str) -> None:
    assert publish(tmp_path / "spans" / "out", "1", source).span.name == "1"
