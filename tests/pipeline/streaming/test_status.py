"""What a part says of itself is read back as it was; a damaged file is named."""

from pathlib import Path

import pytest

from pipeline.streaming import status
from pipeline.streaming.status import Status
from schemas.errors import DataError


def test_what_parts_say_is_read_back(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert status.load_all(root) == []
    said = [
        Status("folder:/a/b c", 3, None, -5, 1, 2, 1.5, "is gone"),
        Status("kafka:t/1", 10, 0, 7, 3, 99, 2.5),
        Status("kafka:t_1", 11, 0, 7, 3, 99, 2.5),
    ]
    for one in reversed(said):
        status.dump(root, one)
    assert status.load_all(root) == said


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"part": 1, "other": 2}'])
def test_a_damaged_one_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "one.json"
    path.write_text(content)
    with pytest.raises(DataError, match="json: is damaged"):
        status.load(str(path))


def test_names_of_files_differ_where_names_differ() -> None:
    names = ["/in/a.jsonl", "/in_a.jsonl", "/other/a.jsonl", "x" * 300, "x" * 301, "../..", ""]
    slugs = [status.slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(len(one) < 60 and "/" not in one and not one.startswith(".") for one in slugs)
