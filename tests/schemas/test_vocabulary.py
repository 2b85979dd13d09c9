"""The order of a vocabulary, its file, and the ids it gives."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.hashing import hash_strings
from schemas.vocabulary import Vocabulary, as_tokens, dump_tokens, parse_tokens, ranked

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
awkward = st.one_of(texts, st.text("\\nr0\n\r\0\u2028\u0085\t ", max_size=4))


def strings(values: list[str]) -> pa.StringArray:
    return pa.array(values, pa.string())


def in_order(counts: dict[str, int], top_k: int = 0, min_frequency: int = 1) -> list[str]:
    table = pa.table({"token": strings(list(counts)), "count": pa.array(counts.values(), pa.int64())})
    best = ranked(table, top_k, min_frequency)
    assert best["count"].to_pylist() == [counts[token] for token in best["token"].to_pylist()]
    return [str(token) for token in as_tokens(best["token"], "text").to_pylist()]


def test_the_order_and_ids_of_the_documentation() -> None:
    tokens = in_order({"b": 2, "a": 2, "c": 5})
    assert tokens == ["c", "a", "b"]
    vocabulary = Vocabulary(strings(tokens), first_id=2)
    assert vocabulary.encode(strings(["c", "a", "b", "z", "", "c"])).tolist() == [2, 3, 4, 1, 1, 2]


@given(
    st.dictionaries(awkward, st.integers(1, 4), max_size=12),
    st.integers(0, 6),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_rank_is_a_total_order(counts: dict[str, int], top_k: int, min_frequency: int, random: object) -> None:
    frequent = [token for token in counts if counts[token] >= min_frequency]
    wanted = sorted(frequent, key=lambda token: (-counts[token], token.encode()))
    shuffled = list(counts.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert in_order(dict(shuffled), top_k, min_frequency) == (wanted[:top_k] if top_k else wanted)


def test_ties_at_the_end_go_by_utf8_bytes_and_not_by_utf16() -> None:
    # U+FF61 comes before U+10000 as bytes and as code points, behind it as UTF-16 units.
    counts = {"\U00010000": 1, "｡": 1, "é": 1, "z": 1, "Z": 1}
    assert in_order(counts) == ["Z", "z", "é", "｡", "\U00010000"]
    assert in_order(counts, top_k=3) == ["Z", "z", "é"]


def test_min_frequency_is_included() -> None:
    counts = {"a": 1, "b": 2, "c": 3}
    assert [in_order(counts, min_frequency=least) for least in (1, 2, 3, 4)] == [["c", "b", "a"], ["c", "b"], ["c"], []]


def test_classes_have_no_padding_and_know_the_unknown() -> None:
    classes = Vocabulary(strings(["spam", "ham"]), first_id=0)
    assert classes.encode(strings(["ham", "eggs", "spam"])).tolist() == [1, -1, 0]


@given(st.lists(st.sampled_from(["a", "b", "", "\0", "new"]), max_size=9), st.integers(0, 4))
def test_a_dictionary_is_encoded_as_its_strings(tokens: list[str], start: int) -> None:
    known = Vocabulary(strings(["b", "", "a"]), first_id=2)
    coded = strings(tokens).dictionary_encode().slice(start)
    assert known.encode(coded).tolist() == known.encode(strings(tokens[start:])).tolist()


@given(st.lists(texts, unique=True, max_size=40), st.lists(texts, max_size=3))
def test_a_few_tokens_are_found_in_a_large_vocabulary(known: list[str], tokens: list[str]) -> None:
    wanted = [known.index(token) + 2 if token in known else 1 for token in [*tokens, *known[:2]]]
    assert Vocabulary(strings(known), first_id=2).encode(strings([*tokens, *known[:2]])).tolist() == wanted


def test_tokens_beyond_what_a_vocabulary_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.vocabulary._MOST_BYTES", 1000)
    chunks = pa.chunked_array([["é" * 249], ["e" * 500]], pa.large_string())
    assert as_tokens(chunks, "text").to_pylist() == ["é" * 249, "e" * 500]
    with pytest.raises(DataError) as raised:
        as_tokens(pa.chunked_array([*chunks.chunks, pa.array([""], pa.large_string())]), "text")
    assert str(raised.value) == (
        "'text': the tokens of the vocabulary hold 1,001 bytes, 1,000 is the most; set top_k or min_frequency"
    )


def test_an_empty_vocabulary_knows_nothing() -> None:
    nothing = Vocabulary(strings([]), first_id=2)
    assert nothing.encode(strings(["a", ""])).tolist() == [1, 1]
    assert nothing.encode(strings([])).tolist() == []


def test_the_empty_token_is_a_token() -> None:
    assert Vocabulary(strings(["", "a"]), first_id=2).encode(strings(["a", ""])).tolist() == [3, 2]


def test_the_bytes_of_a_file() -> None:
    tokens = strings(["the", "", "a\nb", "\r", "nul\0", "\\n", "\u2028", "tab\t", " "])
    content = "the\n\na\\nb\n\\r\nnul\\0\n\\\\n\n\u2028\ntab\t\n \n".encode()
    assert dump_tokens(tokens) == content
    assert parse_tokens(content, "v.txt").to_pylist() == tokens.to_pylist()


@given(st.lists(awkward, unique=True, max_size=12))
@example([])
@example([""])
@example(["\n", "\\n", "\\", "\\\\", "n", "\r\n", "\0", "\u2028", "\x85"])
def test_a_file_holds_any_tokens(tokens: list[str]) -> None:
    content = dump_tokens(strings(tokens))
    assert parse_tokens(content, "v.txt").to_pylist() == tokens
    assert content.count(b"\n") == len(tokens)
    assert b"\r" not in content
    assert b"\0" not in content


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (
            b"a\nb",
            "vocabulary v.txt: the last line does not end; the file is cut off; write the data set again",
        ),
        (
            b"a\n\xff\n",
            "vocabulary v.txt: is no UTF-8 ('utf-8' codec can't decode byte 0xff in position 2: invalid start byte); "
            "write the data set again",
        ),
        (b"a\nb\\t\n", "vocabulary v.txt, line 2: '\\t' is no escape; write '\\\\' for a backslash"),
        (b"a\\\n", "vocabulary v.txt, line 1: '\\' is no escape; write '\\\\' for a backslash"),
        (b"a\nb\nc\nb\na\n", "vocabulary v.txt, line 4: 'b' stands there twice; remove one"),
        (b"\n\n", "vocabulary v.txt, line 2: '' stands there twice; remove one"),
    ],
)
def test_damaged_files(content: bytes, error: str) -> None:
    with pytest.raises(DataError) as raised:
        parse_tokens(content, "v.txt")
    assert str(raised.value) == error


@given(st.binary(max_size=30) | st.text("ab\\n\n0", max_size=20).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        tokens = parse_tokens(content, "v.txt")
    except DataError:
        return
    assert parse_tokens(dump_tokens(tokens), "v.txt").to_pylist() == tokens.to_pylist()


@pytest.mark.parametrize("hashes", ["as they are", "two for all", "one for all"])
def test_a_large_vocabulary_is_looked_up_by_hash(hashes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if hashes != "as they are":
        most = 2 if hashes == "two for all" else 1
        monkeypatch.setattr(
            "schemas.vocabulary.hash_strings", lambda tokens: (hash_strings(tokens) % np.uint64(most)).astype(np.uint64)
        )
    tokens = [f"w{i}" for i in range(100)] + ["", "\0", "東京"]
    vocabulary = Vocabulary(strings(tokens), first_id=2)
    asked = ["w5", "", "w100", "東京", "\0", "w5", "x", "東", "w0"]
    assert vocabulary.encode(strings(asked)).tolist() == [7, 102, 1, 104, 103, 7, 1, 1, 2]
    assert vocabulary.encode(strings(["zz", *asked])[1:]).tolist() == [7, 102, 1, 104, 103, 7, 1, 1, 2]
    assert vocabulary.encode(strings([])).tolist() == []
    assert vocabulary.encode(pa.array(["w1", None], pa.string())).tolist() == [3, 1]


def test_tokens_that_share_a_hash_may_stand_in_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.vocabulary.hash_strings", lambda tokens: np.zeros(len(tokens), np.uint64))
    assert parse_tokens(b"a\nb\nc\n", "v.txt").to_pylist() == ["a", "b", "c"]
    with pytest.raises(DataError, match="line 3: 'a' stands there twice"):
        parse_tokens(b"a\nb\na\nb\n", "v.txt")


def test_a_file_of_more_than_arrow_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.vocabulary._MOST_BYTES", 6)
    assert parse_tokens(b"a\nb\nc\n", "v.txt").to_pylist() == ["a", "b", "c"]
    with pytest.raises(DataError) as raised:
        parse_tokens(b"abc\nab\n", "v.txt")
    assert str(raised.value) == "vocabulary v.txt: holds 7 bytes; 2 GiB is the most; write the data set again"
