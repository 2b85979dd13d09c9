"""Text rules against the Unicode data of Python, over every code point.

Code points that Python's tables do not know yet are left out where their category matters, because
the rules are of a newer version of Unicode.
"""

import sys
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.dataset_pb2 import Normalization, SequenceFeature, Tokenizer
from schemas.records.text import TEXT_RULES, byte_tokens, lower, normalize_text, tokenize

EVERY = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
ASSIGNED = [c for c in EVERY if unicodedata.category(c) != "Cn"]
# Python counts four separators as space that do not have the property White_Space.
WHITE_SPACE = {c for c in EVERY if c.isspace()} - set("\x1c\x1d\x1e\x1f")
APOSTROPHES = "'’"

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
dense_text = st.text("ab1_É\u0301'’ .,!-\t\n\r\x1c\x85\xa0\u2003\u2028\u3000\u200b中😀", max_size=14)
words_text = st.text(st.characters(exclude_categories=["Cs", "Cn"]), max_size=12) | dense_text


def strings(texts: list[str]) -> pa.StringArray:
    return pa.array(texts, pa.string())


def tokens(texts: list[str], tokenizer: str, lowercase: bool = False) -> list[list[str]]:
    feature = SequenceFeature(tokenizer=Tokenizer.Value.Value(tokenizer), lowercase=lowercase)
    found: list[list[str]] = tokenize(strings(texts), feature).to_pylist()
    return found


def chunks(points: list[str], size: int = 997) -> list[list[str]]:
    return [points[i : i + size] for i in range(0, len(points), size)]


def is_letter(c: str) -> bool:
    return c == "_" or unicodedata.category(c)[0] in "LMN"


def whitespace_reference(text: str) -> list[str]:
    pieces = "".join(" " if c in WHITE_SPACE else c for c in text).split(" ")
    return [piece for piece in pieces if piece]


def words_reference(text: str) -> list[str]:
    found: list[str] = []
    i = 0
    while i < len(text):
        start = i
        while i < len(text) and (
            is_letter(text[i])
            or (start < i and text[i] in APOSTROPHES and i + 1 < len(text) and is_letter(text[i + 1]))
        ):
            i += 1
        if i > start:
            found.append(text[start:i])
        else:
            found += [] if text[i] in WHITE_SPACE else [text[i]]
            i += 1
    return found


def lower_reference(text: str) -> str:
    """One code point for one: the only longer mapping, U+0130, keeps its first."""
    return "".join(c.lower()[0] for c in text)


def test_white_space_is_the_unicode_property() -> None:
    assert len(WHITE_SPACE) == 25


def test_whitespace_over_every_code_point() -> None:
    texts = ["a" + "a".join(chunk) + "a" for chunk in chunks(EVERY)] + ["".join(chunk) for chunk in chunks(EVERY)]
    assert tokens(texts, "whitespace") == [whitespace_reference(text) for text in texts]


def test_words_over_every_code_point() -> None:
    texts = ["".join(chunk) for chunk in chunks(ASSIGNED)]
    texts += ["'a".join(chunk) for chunk in chunks(ASSIGNED)] + [" ".join(chunk) for chunk in chunks(ASSIGNED)]
    assert tokens(texts, "words") == [words_reference(text) for text in texts]


def test_characters_over_every_code_point() -> None:
    texts = ["".join(chunk) for chunk in chunks(EVERY)]
    assert tokens(texts, "characters") == [list(text) for text in texts]


def test_lower_case_over_every_code_point() -> None:
    assert lower(strings(ASSIGNED)).to_pylist() == [lower_reference(c) for c in ASSIGNED]


@pytest.mark.parametrize(
    ("tokenizer", "text", "wanted"),
    [
        ("whitespace", "", []),
        ("whitespace", " \t\n\u2028", []),
        ("whitespace", " a  b\u00a0c\x1cd ", ["a", "b", "c\x1cd"]),
        ("words", "", []),
        ("words", "Don't stop-me, 3.5 'now'!", ["Don't", "stop", "-", "me", ",", "3", ".", "5", "'", "now", "'", "!"]),
        ("words", "l’été a_b rock'n'roll", ["l’été", "a_b", "rock'n'roll"]),
        ("words", "中文 e\u0301 😀😀", ["中文", "e\u0301", "😀", "😀"]),
        ("words", "\\0 \\1", ["\\", "0", "\\", "1"]),
        ("characters", "", []),
        ("characters", "a \né😀", ["a", " ", "\n", "é", "😀"]),
    ],
)
def test_tokens(tokenizer: str, text: str, wanted: list[str]) -> None:
    assert tokens([text], tokenizer) == [wanted]
    assert tokens(["b", text, "b"], tokenizer) == [["b"], wanted, ["b"]]


@given(st.lists(any_text | dense_text, max_size=5))
@example(["", ""])
@example(["a b", "c\td"])
def test_whitespace(texts: list[str]) -> None:
    assert tokens(texts, "whitespace") == [whitespace_reference(text) for text in texts]


@given(st.lists(words_text, max_size=5))
@example(["a''b", "'a", "a'", "a'’b", "it's"])
def test_words(texts: list[str]) -> None:
    assert tokens(texts, "words") == [words_reference(text) for text in texts]


@given(st.lists(any_text, max_size=5), st.integers(0, 5), st.integers(0, 5))
def test_characters_of_any_part_of_a_column(texts: list[str], start: int, length: int) -> None:
    part = strings(texts).slice(start, length)
    feature = SequenceFeature(tokenizer=Tokenizer.characters)
    assert tokenize(part, feature).to_pylist() == [list(text) for text in texts[start : start + length]]


@given(st.lists(words_text, max_size=5), st.integers(0, 5))
def test_tokens_of_any_part_of_a_column(texts: list[str], start: int) -> None:
    for tokenizer in (Tokenizer.words, Tokenizer.whitespace):
        feature = SequenceFeature(tokenizer=tokenizer, lowercase=True)
        whole = tokenize(strings(texts), feature).to_pylist()
        assert tokenize(strings(texts).slice(start), feature).to_pylist() == whole[start:]


@given(st.lists(words_text, max_size=5), st.sampled_from(["words", "whitespace", "characters"]))
def test_lower_case_comes_first(texts: list[str], tokenizer: str) -> None:
    assert tokens(texts, tokenizer, lowercase=True) == tokens([lower_reference(text) for text in texts], tokenizer)


@given(st.lists(words_text | st.text("ABab", max_size=3), max_size=5))
def test_lower_case_knows_nothing_of_its_neighbours(texts: list[str]) -> None:
    each = [lower(strings([text])).to_pylist()[0] for text in texts]
    assert lower(strings(texts)).to_pylist() == each == [lower_reference(text) for text in texts]


def test_ascii_and_other_rows_together() -> None:
    wanted = [["abc", "z"], ["éç", "i"], ["ασ"], ["i"]]
    assert tokens(["ABC Z", "ÉÇ I", "ΑΣ", "İ"], "whitespace", lowercase=True) == wanted


def test_no_rule_depends_on_the_tables_of_a_library() -> None:
    patterns = [pattern for rule in TEXT_RULES.values() for pattern, _ in rule.replacements]
    assert [pattern for pattern in patterns if "\\p" in pattern or "\\P" in pattern] == []


@given(st.lists(any_text | dense_text, max_size=5), st.integers(0, 5))
@example([], 0)
@example(["", "é"], 1)
def test_bytes(texts: list[str], start: int) -> None:
    found = byte_tokens(strings(texts).slice(start))
    assert found.to_pylist() == [[f"<0x{byte:02X}>" for byte in text.encode()] for text in texts[start:]]
    assert len(set(found.values.dictionary.to_pylist())) == len(found.values.dictionary)


def test_the_bytes_of_a_text() -> None:
    assert byte_tokens(strings(["Aé\n", ""])).to_pylist() == [["<0x41>", "<0xC3>", "<0xA9>", "<0x0A>"], []]


@pytest.mark.parametrize("form", ["nfc", "nfd", "nfkc", "nfkd"])
def test_normalisation_forms_of_every_code_point(form: str) -> None:
    found = normalize_text(strings(ASSIGNED), form).to_pylist()
    assert found == [unicodedata.normalize(form.upper(), c) for c in ASSIGNED]


def test_normalisation_forms() -> None:
    texts = strings(["ﬁ e\u0301", "plain"])
    forms = {form: normalize_text(texts, form).to_pylist() for form in ("none", "nfc", "nfkc", "nfkd")}
    assert forms == {
        "none": ["ﬁ e\u0301", "plain"],
        "nfc": ["ﬁ é", "plain"],
        "nfkc": ["fi é", "plain"],
        "nfkd": ["fi e\u0301", "plain"],
    }
    assert normalize_text(strings(["plain"]), "nfd").to_pylist() == ["plain"]


def test_texts_are_normalised_then_lowered_then_cut() -> None:
    texts = strings(["ﬁ É", "E\u0301"])
    feature = SequenceFeature(tokenizer=Tokenizer.characters, normalization=Normalization.nfkd, lowercase=True)
    assert tokenize(texts, feature).to_pylist() == [["f", "i", " ", "e", "\u0301"], ["e", "\u0301"]]
    feature = SequenceFeature(tokenizer=Tokenizer.bytes, normalization=Normalization.nfc, lowercase=True)
    assert tokenize(texts.slice(1), feature).to_pylist() == [["<0xC3>", "<0xA9>"]]
    # The Kelvin sign is a K in every form.
    feature = SequenceFeature(tokenizer=Tokenizer.words, normalization=Normalization.nfc)
    assert tokenize(strings(["5K"]), feature).to_pylist() == [["5K"]]
