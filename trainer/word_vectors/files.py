"""Text files of word vectors, read in blocks: what lines there are, and the numbers of those that are wanted."""

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.binary import contents
from schemas.errors import DataError
from schemas.messages import printable

Floats = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]
_BLOCK_BYTES = 1 << 24  # Arrow makes a table of all wanted tokens for each block
_LONGEST_LINE = 1 << 20  # bytes; longer is no line of a text file of word vectors
_BOM = b"\xef\xbb\xbf"
_HEADER = re.compile(rb"[0-9]+ [0-9]+ ?")
_FRACTION = re.compile(rb"[-+]?[0-9]*\.[0-9]+([eE][-+]?[0-9]+)?")
_SPACE, _NEWLINE, _RETURN = b" \n\r"


class _Form(NamedTuple):
    """What the first line says: numbers of each line, and lines where a header says it."""

    dims: int
    lines: int | None


class _Lines(NamedTuple):
    """The lines of a block that are not empty.

    Attributes:
      data: The bytes of the block.
      starts: Of each line, (lines,).
      token_ends: Where its token ends.
      ends: Where the last of its numbers ends.
      numbers: Its number in the file.
    """

    data: npt.NDArray[np.uint8]
    starts: Positions
    token_ends: Positions
    ends: Positions
    numbers: Positions


def read_vectors(path: Path, keys: pa.StringArray) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Reads the vectors of some tokens.

    Args:
      path: Of the file; packed if its name ends in .gz.
      keys: The tokens, all different.

    Returns:
      float32 (keys, dims), 0 where there is none; and which keys the file has, (keys,). Of a token that
      stands there twice the first counts.

    Raises:
      DataError: As `read_word_vectors` says.
    """
    wanted = pc.cast(keys, pa.binary())
    form: _Form | None = None
    number = 1
    for block in _blocks(path):
        if form is None:
            form, body = _form_of(block, path)
            vectors, has = np.zeros((len(keys), form.dims), np.float32), np.zeros(len(keys), bool)
            number += int(form.lines is not None)
            block = block[body:]
        lines = _lines_of(block, form, number, path)
        _take(lines, wanted, vectors, has, path)
        number += block.count(b"\n")
    if form is None:
        raise DataError(f"{path}: is empty; a file of word vectors has a token and its numbers in each line")
    if form.lines is not None and number - 2 < form.lines:
        raise DataError(
            f"{path}: holds {number - 2:,} vectors, its first line says {form.lines:,}; "
            "the file is cut off: fetch it again"
        )
    return vectors, has


def _blocks(path: Path) -> Iterator[bytes]:
    """Yields the file in pieces of whole lines, each of which ends with a newline."""
    rest = b""
    try:
        with pa.input_stream(str(path), compression="gzip" if path.suffix == ".gz" else None) as stream:
            while chunk := stream.read(_BLOCK_BYTES):
                end = chunk.rfind(b"\n") + 1
                if end:
                    yield rest + chunk[:end]
                    rest = chunk[end:]
                else:
                    rest += chunk
                if len(rest) > _LONGEST_LINE:
                    raise DataError(f"{path}: a line is longer than 1 MiB; word vectors are read from text files")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; name a text file of word vectors") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({printable(str(error))}); fetch it again") from None
    if rest:
        yield rest + b"\n"


def _form_of(block: bytes, path: Path) -> tuple[_Form, int]:
    """Returns the form of a file of its first block, and where its lines of vectors begin there."""
    begin = len(_BOM) if block.startswith(_BOM) else 0
    end = block.index(b"\n")
    line = block[begin:end].rstrip(b"\r")
    if _HEADER.fullmatch(line):
        count, dims = (int(field) for field in line.split())
        begin = end + 1
    else:
        count, dims = None, line.removesuffix(b" ").count(b" ")
    if not dims:
        raise DataError(f"{path}, line 1: holds no vector; a line is a token and its numbers with spaces between")
    return _Form(dims, count), begin


def _lines_of(block: bytes, form: _Form, number: int, path: Path) -> _Lines:
    """Finds the lines of a block, of which the first has this number in the file, and checks their fields."""
    data = np.frombuffer(block, np.uint8)
    newlines = np.flatnonzero(data == _NEWLINE)
    starts = np.concatenate([[0], newlines[:-1] + 1]) if len(newlines) else newlines
    ends = newlines
    for end_of_line in (_RETURN, _SPACE):
        ends = ends - ((ends > starts) & (data[ends - 1] == end_of_line))
    filled = np.flatnonzero(ends > starts)
    starts, ends, numbers = starts[filled], ends[filled], number + filled
    spaces = np.flatnonzero(data == _SPACE)
    first = np.searchsorted(spaces, starts)
    fields = np.searchsorted(spaces, ends) - first  # of numbers, if the token has no spaces
    wrong = fields != form.dims if form.lines is not None else fields < form.dims
    if wrong.any():
        raise _wrong_fields(int(numbers[wrong][0]), int(fields[wrong][0]), form, path)
    token_ends = spaces[first + fields - form.dims] if len(spaces) else starts
    for i in np.flatnonzero(fields > form.dims).tolist():
        # A token with spaces in it, unless what would be its end is a number.
        if _FRACTION.fullmatch(data[starts[i] : token_ends[i]].tobytes().rsplit(b" ", 1)[1]):
            raise _wrong_fields(int(numbers[i]), int(fields[i]), form, path)
    return _Lines(data, starts, token_ends, ends, numbers)


def _wrong_fields(number: int, fields: int, form: _Form, path: Path) -> DataError:
    said = f"line 1 says {form.dims}" if form.lines is not None else f"line 1 has {form.dims}"
    return DataError(
        f"{path}, line {number}: has {fields} numbers behind its token, {said}; "
        "all vectors of a file have as many, with one space between: mend or remove the line"
    )


def _take(lines: _Lines, wanted: pa.BinaryArray, vectors: Floats, has: npt.NDArray[np.bool_], path: Path) -> None:
    """Fills in the vectors of the lines whose tokens are wanted and were not there before."""
    tokens = _slices(lines.data, lines.starts, lines.token_ends)
    keys = np.asarray(pc.fill_null(pc.index_in(tokens, value_set=wanted), -1))
    rows = np.flatnonzero(keys >= 0)
    rows = rows[~has[keys[rows]]]
    rows = rows[np.sort(np.unique(keys[rows], return_index=True)[1])]
    if len(rows):
        vectors[keys[rows]] = _numbers(lines, rows, vectors.shape[1], path)
        has[keys[rows]] = True


def _slices(data: npt.NDArray[np.uint8], starts: Positions, ends: Positions) -> pa.BinaryArray:
    """Returns data[start:end] of each, (n,); they follow each other without overlap."""
    bounds = np.empty(2 * len(starts) + 1, np.int32)
    bounds[0:-1:2], bounds[1::2] = starts, ends
    bounds[-1] = bounds[-2] if len(starts) else 0
    # Every second of these slices is one of them, the others are what lies between.
    both = pa.Array.from_buffers(pa.binary(), 2 * len(starts), [None, pa.py_buffer(bounds), pa.py_buffer(data)])
    return both.take(pa.array(np.arange(0, 2 * len(starts), 2)))


def _numbers(lines: _Lines, rows: Positions, dims: int, path: Path) -> Floats:
    """Returns the numbers of some lines, float32 (rows, dims)."""
    texts = _slices(lines.data, lines.token_ends[rows] + 1, lines.ends[rows])
    data = contents(pc.binary_join_element_wise(texts, b"", b" "))[0]
    ends = np.flatnonzero(data == _SPACE)
    fields = _slices(data, np.concatenate([[0], ends[:-1] + 1]), ends)
    try:
        values = pc.cast(pc.cast(fields, pa.string()), pa.float32()).to_numpy().reshape(len(rows), dims)
    except pa.ArrowInvalid:
        values = None
    if values is None or not np.isfinite(values).all():
        raise _no_number(lines, rows, fields, dims, path)
    return cast("Floats", values)


def _no_number(lines: _Lines, rows: Positions, fields: pa.BinaryArray, dims: int, path: Path) -> DataError:
    """Returns the error for the first field that is no finite number."""
    i, text = next((i, text) for i, text in enumerate(fields.to_pylist()) if not _is_number(text))
    return DataError(
        f"{path}, line {lines.numbers[rows[i // dims]]}, number {i % dims + 1}: "
        f"'{printable(text.decode('utf-8', 'replace'))}' is no finite number; mend or remove the line"
    )


def _is_number(text: bytes) -> bool:
    try:
        return bool(np.isfinite(pa.scalar(text.decode("utf-8", "replace")).cast(pa.float32()).as_py()))
    except pa.ArrowInvalid:
        return False
