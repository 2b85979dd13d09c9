"""Subwords: texts cut as a tokenizer file of the `tokenizers` library says.

The library is an extra, loaded only where a spec names such a file. The file is JSON; nothing in it is executed.
"""

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.errors import UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Library


@dataclass(frozen=True)
class Subwords:
    """A loaded tokenizer file.

    Attributes:
      library: The tokenizer of the library, which neither truncates nor pads.
      path: Of the file, for errors.
    """

    library: "Library"
    path: str

    def tokenize(self, texts: pa.StringArray) -> pa.ListArray:
        """Returns the tokens of each text, without the special tokens that the file would add around it.

        Args:
          texts: string, (records,), without nulls.

        Returns:
          list<dictionary<string>>, (records,): each different token is there once.

        Raises:
          UsageError: The file's model cannot cut a text, such as one with an unknown word and no token for it.
        """
        try:
            found = self.library.encode_batch_fast(texts.to_pylist(), add_special_tokens=False)
        except Exception as error:
            remedy = "give its model a token for what it does not know"
            raise UsageError(f"{self.path}: the tokenizer cannot cut a text: {_line(error)}; {remedy}") from None
        lengths = np.fromiter(map(len, found), np.int64, len(found))
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        ids = np.fromiter(chain.from_iterable(each.ids for each in found), np.int64, offsets[-1])
        return pa.ListArray.from_arrays(pa.array(offsets), self._tokens(ids))

    def _tokens(self, ids: npt.NDArray[np.int64]) -> pa.DictionaryArray:
        present = np.flatnonzero(np.bincount(ids))
        codes = np.zeros(present.max(initial=0) + 1, np.int32)
        codes[present] = np.arange(len(present), dtype=np.int32)
        names = pa.array([self.library.id_to_token(token) for token in present.tolist()], pa.string())
        return pa.DictionaryArray.from_arrays(codes[ids], names)


def load_subwords(content: bytes, path: str) -> Subwords:
    """Returns the tokenizer that a file holds; what the file says of truncation and padding is not applied.

    Args:
      content: Of the file, as `tokenizers` saves it (tokenizer.json).
      path: Of the file, for errors.

    Raises:
      UsageError: The library is missing, the content is no tokenizer, or it is one that cuts at random.
    """
    try:
        from tokenizers import Tokenizer as Library
    except ImportError:
        raise UsageError(
            f"{path}: the tokenizer 'subwords' needs the library 'tokenizers'; install lengthwise[subwords]"
        ) from None
    try:
        library = Library.from_str(content.decode())
    except Exception as error:
        rule = "it must be a tokenizer.json of the library 'tokenizers'"
        raise UsageError(f"{path}: {_line(error)}; {rule}; save one with Tokenizer.save") from None
    if getattr(library.model, "dropout", None):
        raise UsageError(
            f"{path}: its model has the dropout {library.model.dropout:g}, which cuts the same text in different ways; "
            "set it to null"
        )
    library.no_truncation()
    library.no_padding()
    return Subwords(library, path)


def _line(error: Exception) -> str:
    """Returns the text of an error in one line."""
    return " ".join(str(error).split())
