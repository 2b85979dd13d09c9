import pytest
from jinja2 import Environment

from pipeline.report.words import Excerpt, Name, listed, number, of_100, percent, plural, say, shown, size


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.03, "3 %"),
        (0.305, "30 %"),
        (0.0312, "3.1 %"),
        (0.00118, "0.12 %"),
        (0.001, "0.1 %"),
        (0.00001, "less than 0.01 %"),
        (0.9997, "99.97 %"),
        (0.99999, "more than 99.99 %"),
        (0.95, "95 %"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.97, "97"), (0.001, "less than 1"), (0.999, "more than 99"), (0, "0"), (1, "100")]
)
def test_of_100(share: float, text: str) -> None:
    assert of_100(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (1234567.0, "1,234,567"),
        (1234.56, "1,234.6"),
        (0.123456, "0.1235"),
        (-0.5, "-0.5"),
        (1e20, "1e+20"),
        (float("inf"), "inf"),
    ],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


def test_size_and_lists() -> None:
    assert [size(n) for n in (0, 999, 1000, 999_960, 12_345_678)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "1.0 MB",
        "12.3 MB",
    ]
    assert [listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert [plural(1, "entry", "entries"), plural(2000, "entry", "entries"), plural(2, "step")] == [
        "1 entry",
        "2,000 entries",
        "2 steps",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain", "plain"),
        ("", "(empty)"),
        ("  b ", "␣␣b␣"),
        (" ", "␣"),
        ("\x00\x1b[31m", "\\x00\\x1b[31m"),
        ("\u202eabc", "\\u202eabc"),
        ("שלום", "שלום"),
        ("a" * 48, "a" * 48),
        ("a" * 49, "a" * 47 + "…"),
        ("ends in ...", "ends in ..."),
        ("\x00" * 30, ("\\x00" * 30)[:47] + "…"),
    ],
)
def test_a_name_is_printable_and_not_too_long(name: str, text: str) -> None:
    assert shown(name) == text


def test_a_sentence_for_a_terminal_and_for_a_page() -> None:
    sentence = say("a < b: {} of {} in {:,}", Name('"<b>'), Excerpt("<i>"), 1234)
    assert str(sentence) == "a < b: '\"<b>' of <i> in 1,234"
    html = "a &lt; b: <bdi>&#34;&lt;b&gt;</bdi> of <bdi class=long>&lt;i&gt;</bdi> in 1,234"
    assert sentence.__html__() == html
    assert Environment(autoescape=True).from_string("{{ it }}").render(it=sentence) == html


def test_braces_in_names_are_no_fields() -> None:
    assert str(say("{}", Name("{0} {x}"))) == "'{0} {x}'"
    assert say("{}", Name("{0} {x}")).__html__() == "<bdi>{0} {x}</bdi>"
