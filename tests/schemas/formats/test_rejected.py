"""Rejected records: their place, and an excerpt that is safe to show."""

import json

from hypothesis import given
from hypothesis import strategies as st

from schemas.formats.rejected import EXCERPT_CHARACTERS, Rejected, dump_rejected, excerpt

ITEM = Rejected("", 40, 2, "wrong_type", "field 'a' must be a string; it is 5", '{"a": 5}')


def test_the_place_in_the_file() -> None:
    placed = ITEM.placed("in/a.jsonl", 100)
    assert placed == Rejected("in/a.jsonl", 40, 103, ITEM.reason, ITEM.rule, ITEM.excerpt)
    assert str(placed) == (
        "in/a.jsonl, line 103 (byte 40): wrong_type: field 'a' must be a string; it is 5; received {\"a\": 5}"
    )


def test_the_bytes_of_a_file() -> None:
    content = dump_rejected([ITEM.placed("ä.jsonl", 0), ITEM])
    first = (
        '{"excerpt":"{\\"a\\": 5}","file":"ä.jsonl","line":3,"offset":40,"reason":"wrong_type",'
        '"rule":"field \'a\' must be a string; it is 5"}\n'
    )
    assert content.decode() == first + first.replace("ä.jsonl", "").replace('"line":3', '"line":2')
    assert dump_rejected([]) == b""


def test_excerpts() -> None:
    assert excerpt(b"") == ""
    assert excerpt("größe 😀".encode()) == "größe 😀"
    assert excerpt(b"a\tb\r\n\0\x1b[31m") == "a\\tb\\r\\n\\x00\\x1b[31m"
    assert excerpt("\u2028\u200b\xa0".encode()) == "\\u2028\\u200b\\xa0"
    assert excerpt(b"\xff{}") == "\\xff{}"


def test_excerpts_around_the_limit() -> None:
    assert excerpt(b"x" * 200) == "x" * 200
    assert excerpt(b"x" * 201) == "x" * 197 + "..."
    assert excerpt(b"x" * 10**6) == "x" * 197 + "..."
    assert excerpt("é".encode() * 200) == "é" * 200
    assert excerpt("😀".encode() * 200) == "😀" * 200
    assert excerpt("😀".encode() * 201) == "😀" * 197 + "..."


@given(st.binary(max_size=1000) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_every_excerpt_is_short_and_printable(received: bytes) -> None:
    shown = excerpt(received)
    assert len(shown) <= EXCERPT_CHARACTERS
    assert shown.isprintable()
    rejected = dump_rejected([Rejected("f", 0, 0, "r", "rule", shown)])
    assert rejected.count(b"\n") == 1
    assert json.loads(rejected)["excerpt"] == shown
