"""The data of Unicode, and its application to columns of strings, over every code point."""

import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.records import text, unicode
from schemas.records.unicode import CodePointMap, arrow_lowers_alike, lower_map, mapped, ranges_of, shape_map

EVERY = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text("aAkÄẞẞİÅKȺȾǅ٣Ⅷ中😀 ", max_size=12)


def strings(texts: list[str]) -> pa.StringArray:
    return pa.array(texts, pa.string())


def reference(text: str, by: CodePointMap) -> str:
    return "".join(chr(by.table[ord(c)]) if ord(c) < len(by.table) else c for c in text)


def checked(texts: pa.StringArray, by: CodePointMap) -> list[str]:
    found = mapped(texts, by)
    found.validate(full=True)
    wanted: list[str] = found.to_pylist()
    return wanted


@pytest.mark.parametrize("by", [lower_map(), shape_map()], ids=["lower", "shape"])
def test_every_code_point(by: CodePointMap) -> None:
    assert checked(strings(EVERY), by) == [reference(c, by) for c in EVERY]
    assert checked(strings(["x", "".join(EVERY), ""]), by) == ["x", reference("".join(EVERY), by), ""]


@pytest.mark.parametrize("by", [lower_map(), shape_map()], ids=["lower", "shape"])
@given(texts=st.lists(any_text, max_size=6), start=st.integers(0, 3))
@example(texts=[], start=0)
@example(texts=["ȺȺK", "", "İ", "AẞA"], start=1)
def test_any_part_of_a_column(by: CodePointMap, texts: list[str], start: int) -> None:
    assert checked(strings(texts).slice(start), by) == [reference(text, by) for text in texts[start:]]


def test_code_points_that_become_longer_and_shorter() -> None:
    assert checked(strings(["ȺK", "aẞİ", "", "Ⱦ"]), lower_map()) == ["ⱥk", "aßi", "", "ⱦ"]


def test_shapes() -> None:
    texts = ["Ab1-é", "ǅ٣Ⅷ²", "中e\u0301", "A_ß"]
    assert checked(strings(texts), shape_map()) == ["Xxd-x", "XdⅧ²", "xx\u0301", "X_x"]


def test_lower_case_is_the_same_without_arrow(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = text.lower(strings(EVERY))
    monkeypatch.setattr(text, "arrow_lowers_alike", lambda: False)
    assert text.lower(strings(EVERY)).equals(wanted)
    assert wanted.to_pylist() == [reference(c, lower_map()) for c in EVERY]


def test_an_arrow_with_other_tables_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    other = CodePointMap(np.append(lower_map().table, len(lower_map().table) + 1), b"", b"", np.zeros(0, np.bool_))
    monkeypatch.setattr(unicode, "lower_map", lambda: other)
    assert arrow_lowers_alike.__wrapped__() is False


def test_ranges() -> None:
    assert ranges_of("digits").startswith(r"\x{30}-\x{39}\x{660}-\x{669}")
    assert ranges_of("marks", "digits").startswith(r"\x{30}-\x{39}\x{300}-\x{36F}")
    assert ranges_of("letters").endswith(r"\x{31350}-\x{33479}")
