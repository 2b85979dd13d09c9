"""FarmHash Fingerprint64 of strings, many at once: the hash behind TensorFlow's `tf.strings.to_hash_bucket_fast`.

Written after farmhash.cc, namespace farmhashna (Geoff Pike, https://github.com/google/farmhash, MIT licence), whose
fingerprints are promised never to change. Strings are hashed in groups by their length, each group with
operations on whole columns; all arithmetic is modulo 2^64.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.binary import Bytes, contents

Hashes = npt.NDArray[np.uint64]
_Places = npt.NDArray[np.int64]
_Pair = tuple[Hashes, Hashes]

_K0 = np.uint64(0xC3A5C85C97CB3127)
_K1 = np.uint64(0xB492B66FBE98F273)
_K2 = np.uint64(0x9AE16A3B2F90404F)
_SEED = 81
_MASK = (1 << 64) - 1
_CHUNK = 64  # bytes that the loop over a long string takes at a time
_CHUNK_PLACES = np.arange(_CHUNK)
_GROUP = 1 << 14  # strings hashed at once, whose columns stay in the processor's cache


def fingerprint64(strings: pa.Array) -> Hashes:
    """Returns the FarmHash Fingerprint64 of the bytes of each string, uint64, (n,).

    Args:
      strings: string or binary, (n,), without nulls.
    """
    data, offsets = contents(strings)
    starts, sizes = offsets[:-1].astype(np.int64), np.diff(offsets).astype(np.int64)
    hashes = np.full(len(starts), _K2, np.uint64)  # that of the empty string
    for least, most, function in _BY_LENGTH:
        for rows in _groups(np.flatnonzero((sizes >= least) & (sizes <= most))):
            hashes[rows] = function(_Text(data, starts[rows]), sizes[rows])
    return hashes


def hash_buckets(strings: pa.Array, buckets: int) -> npt.NDArray[np.int64]:
    """Returns the bucket of each string, int64, (n,), as `tf.strings.to_hash_bucket_fast(strings, buckets)` does."""
    found: npt.NDArray[np.int64] = (fingerprint64(strings) % np.uint64(buckets)).astype(np.int64)
    return found


class _Text:
    """The bytes of strings, of which words are fetched by their distance from each string's beginning."""

    def __init__(self, data: Bytes, starts: _Places) -> None:
        self._data = data
        self._starts = starts

    def fetch(self, distance: _Places | int, width: int = 8) -> Hashes:
        """Returns the little-endian number of `width` bytes there, uint64, (n,)."""
        places = (self._starts + distance)[:, None] + np.arange(width)
        words = np.zeros((len(self._starts), 8), np.uint8)
        words[:, :width] = self._data[places]
        return words.view("<u8")[:, 0].astype(np.uint64, copy=False)

    def chunk(self, distance: _Places | int) -> Hashes:
        """Returns the eight numbers of the 64 bytes there, uint64, (8, n)."""
        found: Hashes = self._data[(self._starts + distance)[:, None] + _CHUNK_PLACES].view("<u8").T
        return found

    def take(self, rows: npt.NDArray[np.bool_]) -> "_Text":
        """Returns some of the strings."""
        return _Text(self._data, self._starts[rows])


def _groups(rows: _Places) -> Iterator[_Places]:
    for start in range(0, len(rows), _GROUP):
        yield rows[start : start + _GROUP]


def _up_to_3(text: _Text, size: _Places) -> Hashes:
    first, middle, last = text.fetch(0, 1), text.fetch(size >> 1, 1), text.fetch(size - 1, 1)
    y = first + (middle << np.uint64(8))
    z = size.astype(np.uint64) + (last << np.uint64(2))
    return _shift_mix((y * _K2) ^ (z * _K0)) * _K2


def _up_to_7(text: _Text, size: _Places) -> Hashes:
    first = size.astype(np.uint64) + (text.fetch(0, 4) << np.uint64(3))
    return _mix(first, text.fetch(size - 4, 4), _multiplier(size))


def _up_to_16(text: _Text, size: _Places) -> Hashes:
    mul = _multiplier(size)
    a, b = text.fetch(0) + _K2, text.fetch(size - 8)
    c = _rotate(b, 37) * mul + a
    d = (_rotate(a, 25) + b) * mul
    return _mix(c, d, mul)


def _up_to_32(text: _Text, size: _Places) -> Hashes:
    mul = _multiplier(size)
    y, rest = _ends(text, size, _K1, mul)
    return _mix(y, rest, mul)


def _up_to_64(text: _Text, size: _Places) -> Hashes:
    mul = _multiplier(size)
    a = text.fetch(0) * _K2
    y, rest = _ends(text, size, _K2, mul)
    z = _mix(y, rest, mul)
    e, f = text.fetch(16) * mul, text.fetch(24)
    g = (y + text.fetch(size - 32)) * mul
    h = (z + text.fetch(size - 24)) * mul
    return _mix(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, mul)


def _ends(text: _Text, size: _Places, factor: np.uint64, mul: Hashes) -> _Pair:
    """Returns what both ends of strings of 17 to 64 bytes make, in two numbers."""
    a, b = text.fetch(0) * factor, text.fetch(8)
    c, d = text.fetch(size - 8) * mul, text.fetch(size - 16) * _K2
    return _rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c


def _longer(text: _Text, size: _Places) -> Hashes:
    chunks = (size - 1) // _CHUNK
    state = _State.start(text.fetch(0))
    for number in range(int(chunks.max())):
        active = chunks > number
        if active.all():
            state = state.advanced(text, _CHUNK * number, _K1)
        else:
            state.put(active, state.take(active).advanced(text.take(active), _CHUNK * number, _K1))
    tail = (size - 1) & (_CHUNK - 1)
    return state.finished(text, _CHUNK * chunks + tail - (_CHUNK - 1), tail.astype(np.uint64))


class _State:
    """Of the loop over strings of more than 64 bytes; each number is a column, uint64, (n,)."""

    def __init__(self, x: Hashes, y: Hashes, z: Hashes, v: _Pair, w: _Pair) -> None:
        self.x, self.y, self.z, self.v, self.w = x, y, z, v, w

    @classmethod
    def start(cls, first: Hashes) -> "_State":
        """Returns the state before the first 64 bytes; `first` is the number of the first 8."""
        y = (_SEED * int(_K1) + 113) & _MASK
        mixed = (y * int(_K2) + 113) & _MASK
        z = ((mixed ^ (mixed >> 47)) * int(_K2)) & _MASK
        zero = np.zeros_like(first)
        x = np.uint64(_SEED * int(_K2) & _MASK) + first
        return cls(x, np.full_like(first, y), np.full_like(first, z), (zero, zero), (zero, zero))

    def advanced(self, text: _Text, at: _Places | int, mul: Hashes | np.uint64, nine: int = 1) -> "_State":
        """Returns the state after 64 more bytes; `nine` is 9 for the last ones."""
        v, w, scale, words = self.v, self.w, np.uint64(nine), text.chunk(at)
        x = _rotate(self.x + self.y + v[0] + words[1], 37) * mul
        y = _rotate(self.y + v[1] + words[6], 42) * mul
        x ^= w[1] * scale
        y += v[0] * scale + words[5]
        z = _rotate(self.z + w[0], 33) * mul
        first = _weak(words[:4], v[1] * mul, x + w[0])
        second = _weak(words[4:], z + w[1], y + words[2])
        return _State(z, y, x, first, second)

    def finished(self, text: _Text, at: _Places, tail: Hashes) -> Hashes:
        """Returns the hashes, from the last 64 bytes of each string; `tail`: how many of them are new, less 1."""
        mul = _K1 + ((self.z & np.uint64(0xFF)) << np.uint64(1))
        w = self.w[0] + tail
        v = self.v[0] + w
        w = w + v
        state = _State(self.x, self.y, self.z, (v, self.v[1]), (w, self.w[1])).advanced(text, at, mul, 9)
        first = _mix(state.v[0], state.w[0], mul) + _shift_mix(state.y) * _K0 + state.z
        return _mix(first, _mix(state.v[1], state.w[1], mul) + state.x, mul)

    def take(self, rows: npt.NDArray[np.bool_]) -> "_State":
        """Returns the state of some strings."""
        v, w = self.v, self.w
        return _State(self.x[rows], self.y[rows], self.z[rows], (v[0][rows], v[1][rows]), (w[0][rows], w[1][rows]))

    def put(self, rows: npt.NDArray[np.bool_], other: "_State") -> None:
        """Sets the state of some strings."""
        for own, new in zip(self._columns(), other._columns(), strict=True):
            own[rows] = new

    def _columns(self) -> tuple[Hashes, ...]:
        return self.x, self.y, self.z, *self.v, *self.w


def _weak(words: Hashes, a: Hashes, b: Hashes) -> _Pair:
    """Mixes 32 bytes, uint64, (4, n), into two numbers (WeakHashLen32WithSeeds)."""
    w, x, y, z = words
    a = a + w
    b = _rotate(b + a + z, 21)
    c = a
    a = a + x + y
    return a + z, b + _rotate(a, 44) + c


def _multiplier(size: _Places) -> Hashes:
    return _K2 + size.astype(np.uint64) * np.uint64(2)


def _mix(u: Hashes, v: Hashes, mul: Hashes) -> Hashes:
    """Makes one number of two (HashLen16)."""
    a = _shift_mix((u ^ v) * mul)
    return _shift_mix((v ^ a) * mul) * mul


def _shift_mix(value: Hashes) -> Hashes:
    return value ^ (value >> np.uint64(47))


def _rotate(value: Hashes, bits: int) -> Hashes:
    return (value >> np.uint64(bits)) | (value << np.uint64(64 - bits))


_LONGEST = 1 << 31
_BY_LENGTH = (
    (1, 3, _up_to_3),
    (4, 7, _up_to_7),
    (8, 16, _up_to_16),
    (17, 32, _up_to_32),
    (33, 64, _up_to_64),
    (65, _LONGEST, _longer),
)
