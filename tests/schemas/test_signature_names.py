"""Names of what a signature takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.signature_names import signature_name, signature_names

NAMES = st.sets(st.from_regex(r"[A-Za-z][A-Za-z0-9_-]*(/[a-z]+)?", fullmatch=True), max_size=8)


@given(NAMES)
def test_names_are_identifiers_and_each_its_own_or_refused(names: set[str]) -> None:
    try:
        found = signature_names(names)
    except DataError:
        assert len({signature_name(name) for name in names}) < len(names)
        return
    assert set(found) == names
    assert len(set(found.values())) == len(names)
    assert all(argument.isidentifier() and argument.isascii() for argument in found.values())


def test_what_a_name_becomes() -> None:
    assert signature_names(["frames/missing", "my-text", "text"]) == {
        "frames/missing": "frames_missing",
        "my-text": "my_text",
        "text": "text",
    }


def test_two_that_would_be_one_are_refused() -> None:
    with pytest.raises(DataError) as raised:
        signature_names(["text/length", "text_length"])
    assert str(raised.value) == (
        "'text/length' and 'text_length' would both be 'text_length' in a signature, whose names hold letters, digits "
        "and '_' only; rename one of them in the spec, write the data set again, and train on it"
    )
