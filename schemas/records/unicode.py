"""What the text rules know about code points, as data of one version of Unicode, and its application to strings.

The libraries that apply the rules carry tables of different versions (RE2 in Arrow and in TensorFlow
differ in hundreds of letters, their lower case in about a hundred), and change them with a release.
`unicode.json` beside this file, written by tools/generate_unicode.py, is the same for all of them.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.binary import Bytes, Offsets, check_block_bytes, contents

Int32s = npt.NDArray[np.int32]
_MOST = 0x110000  # one more than the last code point


def ranges_of(*names: str) -> str:
    """Returns the ranges of some sets of the data together, for the inside of an RE2 character class.

    Args:
      names: Any of letters, marks, numbers, capitals, digits.
    """
    inside = np.zeros(_MOST + 1, np.int8)
    inside[_points_of(run for name in names for run in _data()[name])] = 1
    edges = np.flatnonzero(np.diff(inside, prepend=0)).reshape(-1, 2)
    return "".join(f"\\x{{{first:X}}}-\\x{{{end - 1:X}}}" for first, end in edges.tolist())


@dataclass(frozen=True)
class CodePointMap:
    """A replacement of code points one by one.

    Attributes:
      table: What each code point becomes, int32, (code points,); those beyond it stay. ASCII becomes ASCII.
      every_byte: What each byte of UTF-8 becomes; those beyond ASCII stay.
      leads: 1 for each byte that may begin a code point beyond ASCII that changes, else 0.
      pairs: Whether two bytes may, bool, (65536,), the first being the higher half of the index.
    """

    table: Int32s
    every_byte: bytes
    leads: bytes
    pairs: npt.NDArray[np.bool_]


@cache
def lower_map() -> CodePointMap:
    """Returns what each code point becomes in lower case.

    It is Simple_Lowercase_Mapping of the Unicode Character Database: one code point becomes one, whatever
    stands beside it.
    """
    table = np.arange(_MOST, dtype=np.int32)
    for first, last, step, distance in _data()["lowercase"]:
        table[first : last + 1 : step] += distance
    return _map_of(table)


@cache
def shape_map() -> CodePointMap:
    """Returns what each code point becomes in a shape.

    Capitals (Lu and Lt) become X, the other letters x, decimal digits (Nd) d.
    """
    table = np.arange(_MOST, dtype=np.int32)
    for name, becomes in (("letters", "x"), ("capitals", "X"), ("digits", "d")):
        table[_points_of(_data()[name])] = ord(becomes)
    return _map_of(table)


def mapped(texts: pa.StringArray, by: CodePointMap) -> pa.StringArray:
    """Returns the strings with their code points replaced.

    Args:
      texts: string, (records,), without nulls.
      by: What each code point becomes.

    Raises:
      DataError: The result holds 2 GiB or more.
    """
    data, starts = contents(texts)
    # Many times as fast as an index of NumPy's with bytes.
    out = np.frombuffer(bytearray(data).translate(by.every_byte), np.uint8)
    offsets = starts.astype(np.int64)
    resized = []
    for width, at, points in _changing(data, by):
        becomes = by.table[points]
        widths = _widths(becomes)
        same = widths == width
        _write(out, at[same], becomes[same], width)
        resized.append(_Resized(at[~same], np.full(len(at), width)[~same], widths[~same], becomes[~same]))
    if any(len(part.at) for part in resized):
        out, offsets = _with_room(
            out, offsets, _Resized(*(np.concatenate(parts) for parts in zip(*resized, strict=True)))
        )
    check_block_bytes(len(out))
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(out)]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


class _Resized(NamedTuple):
    """Code points that become longer or shorter.

    Attributes:
      at: Where each begins, in bytes.
      before: Its bytes.
      after: Those of what it becomes.
      becomes: The code point that it becomes.
    """

    at: Offsets
    before: Offsets
    after: Offsets
    becomes: Int32s


def _changing(data: Bytes, by: CodePointMap) -> Iterator[tuple[int, Offsets, Int32s]]:
    """Yields, for each width in bytes beyond one, where code points begin that change, and which they are."""
    at = np.flatnonzero(np.frombuffer(data.tobytes().translate(by.leads), np.bool_))
    at = at[by.pairs[(data[at].astype(np.uint16) << 8) | data[at + 1]]]
    leads = data[at]
    for width, least, most in ((2, 0xC0, 0xDF), (3, 0xE0, 0xEF), (4, 0xF0, 0xFF)):
        begins = at[(leads >= least) & (leads <= most)]
        points = (data[begins] & (0x7F >> width)).astype(np.int32)
        for k in range(1, width):
            points = (points << 6) | (data[begins + k] & 0x3F)
        changes = points < len(by.table)
        changes[changes] = by.table[points[changes]] != points[changes]
        yield width, begins[changes], points[changes]


def _with_room(out: Bytes, offsets: Offsets, resized: _Resized) -> tuple[Bytes, Offsets]:
    """Gives each resized code point its new width, and writes it."""
    order = np.argsort(resized.at)
    at, before, after, becomes = (part[order] for part in resized)
    shift = np.concatenate([[0], np.cumsum(after - before)])
    sizes = np.ones(len(out), np.int64)
    for k in range(1, 4):
        sizes[at[before > k] + k] = 0
    sizes[at] = after
    out = np.repeat(out, sizes)
    begins = at + shift[:-1]
    for width in range(1, 5):
        _write(out, begins[after == width], becomes[after == width], width)
    return out, offsets + shift[np.searchsorted(at, offsets)]


def _write(out: Bytes, at: Offsets, points: Int32s, width: int) -> None:
    """Writes code points of one width in UTF-8."""
    for k in range(width - 1, 0, -1):
        out[at + k] = 0x80 | (points & 0x3F)
        points = points >> 6
    out[at] = points if width == 1 else (0xF00 >> width) & 0xFF | points


def _widths(points: Int32s) -> Offsets:
    """Returns how many bytes each code point takes in UTF-8."""
    return 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)


def _map_of(table: Int32s) -> CodePointMap:
    changed = np.flatnonzero(table != np.arange(_MOST))
    data, starts = contents(pa.array(list(_text_of(changed[changed >= 0x80])), pa.string()))
    at = starts[:-1]
    leads, pairs = np.zeros(1 << 8, np.bool_), np.zeros(1 << 16, np.bool_)
    leads[data[at]] = True
    pairs[(data[at].astype(np.uint16) << 8) | data[at + 1]] = True
    every_byte = np.concatenate([table[:0x80], np.arange(0x80, 0x100)]).astype(np.uint8)
    return CodePointMap(table[: changed[-1] + 1], every_byte.tobytes(), leads.tobytes(), pairs)


@cache
def arrow_lowers_alike() -> bool:
    """Whether Arrow's utf8_lower, which is faster, does the same to every code point as `lower_map`.

    The tables of Arrow are those of its release.
    """
    table = lower_map().table
    wanted = np.concatenate([table, np.arange(len(table), _MOST)])
    every = np.delete(np.arange(_MOST), np.s_[0xD800:0xE000])
    found = pc.utf8_lower(pa.scalar(_text_of(every))).as_py()
    return bool(found == _text_of(wanted[every]))


@cache
def _data() -> dict[str, list[list[int]]]:
    text = resources.files("schemas.records").joinpath("unicode.json").read_text(encoding="utf-8")
    data = json.loads(text)
    return {name: data[name] for name in ("letters", "marks", "numbers", "capitals", "digits", "lowercase")}


def _points_of(runs: Iterable[list[int]]) -> Int32s:
    return np.concatenate([np.arange(first, last + 1, step, dtype=np.int32) for first, last, step in runs])


def _text_of(points: npt.NDArray[np.integer]) -> str:
    return points.astype("<u4").tobytes().decode("utf-32-le")
