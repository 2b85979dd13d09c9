r"""Pretrained word vectors: the rows of an embedding are read from a text file, for the tokens of a vocabulary.

A line is a token and its numbers with one space between (GloVe); a first line of two whole numbers is a
header, which says how many lines follow and how many numbers each has (word2vec, fastText). Without a
header the first line says how many numbers a line has, and a token may have spaces in it, as in GloVe
840B: the last numbers of a line are the vector. Lines may end in a space, "\r\n" or "\n".

All lines are looked at, but only those of wanted tokens are read as numbers. Memory is that of the
vocabulary, not of the file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import DataError
from schemas.vocabulary import PAD_ID, Vocabulary
from trainer.word_vectors.files import read_vectors

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WordVectors:
    """Rows of an embedding.

    Attributes:
      matrix: float32 (ids, dims), by id: padding has zeros; a token that the file has has its vector;
        everything else is drawn from a normal distribution with the mean and deviation of those found,
        of each dimension.
      found: Tokens that the file has.
      lowercased: How many of these it has only in lower case.
      tokens: Tokens of the vocabulary.
      unknown_share: Share of the training occurrences of these whose token the file does not have; None
        where no counts were given.
    """

    matrix: Floats
    found: int
    lowercased: int
    tokens: int
    unknown_share: float | None

    @property
    def facts(self) -> dict[str, Any]:
        """What a report says of them."""
        return {
            "dims": self.matrix.shape[1],
            "found": self.found,
            "found_lowercased": self.lowercased,
            "tokens": self.tokens,
            "unknown_share": self.unknown_share,
        }


def read_word_vectors(
    path: str | Path,
    vocabulary: Vocabulary,
    seed: int = 0,
    lowercase: bool = False,
    counts: npt.NDArray[np.int64] | None = None,
) -> WordVectors:
    """Reads the vectors of the tokens of a vocabulary.

    Args:
      path: Of the text file, UTF-8; packed if its name ends in .gz.
      vocabulary: Its tokens.
      seed: Of what is drawn for tokens that the file does not have.
      lowercase: Whether a token that the file does not have takes the vector of its lower case.
      counts: How often each token occurs in the training split, (size,), for `unknown_share`.

    Raises:
      DataError: The file is missing, empty or damaged, a line has too few or too many numbers, a wanted
        one something else than finite numbers, or no token of the vocabulary stands there.
    """
    tokens = vocabulary.tokens
    lowered = pc.utf8_lower(tokens)
    keys = pc.unique(pa.concat_arrays([tokens, lowered])) if lowercase else tokens
    vectors, has = read_vectors(Path(path), keys)
    rows = _positions(tokens, keys)
    exact = has[rows]
    if lowercase:
        rows = np.where(exact, rows, _positions(lowered, keys))
    found = has[rows]
    if not found.any():
        raise DataError(_nothing_found(path, tokens, lowercase))
    matrix = _matrix(vectors, rows, found, vocabulary.first_id, seed)
    unknown = None if counts is None or not counts.sum() else float(counts[~found].sum() / counts.sum())
    return WordVectors(matrix, int(found.sum()), int((found & ~exact).sum()), len(tokens), unknown)


def _positions(tokens: pa.Array, keys: pa.Array) -> npt.NDArray[np.int64]:
    return np.asarray(pc.index_in(tokens, value_set=keys), np.int64)


def _matrix(
    vectors: Floats, rows: npt.NDArray[np.int64], found: npt.NDArray[np.bool_], first_id: int, seed: int
) -> Floats:
    """Returns the rows by id.

    Args:
      vectors: float32 (keys, dims).
      rows: Which of these each token has, (size,); a row of zeros where it was not found.
      found: Which tokens were found, (size,).
      first_id: Id of the first token.
      seed: Of what is drawn.
    """
    matrix = np.empty((first_id + len(rows), vectors.shape[1]), np.float32)
    tokens = matrix[first_id:]
    np.take(vectors, rows, axis=0, out=tokens, mode="clip")  # other modes would make a copy in between
    known = int(found.sum())
    mean = tokens.sum(axis=0, dtype=np.float64) / known
    variance = np.einsum("ij,ij->j", tokens, tokens, dtype=np.float64, casting="same_kind") / known - mean**2
    drawn = np.concatenate([np.ones(first_id, bool), ~found])
    noise = np.random.default_rng(seed).standard_normal((int(drawn.sum()), len(mean)), np.float32)
    matrix[drawn] = noise * np.sqrt(np.maximum(variance, 0)).astype(np.float32) + mean.astype(np.float32)
    matrix[PAD_ID] = 0
    return matrix


def _nothing_found(path: str | Path, tokens: pa.StringArray, lowercase: bool) -> str:
    shown = ", ".join(repr(token.as_py()) for token in tokens[:3])
    remedy = "" if lowercase else " try the lower case of tokens, or"
    return (
        f"{path}: has a vector for none of the {len(tokens):,} tokens of the vocabulary ({shown}, ...);"
        f"{remedy} take a file for this language and tokenizer"
    )
