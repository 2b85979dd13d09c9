"""The version of a format that a file states."""

import pytest

from schemas.errors import DataError
from schemas.format_version import read_versioned


def test_a_known_version_and_none_at_all() -> None:
    assert read_versioned(b'{"format_version": 2, "a": 1}', "f.json", 2, "mend it") == {"format_version": 2, "a": 1}
    assert read_versioned(b'{"a": 1}', "f.json", 1, "mend it") == {"a": 1}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'{"format_version": 2}', "f.json: format_version is 2, and this version reads 1; mend it"),
        (b'{"format_version": "1"}', 'f.json: format_version is "1", and this version reads 1; mend it'),
        (b"[1]", "f.json: holds no JSON object, so it is damaged; mend it"),
        (b'{"format_ver', "f.json: holds no JSON object, so it is damaged; mend it"),
        (b"\xff", "f.json: holds no JSON object, so it is damaged; mend it"),
    ],
)
def test_what_is_refused(content: bytes, error: str) -> None:
    with pytest.raises(DataError) as raised:
        read_versioned(content, "f.json", 1, "mend it")
    assert str(raised.value) == error
