"""A 64-bit hash of strings, many at once: the same on every machine, in every process and release.

The bytes b[0], b[1], … of the UTF-8 text make a polynomial, h = Σ (b[i] + 1) · A^i modulo 2^64, with an odd A;
the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014) then
makes all of its bits depend on each other. It finds tokens quickly. It is no digest: somebody
who wants two strings to collide can make them, so whoever looks something up compares the strings themselves.
"""

import functools

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.binary import Bytes, contents

Hashes = npt.NDArray[np.uint64]

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2^64
_INVERSE = pow(_BASE, -1, 1 << 64)
_MOST_BYTES = 2**31 - 1  # which 32-bit offsets count
_CHUNK_BYTES = 1 << 16  # hashed at once: what bounds the memory, and stays in the processor's cache


def hash_strings(strings: pa.StringArray) -> Hashes:
    """Returns the hash of each string, uint64, (n,).

    Args:
      strings: string, (n,), without nulls.
    """
    data, offsets = contents(strings)
    hashes = np.empty(len(strings), np.uint64)
    start = 0
    while start < len(hashes):
        # Of the type of the offsets: for any other one NumPy would convert all of these, each time.
        most = np.int32(min(int(offsets[start]) + _CHUNK_BYTES, _MOST_BYTES))
        end = int(np.searchsorted(offsets, most, side="right")) - 1
        if end > start:
            inside = offsets[start : end + 1]
            hashes[start:end] = _polynomials(data[inside[0] : inside[-1]], inside - inside[0])
        else:
            end = start + 1
            hashes[start] = _long_polynomial(data[offsets[start] : offsets[end]])
        start = end
    return _mixed(hashes)


def _polynomials(data: Bytes, offsets: npt.NDArray[np.int32]) -> Hashes:
    # Sums over all bytes before each position, so that a string is a difference; its first byte then has the
    # power of its place in the chunk, which the inverse takes off again. All of it modulo 2^64.
    powers, inverses = _powers()
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(_terms(data, powers))])
    polynomials: Hashes = (sums[offsets[1:]] - sums[offsets[:-1]]) * inverses[offsets[:-1]]
    return polynomials


def _long_polynomial(data: Bytes) -> np.uint64:
    """Returns the sum over one string, chunk by chunk."""
    powers, _ = _powers()
    total, power = 0, 1
    for start in range(0, len(data), _CHUNK_BYTES):
        total += power * int(_terms(data[start : start + _CHUNK_BYTES], powers).sum())
        power = power * pow(_BASE, _CHUNK_BYTES, 1 << 64) % (1 << 64)
    return np.uint64(total % (1 << 64))


def _terms(data: Bytes, powers: Hashes) -> Hashes:
    return (data.astype(np.uint64) + np.uint64(1)) * powers[: len(data)]


@functools.cache
def _powers() -> tuple[Hashes, Hashes]:
    return _power_table(_BASE, _CHUNK_BYTES + 1), _power_table(_INVERSE, _CHUNK_BYTES + 1)


def _power_table(base: int, count: int) -> Hashes:
    table = np.full(count, base, np.uint64)
    table[:1] = 1
    return np.multiply.accumulate(table)


def _mixed(values: Hashes) -> Hashes:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        values ^= values >> np.uint64(shift)
        values *= np.uint64(factor)
    values ^= values >> np.uint64(31)
    return values
