"""Damage to bytes: what disks, networks, editors and other programs do to files."""

import random
import struct
from collections.abc import Callable

_SPECIAL = [
    *(b'"', b'""', b"'", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xc3", b"\xed\xa0\x80"),
    *(b"{", b"}", b"[", b"]", b"[[", b":", b",", b"\t", b"\\", b"\\u", b"\\ud800", b"\\u0000", b" ", b"."),
    *(b"0", b"9", b"-", b"-0", b"01", b"1e999", b"1e-999", b"NaN", b"Infinity", b"null", b"true", b'""', b"{}", b"[]"),
    *(b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"1" * 400, b"0.1", b"1e40"),
    *(b'{"id": 1}', b"[" * 2000, b'{"a":' * 1100, b"Obj\x01", b"PAR1", b"\x1f\x8b", b"BZh9", b"\x28\xb5\x2f\xfd"),
]
_NUMBERS = [0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1]
Mutation = Callable[[random.Random, bytes, bytes], bytes]


def mutate(draw: random.Random, content: bytes, other: bytes) -> bytes:
    """Returns the content after one to four mutations.

    Args:
      draw: Decides on everything.
      content: Of a file.
      other: Of another file, for what comes from elsewhere.
    """
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 4))):
        content = draw.choice(_MUTATIONS)(draw, content, other)
    return content


def _flip_bits(draw: random.Random, content: bytes, _: bytes) -> bytes:
    if not content:
        return content
    changed = bytearray(content)
    for _i in range(draw.choice((1, 1, 1, 4, 16))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cut_end(draw: random.Random, content: bytes, _: bytes) -> bytes:
    return content[: _place(draw, content)]


def _cut_out(draw: random.Random, content: bytes, _: bytes) -> bytes:
    start, end = _slice(draw, content)
    return content[:start] + content[end:]


def _duplicate(draw: random.Random, content: bytes, _: bytes) -> bytes:
    start, end = _slice(draw, content)
    at = _place(draw, content)
    return content[:at] + content[start:end] * draw.choice((1, 1, 2, 5)) + content[at:]


def _swap(draw: random.Random, content: bytes, _: bytes) -> bytes:
    a, b, c, d = sorted(_place(draw, content) for _i in range(4))
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def _insert_random(draw: random.Random, content: bytes, _: bytes) -> bytes:
    at = _place(draw, content)
    return content[:at] + draw.randbytes(draw.choice((1, 2, 4, 8, 64))) + content[at:]


def _insert_special(draw: random.Random, content: bytes, _: bytes) -> bytes:
    for _i in range(draw.choice((1, 1, 1, 3))):
        at = _place(draw, content)
        content = content[:at] + draw.choice(_SPECIAL) + content[at + draw.choice((0, 0, 1)) :]
    return content


def _replace_token(draw: random.Random, content: bytes, _: bytes) -> bytes:
    """Replaces a run of letters or digits, so that what is around stays well-formed."""
    at = _place(draw, content)
    start = end = at
    while end < len(content) and content[end : end + 1].isalnum():
        end += 1
    while start > 0 and content[start - 1 : start].isalnum():
        start -= 1
    return content[:start] + draw.choice(_SPECIAL) + content[end:]


def _splice(draw: random.Random, content: bytes, other: bytes) -> bytes:
    start, end = _slice(draw, other)
    at = _place(draw, content)
    return draw.choice((content[:at] + other[start:end] + content[at:], content[:at] + other[start:], content + other))


def _change_number(draw: random.Random, content: bytes, _: bytes) -> bytes:
    """Overwrites some bytes with a number, as a length could be."""
    form = draw.choice(("<Q", "<I", ">I", "<H", "<B"))
    size = struct.calcsize(form)
    if len(content) < size:
        return content
    at = draw.randrange(len(content) - size + 1)
    value = draw.choice(_NUMBERS) % (1 << (8 * size))
    return content[:at] + struct.pack(form, value) + content[at + size :]


def _nothing(_draw: random.Random, content: bytes, _: bytes) -> bytes:
    return content


_MUTATIONS: list[Mutation] = [
    *(_flip_bits, _flip_bits, _cut_end, _cut_out, _duplicate, _swap, _insert_random),
    *(_insert_special, _insert_special, _replace_token, _replace_token, _splice, _change_number, _nothing),
]


def _place(draw: random.Random, content: bytes) -> int:
    """Returns a position; those near the beginning, the end and the ends of lines more often."""
    kind = draw.randrange(8)
    if kind == 0:
        return min(draw.randrange(32), len(content))
    if kind == 1:
        return max(len(content) - draw.randrange(32), 0)
    at = draw.randint(0, len(content))
    if kind == 2:
        return content.find(b"\n", at) + 1 or len(content)
    return at


def _slice(draw: random.Random, content: bytes) -> tuple[int, int]:
    start = _place(draw, content)
    return start, min(start + int(2 ** draw.uniform(0, 12)), len(content))
