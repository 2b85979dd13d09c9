"""Subwords of small tokenizers that are trained here."""

import sys

import pyarrow as pa
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from schemas.errors import UsageError
from schemas.records.subwords import load_subwords

TEXTS = ["low lower lowest", "newer wider été"] * 5
RULE = "it must be a tokenizer.json of the library 'tokenizers'; save one with Tokenizer.save"


def byte_pairs(dropout: float | None = None) -> Tokenizer:
    """One with all that the pipeline must not apply: special tokens, truncation, padding."""
    library = Tokenizer(models.BPE(dropout=dropout))
    library.pre_tokenizer = pre_tokenizers.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    library.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=300, initial_alphabet=alphabet, special_tokens=["[CLS]", "[PAD]"], show_progress=False
        ),
    )
    cls = ("[CLS]", library.token_to_id("[CLS]"))
    library.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[cls])
    library.enable_truncation(2)
    library.enable_padding(length=50)
    return library


def words() -> Tokenizer:
    """One without a token for unknown words."""
    library = Tokenizer(models.WordLevel())
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    library.train_from_iterator(TEXTS, trainers.WordLevelTrainer(show_progress=False))
    return library


def test_nothing_is_added_cut_or_padded() -> None:
    found = load_subwords(byte_pairs().to_str().encode(), "t.json").tokenize(pa.array(["lower newest 中", "", "low"]))
    found.validate(full=True)
    assert found.type == pa.list_(pa.dictionary(pa.int32(), pa.string()))
    assert found.to_pylist() == [["Ġlower", "Ġnew", "es", "t", "Ġ", "ä", "¸", "Ń"], [], ["Ġlow"]]
    assert len(found.values.dictionary) == len(set(found.values.dictionary.to_pylist())) == 9


@pytest.mark.parametrize(("texts", "wanted"), [([], []), (["", ""], [[], []])])
def test_no_tokens_at_all(texts: list[str], wanted: list[list[str]]) -> None:
    found = load_subwords(byte_pairs().to_str().encode(), "t.json").tokenize(pa.array(texts, pa.string()))
    assert found.to_pylist() == wanted


def test_a_part_of_a_column() -> None:
    subwords = load_subwords(byte_pairs().to_str().encode(), "t.json")
    texts = pa.array(["lower", "newer low", "wider"])
    assert subwords.tokenize(texts.slice(1, 1)).to_pylist() == [["Ġnewer", "Ġlow"]]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "EOF while parsing a value at line 1 column 0"),
        (b"{}", "Model missing. at line 1 column 2"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b"[1]", "invalid type: sequence, expected struct Tokenizer at line 1 column 1"),
    ],
)
def test_a_file_that_is_no_tokenizer(content: bytes, fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_subwords(content, "t.json")
    assert str(caught.value) == f"t.json: {fault}; {RULE}"


def test_a_cut_file() -> None:
    with pytest.raises(UsageError, match=r"^t\.json: EOF while parsing [^\n]*; it must be a tokenizer\.json [^\n]*$"):
        load_subwords(byte_pairs().to_str().encode()[:200], "t.json")


def test_a_tokenizer_that_cuts_at_random() -> None:
    with pytest.raises(UsageError) as caught:
        load_subwords(byte_pairs(dropout=0.5).to_str().encode(), "t.json")
    rule = "its model has the dropout 0.5, which cuts the same text in different ways; set it to null"
    assert str(caught.value) == f"t.json: {rule}"


def test_a_text_that_the_model_does_not_know() -> None:
    subwords = load_subwords(words().to_str().encode(), "t.json")
    assert subwords.tokenize(pa.array(["low wider"])).to_pylist() == [["low", "wider"]]
    with pytest.raises(UsageError) as caught:
        subwords.tokenize(pa.array(["low high"]))
    fault = "WordLevel error: Missing [UNK] token from the vocabulary"
    remedy = "give its model a token for what it does not know"
    assert str(caught.value) == f"t.json: the tokenizer cannot cut a text: {fault}; {remedy}"


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UsageError) as caught:
        load_subwords(b"{}", "t.json")
    fault = "the tokenizer 'subwords' needs the library 'tokenizers'; install lengthwise[subwords]"
    assert str(caught.value) == f"t.json: {fault}"
