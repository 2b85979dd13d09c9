import re
from pathlib import Path

import pytest

from pipeline import files
from schemas.errors import DataError, UsageError


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = files.join(str(tmp_path), "a", "b", "file.gz")
    files.write(path, b"0123456789")
    assert files.read(path) == b"0123456789"  # as it is, whatever the suffix
    assert files.read_range(path, 3, 4) == b"3456"
    assert files.read_range(path, 8, 4) == b"89"
    assert files.read_range(path, 0, 0) == b""
    with files.reading(path) as stream:
        stream.seek(9)
        assert stream.read() == b"9"
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["file.gz"]


def test_a_range_is_read_to_where_it_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_PART_BYTES", 4)
    path = str(tmp_path / "file")
    files.write(path, b"0123456789")
    buffer = bytearray(b"-" * 9)
    files.read_into(path, 1, memoryview(buffer)[2:8])
    assert buffer == b"--123456-"
    with pytest.raises(DataError, match=re.escape(f"{path}: ends at byte 10, 2 bytes too early")):
        files.read_into(path, 5, memoryview(bytearray(7)))


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    for content in (b"a long content", b"short", b""):
        files.write(path, content)
        assert files.read(path) == content


def test_a_match_is_sorted(tmp_path: Path) -> None:
    for name in ("b", "a", "ab"):
        (tmp_path / name).write_bytes(b"x" * len(name))
    found = files.match(str(tmp_path / "*"))
    assert [(Path(file.path).name, file.size_in_bytes) for file in found] == [("a", 1), ("ab", 2), ("b", 1)]
    assert files.match(str(tmp_path / "c*")) == []
    assert files.match(str(tmp_path / "none" / "*")) == []


def test_the_path_of_a_file_is_no_pattern(tmp_path: Path) -> None:
    for name in ("[a].jsonl", "a.jsonl", "*.jsonl"):
        (tmp_path / name).write_bytes(b"12")
    for name in ("[a].jsonl", "*.jsonl"):
        [found] = files.match(str(tmp_path / name))
        assert (found.path, found.size_in_bytes) == (str(tmp_path / name), 2)
    assert len(files.match(str(tmp_path / "*l"))) == 3


def test_a_match_within_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "[x]*"
    for name in ("sub/b.txt", "sub/a.txt", "c.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    assert files.match_within(str(folder), "*/*.txt") == [f"{folder}/sub/a.txt", f"{folder}/sub/b.txt"]
    assert files.match_within(f"{folder}/.", "*.txt") == [f"{folder}/./c.txt"]
    assert files.match_within(str(folder), "none/*") == []
    assert files.match_within(str(tmp_path / "none"), "*") == []


def test_what_a_path_is(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert (files.is_folder(str(tmp_path)), files.is_file(str(tmp_path))) == (True, False)
    assert (files.is_folder(str(path)), files.is_file(str(path))) == (False, True)
    assert (files.exists(str(path)), files.exists(str(tmp_path / "none"))) == (True, False)


@pytest.mark.parametrize("path", ["gs://bucket/a.jsonl", "s3://bucket/a", "hdfs://host/a"])
def test_a_path_of_another_filesystem_is_not_local(path: str) -> None:
    assert not files.is_local(path)
    assert not files.is_folder(path)
    assert not files.is_file(path)
    assert files.identities([path]) == [path]


def test_all_names_of_a_file_have_one_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "sub").mkdir()
    (tmp_path / "folder").symlink_to("sub/..")
    monkeypatch.chdir(tmp_path)
    names = ["file", "./file", "link", "folder/file", "folder/link", str(tmp_path / "sub" / ".." / "file")]
    assert set(files.identities(names)) == {str((tmp_path / "file").resolve())}


def test_deleting(tmp_path: Path) -> None:
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "file").write_bytes(b"")
    (tmp_path / "other").write_bytes(b"")
    files.delete([str(tmp_path / "folder"), str(tmp_path / "none"), str(tmp_path / "other")])
    assert list(tmp_path.iterdir()) == []
    files.delete([])


def test_deleting_means_this_path_alone(tmp_path: Path) -> None:
    for name in ("a*", "ab", "[a]", "a"):
        (tmp_path / name / "inner").mkdir(parents=True)
    files.delete([str(tmp_path / "a*"), str(tmp_path / "[a]")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "ab"]


def test_only_folders_that_hold_nothing_are_deleted(tmp_path: Path) -> None:
    for name in ("empty", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "file").write_bytes(b"")
    files.delete_empty_parents([str(tmp_path / name / "gone") for name in ("empty", "full", "none")])
    files.delete_empty_parents(["gs://bucket/folder/gone"])
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_stem_has_no_folder_and_no_suffix() -> None:
    assert files.stem("a/b/reviews.jsonl") == "reviews"
    assert files.stem("gs://bucket/part.1.jsonl") == "part.1"


def test_a_folder_on_a_filesystem_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"^nowhere://a/b: no filesystem of Beam is called nowhere; say"):
        files.join("nowhere://a/b", "c")
