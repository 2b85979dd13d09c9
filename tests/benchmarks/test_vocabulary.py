"""The input has the tokens that it should have, and a vocabulary that is not theirs is told."""

import collections
import hashlib
import json
from pathlib import Path

import pytest
from measure import Cost
from project import Outcome
from vocabulary import TOP_K, Result, further_occurrences, judge, main, prepare_input, result_text, right_entries

TOKENS = 1_000


def outcome(**entry: object) -> Outcome:
    stated = {"sha256": "ab", "distinct": TOKENS, "size": 10, "tokens": 1_200, "covered": 300} | entry
    return Outcome(Cost(2.5, 1, 300_000_000), {"vocabularies": {"text": stated}})


def test_every_token_once_and_common_ones_more_often(tmp_path: Path) -> None:
    path, sha256 = prepare_input(TOKENS, tmp_path)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    counts = collections.Counter(word for record in records for word in record["text"].split(" "))
    assert counts == collections.Counter(f"w{i}" for i in [*range(TOKENS), *further_occurrences(TOKENS).tolist()])
    assert [len(record["text"].split(" ")) for record in records] == [50] * 24
    best = sorted(counts, key=lambda word: (-counts[word], word))[:20]
    assert right_entries(TOKENS, 20).decode().splitlines() == best
    assert sha256 == hashlib.sha256(right_entries(TOKENS, TOP_K)).hexdigest()
    assert prepare_input(TOKENS, tmp_path) == (path, sha256)


@pytest.mark.parametrize(
    ("way", "entry", "verdict", "right"),
    [
        ("exact", {}, "yes, to the byte", True),
        ("exact", {"sha256": "cd"}, "**no**", False),
        ("buckets", {"distinct": 999}, "**no**", False),
        ("all", {"size": TOKENS}, "all tokens", True),
        ("all", {}, "tokens are missing", False),
        ("documents", {}, "not checked: a record may have a token twice", True),
        ("approximate", {"tokens": 9_999_999}, "counts at most 0 too small (bound 9)", True),
        ("approximate", {"tokens": 9_999_999, "count_error": 10}, "counts at most 10 too small (bound 9)", False),
    ],
)
def test_what_is_right(way: str, entry: dict[str, object], verdict: str, right: bool) -> None:
    assert judge(way, outcome(**entry), TOKENS, "ab") == (verdict, right)


def test_the_table() -> None:
    results = [Result("exact", outcome(), "yes, to the byte", True), Result("all", None, "failed: no space", False)]
    lines = result_text(TOKENS, results).splitlines()
    assert lines[0] == "1,000 different tokens among 1,200, one run of each."
    assert lines[4:6] == [
        "| `top_k: 50000` | 2.5 | 300 | 10 | 0.250 | yes, to the byte |",
        "| `top_k: 0` | – | – | – | – | failed: no space |",
    ]


def test_a_run_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tokens", "60000", "--only", "buckets", "--cache", str(tmp_path)]) == 0
    assert "| 50,000 |" in capsys.readouterr().out
    assert not (tmp_path / "scratch" / "output").exists()
