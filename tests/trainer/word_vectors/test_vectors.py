"""Word vectors, from files as there are many kinds of them."""

import gzip
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.vocabulary import Vocabulary
from trainer.word_vectors import files as vector_files
from trainer.word_vectors.vectors import WordVectors, read_word_vectors

GLOVE = b"the 0.5 -1 2e-1\ncat 1 2 3\n. . . 4 5 6\nThe 7 8 9\n"


def vocabulary(*tokens: str, first_id: int = 2) -> Vocabulary:
    return Vocabulary(pa.array(tokens, pa.string()), first_id)


def read(folder: Path, content: bytes, *tokens: str, name: str = "v.txt", **kwargs: Any) -> WordVectors:
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return read_word_vectors(path, vocabulary(*tokens), **kwargs)


@pytest.mark.parametrize("name", ["v.txt", "v.vec.gz"])
def test_rows_by_id(tmp_path: Path, name: str) -> None:
    vectors = read(tmp_path, GLOVE, "cat", "the", "dog", ". . .", name=name)
    assert vectors.matrix.dtype == np.float32
    assert vectors.matrix.shape == (6, 3)
    assert vectors.matrix[0].tolist() == [0, 0, 0]
    assert vectors.matrix[[2, 3, 5]].tolist() == [[1, 2, 3], [0.5, -1, np.float32(0.2)], [4, 5, 6]]
    assert vectors.facts == {"dims": 3, "found": 3, "found_lowercased": 0, "tokens": 4, "unknown_share": None}


@pytest.mark.parametrize(
    "content",
    [
        b"2 2\nthe 1 2\ncat 3 4\n",
        b"2 2 \nthe 1 2 \ncat 3 4 \n",
        b"\xef\xbb\xbf2 2\r\nthe 1 2\r\ncat 3 4",
        b"\xef\xbb\xbfthe 1 2\ncat 3 4",
        b"the 1 2\n\ncat 3 4\nthe 9 9\n\n",
        b"\xff\xfe 8 8\nthe 1 2\n\xff 7 7\ncat 3 4\n",
    ],
)
def test_headers_ends_of_lines_marks_and_repeated_tokens(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content, "cat", "the").matrix[2:].tolist() == [[3, 4], [1, 2]]


def test_what_is_not_found_is_drawn_like_what_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    known = rng.normal([5, -3], [0.1, 2], size=(500, 2))
    content = "".join(f"t{i} {a:.6f} {b:.6f}\n" for i, (a, b) in enumerate(known)).encode()
    tokens = [f"t{i}" for i in range(500)] + [f"unknown{i}" for i in range(2000)]
    vectors = read(tmp_path, content, *tokens, seed=3)
    drawn = vectors.matrix[502:]
    np.testing.assert_allclose(drawn.mean(axis=0), [5, -3], atol=0.2)
    np.testing.assert_allclose(drawn.std(axis=0), known.std(axis=0), rtol=0.05)
    assert vectors.matrix[1].any()
    assert len(np.unique(drawn, axis=0)) == 2000
    assert read(tmp_path, content, *tokens, seed=3).matrix.tolist() == vectors.matrix.tolist()
    assert read(tmp_path, content, *tokens, seed=4).matrix[502:].tolist() != drawn.tolist()


def test_the_lower_case_only_where_the_token_itself_is_not_there(tmp_path: Path) -> None:
    vectors = read(tmp_path, GLOVE, "The", "Cat", "cat", "Dog", lowercase=True)
    assert vectors.matrix[2:5].tolist() == [[7, 8, 9], [1, 2, 3], [1, 2, 3]]
    assert (vectors.found, vectors.lowercased) == (3, 1)


def test_share_of_occurrences_that_are_unknown(tmp_path: Path) -> None:
    counts = np.array([6, 3, 1])
    assert read(tmp_path, GLOVE, "the", "dog", "bird", counts=counts).unknown_share == 0.4
    assert read(tmp_path, GLOVE, "the", counts=np.array([0])).unknown_share is None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is empty; a file of word vectors has a token and its numbers in each line"),
        (b"\nthe 1 2\n", ", line 1: holds no vector; a line is a token and its numbers with spaces between"),
        (
            b"the 1 2\ncat 1\n",
            ", line 2: has 1 numbers behind its token, line 1 has 2; "
            "all vectors of a file have as many, with one space between: mend or remove the line",
        ),
        (
            b"the 1 2\n\ncat 0.25 1 2\n",
            ", line 3: has 3 numbers behind its token, line 1 has 2; "
            "all vectors of a file have as many, with one space between: mend or remove the line",
        ),
        (
            b"2 2\nthe 1 2\nbig cat 1 2\n",
            ", line 3: has 3 numbers behind its token, line 1 says 2; "
            "all vectors of a file have as many, with one space between: mend or remove the line",
        ),
        (b"dog 1 2\nthe 1 2x\n", ", line 2, number 2: '2x' is no finite number; mend or remove the line"),
        (b"the nan 2\n", ", line 1, number 1: 'nan' is no finite number; mend or remove the line"),
        (b"dog 1 1\n\nthe 1e99 2\n", ", line 3, number 1: '1e99' is no finite number; mend or remove the line"),
        (b"the  2\n", ", line 1, number 1: '' is no finite number; mend or remove the line"),
        (
            b"dog 1 2\n",
            "has a vector for none of the 1 tokens of the vocabulary ('the', ...); "
            "try the lower case of tokens, or take a file for this language and tokenizer",
        ),
        (b"3 2\nthe 1 2\n", "holds 1 vectors, its first line says 3; the file is cut off: fetch it again"),
        (b"3 0\nthe\n", ", line 1: holds no vector; a line is a token and its numbers with spaces between"),
        (b"x" * (1 << 21), ": a line is longer than 1 MiB; word vectors are read from text files"),
    ],
)
def test_what_a_file_may_not_be(tmp_path: Path, content: bytes, text: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, content, "the")
    assert str(error.value).removeprefix(str(tmp_path / "v.txt")).removeprefix(": ") == text.removeprefix(": ")
    assert str(error.value).startswith(str(tmp_path / "v.txt"))


def test_no_file_and_half_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_word_vectors(tmp_path / "none.txt", vocabulary("the"))
    assert str(error.value) == f"{tmp_path / 'none.txt'}: no such file; name a text file of word vectors"
    for name, content in (("cut.gz", gzip.compress(GLOVE * 1000)[:-20]), ("plain.gz", GLOVE)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"^{tmp_path / name}: cannot be read \(.*\); fetch it again$"):
            read_word_vectors(tmp_path / name, vocabulary("the"))


words = st.text(st.characters(exclude_characters=" \n\r\ufeff", exclude_categories=["Cs"]), min_size=1, max_size=5)
numbers = st.floats(-1e6, 1e6, width=32)


@given(
    st.dictionaries(words, st.tuples(numbers, numbers, numbers), min_size=1, max_size=30),
    st.lists(words, max_size=10, unique=True),
    st.booleans(),
    st.integers(1, 200),
)
def test_what_is_written_is_read_whatever_the_blocks(
    tmp_path_factory: pytest.TempPathFactory,
    table: dict[str, tuple[float, ...]],
    others: list[str],
    header: bool,
    block_bytes: int,
) -> None:
    lines = [f"{len(table)} 3"] if header else []
    lines += [" ".join([word, *(repr(number) for number in vector)]) for word, vector in table.items()]
    path = tmp_path_factory.mktemp("vectors") / "v.txt"
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    known = next(iter(table))
    tokens = list(dict.fromkeys([*others, known]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vector_files, "_BLOCK_BYTES", block_bytes)
        vectors = read_word_vectors(path, vocabulary(*tokens, first_id=4))
    assert vectors.found == sum(token in table for token in tokens)
    for token, row in zip(tokens, vectors.matrix[4:], strict=True):
        if token in table:
            assert row.tolist() == np.array(table[token], np.float32).tolist()


def test_memory_is_that_of_the_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_files, "_BLOCK_BYTES", 1 << 16)
    line = " 0.25" * 100 + "\n"
    (tmp_path / "v.txt").write_text("".join(f"t{i}{line}" for i in range(20_000)))
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    vectors = read_word_vectors(tmp_path / "v.txt", vocabulary("t5", "t19999"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert vectors.found == 2
    assert peak < 2_000_000  # of a file of 10 MB
    assert pa.total_allocated_bytes() - before < 1_000_000


def test_reading_loads_no_tensorflow() -> None:
    code = "import sys, trainer.word_vectors.vectors; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False False\n"
