"""The format of a file, by its suffix."""

import pytest

from schemas.errors import UsageError
from schemas.records.formats import check_format


@pytest.mark.parametrize("path", ["a.jsonl", "in/b.ndjson", "/x/c.json", "gs://bucket/D.JSONL"])
def test_jsonl(path: str) -> None:
    assert check_format(path) == "jsonl"


@pytest.mark.parametrize(("path", "suffix"), [("a.txt", ".txt"), ("in.jsonl/a", ""), ("a.jsonl.zip", ".zip")])
def test_other_formats_are_refused(path: str, suffix: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_format(path)
    assert str(raised.value) == (
        f"{path}: has the suffix '{suffix}'; records are read from JSONL files (.jsonl, .ndjson, .json), "
        "one JSON object a line; convert or rename the file"
    )
