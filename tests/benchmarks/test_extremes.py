"""The extreme inputs are what they say they are, and a run that loses records counts as failed."""

import collections
import json
from pathlib import Path

import extreme_inputs
import pytest
from extremes import DISTINCT, LONG, Extreme, complaint, result_text, scaled
from measure import Cost
from project import Outcome


def _lines(count: int) -> list[str]:
    return [json.dumps({"id": number, "text": f"text {number:04}", "label": 0}) + "\n" for number in range(count)]


def _outcome(read: int = 4, kept: int = 4, distinct: int = 9, seconds: float = 2.0) -> Outcome:
    counts = {"read": read, "kept": kept}
    manifest = {"counts": counts, "vocabularies": {"text": {"distinct": distinct}}, "fingerprint": "ab" * 32}
    return Outcome(Cost(seconds, 1, 300_000_000), manifest)


@pytest.mark.parametrize("tokens", [1, 50, 130])
def test_no_token_comes_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokens: int) -> None:
    monkeypatch.setattr(extreme_inputs, "RECORDS_AT_A_TIME", 2)
    path = tmp_path / "distinct.jsonl"
    assert extreme_inputs.main(["distinct", str(tokens), str(path)]) == 0
    records = [json.loads(line) for line in path.read_text().splitlines()]
    words = [word for record in records for word in record["text"].split(" ")]
    assert collections.Counter(words) == collections.Counter(f"w{number}" for number in range(tokens))
    assert [record["id"] for record in records] == list(range(-(-tokens // 50)))
    assert b"".join(block.to_pybytes() for block in extreme_inputs.distinct_blocks(tokens)) == path.read_bytes()


def test_one_record_holds_the_texts_from_the_middle_on() -> None:
    lines = _lines(10)
    made = list(extreme_inputs.lines_with_one_long(lines, 25))  # ten bytes each with its blank
    assert made[:5] == lines[:5]
    assert json.loads(made[5]) == {"id": 5, "text": "text 0005 text 0006 text 0007", "label": 1}
    assert made[6:] == lines[8:]


def test_a_corpus_too_small_for_the_long_record_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"^the second half of the corpus has 50 bytes of text, fewer than 51$"):
        list(extreme_inputs.lines_with_one_long(_lines(10), 51))


def test_records_are_dealt_out_to_files(tmp_path: Path) -> None:
    lines = _lines(5)
    extreme_inputs.deal(lines, 2, tmp_path / "many")
    files = sorted((tmp_path / "many").iterdir())
    assert [file.name for file in files] == ["000000.jsonl", "000001.jsonl"]
    assert [file.read_text() for file in files] == ["".join(lines[0::2]), "".join(lines[1::2])]


def test_what_a_run_must_have_done() -> None:
    assert complaint(_outcome(), records=4, distinct=9) == ""
    assert complaint(_outcome(kept=3)) == "4 records read, 3 kept"
    assert complaint(_outcome(), records=5) == "4 records read of 5"
    assert complaint(_outcome(), distinct=10) == "9 different tokens found of 10"


def test_sizes_shrink_but_never_to_nothing() -> None:
    assert [scaled(20_000, scale) for scale in (1, 0.02, 0.00001)] == [20_000, 400, 1]


def test_the_table_compares_with_the_plain_input_where_there_is_one() -> None:
    results = [
        Extreme(DISTINCT, "5 tokens", _outcome()),
        Extreme(LONG, "one of 1 MB", _outcome(seconds=3), plain=_outcome()),
        Extreme("more", "more", failure="failed: Error: x"),
    ]
    assert [result.relative_seconds for result in results] == [None, 1.5, None]
    assert result_text(results).splitlines()[4:7] == [
        "| 5 tokens | 2.0 | – | 300 | – | yes |",
        "| one of 1 MB | 3.0 | 1.50 | 300 | 1.00 | yes |",
        "| more | – | – | – | – | failed: Error: x |",
    ]
