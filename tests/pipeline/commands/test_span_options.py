"""Spans on the command line: what options mean, what is printed, with which code it ends."""

import argparse
import json
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.commands.span_options import add_span_options, span_request
from pipeline.report.words import percent
from pipeline.spans.request import SpanRequest
from schemas.errors import UsageError
from tests.pipeline.helpers import REVIEW_SPEC, review_records, tree, write_jsonl


def request_of(*flags: str) -> SpanRequest | None:
    parser = argparse.ArgumentParser()
    add_span_options(parser)
    return span_request(parser.parse_args(flags))


def test_what_options_mean() -> None:
    assert request_of() is None
    assert request_of("--span", "a") == SpanRequest("a")
    assert request_of("--span", "a", "--base", "b", "--extend_vocabulary", "7") == SpanRequest("a", "b", 7)


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--base", "b"], "--base b: says nothing without --span NAME; add it, or leave --base out"),
        (
            ["--extend_vocabulary", "7"],
            "--extend_vocabulary 7: says nothing without --span NAME; add it, or leave --extend_vocabulary out",
        ),
        (["--span", "2026-13-01"], "--span 2026-13-01: there is no such date; correct it"),
        (["--span", "a", "--base", "2026-13-01"], "--base 2026-13-01: there is no such date; correct it"),
        *(
            (
                ["--span", "a", "--extend_vocabulary", number],
                f"--extend_vocabulary {number}: is no number of entries; say the most to add, such as 1000",
            )
            for number in ("0", "x", "1.5", "²", "99999999999")
        ),
    ],
)
def test_options_that_mean_nothing(flags: list[str], error: str) -> None:
    with pytest.raises(UsageError) as caught:
        request_of(*flags)
    assert str(caught.value) == error


def test_a_span_is_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = write_jsonl(tmp_path / "a.jsonl", review_records(40)), tmp_path / "out"
    (tmp_path / "spec.yaml").write_text(REVIEW_SPEC)
    flags = ["run", "--spec", str(tmp_path / "spec.yaml"), "--output", str(output), "--span", "2026-11-20", "--input"]
    assert main([*flags, source]) == 0
    out, err = capsys.readouterr()
    first, folder = json.loads(out), output / "spans" / "2026-11-20"
    assert first["status"] == "published"
    assert first["span"] == {"name": "2026-11-20", "base": None, "generation": 0, "extends": False}
    assert (first["output"], first["report"]) == (str(folder), str(folder / "report.html"))
    before = {path: (folder / path).stat().st_mtime_ns for path in tree(folder)}
    assert main([*flags, source]) == 0
    out, err = capsys.readouterr()
    again = json.loads(out)
    of_runs = {"status", "run", "seconds"}
    assert again["status"] == "unchanged"
    assert {name: again[name] for name in again.keys() - of_runs} == {
        name: first[name] for name in first.keys() - of_runs
    }
    assert err == "2026-11-20: is published already with the same input; nothing to do; --replace writes it again\n"
    assert {path: (folder / path).stat().st_mtime_ns for path in tree(folder)} == before
    other = write_jsonl(tmp_path / "b.jsonl", review_records(30))
    assert main([*flags, other]) == 2
    assert capsys.readouterr().err == (
        "error: 2026-11-20: is published already, and the input b.jsonl is new, and a.jsonl is missing; say --replace "
        "to write it again\n"
    )
    assert main([*flags, other, "--replace", "--no_report"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["read"] == 30


def test_a_span_without_training_records_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", review_records(60))
    spec = "id: id\nsequences: {text: {type: tokens, tokenizer: whitespace}}\nlabel: {from: stars, type: class}\n"
    (tmp_path / "spec.yaml").write_text(spec)
    flags = ["run", "--spec", str(tmp_path / "spec.yaml"), "--output", str(tmp_path / "out"), "--span"]
    assert main([*flags, "1", "--input", source]) == 0
    capsys.readouterr()
    news = [record | {"text": f"unknown {record['text']}"} for record in review_records(60)]
    assert main([*flags, "2", "--input", f"test={write_jsonl(tmp_path / 'b.jsonl', news)}"]) == 0
    out, err = capsys.readouterr()
    told, lines = json.loads(out), err.splitlines()
    assert told["splits"] == {"test": 60}
    assert set(told["vocabularies"]["text"]) == {"size", "oov_rates"}
    rate = told["vocabularies"]["text"]["oov_rates"]["test"]
    assert lines[1:4] == [
        "2: takes vocabularies, normalisation and buckets from 1",
        "60 records read, 60 kept (test 60)",
        f"text: vocabulary of {told['vocabularies']['text']['size']}, from 1; steps out of vocabulary: test {rate:.2%}",
    ]
    assert lines[5] == (
        f"next: {percent(rate)} of the steps of 'text' in split 'test' are out of vocabulary: the vocabulary is that "
        "of the span '1'; extend it with --extend_vocabulary"
    )
    page = Path(told["report"]).read_text()
    assert "There are no training records." in page
    assert "those of the span" in page
