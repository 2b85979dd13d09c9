"""Which files a thread has written, and what was in them."""

import hashlib
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline import files
from pipeline.recording import Written, last_digest, pieces_digest, recorded, recording


@given(pieces=st.lists(st.binary(max_size=40), max_size=5))
def test_pieces_go_by_and_are_digested(pieces: list[bytes]) -> None:
    from pipeline.recording import note

    with recording() as written:
        assert list(recorded([memoryview(piece) for piece in pieces])) == pieces
        note("path")
    content = b"".join(pieces)
    assert written == [Written("path", len(content), hashlib.sha256(content).hexdigest())]


def test_files_are_listed_by_their_final_names(tmp_path: Path) -> None:
    files.write(f"{tmp_path}/before", b"0")
    assert last_digest() == ""
    with recording() as outer:
        files.write(f"{tmp_path}/one", b"1")
        with recording() as inner:
            files.write_pieces(f"{tmp_path}/unfinished", [b"2", b"3"], lambda: f"{tmp_path}/two")
        assert last_digest() == pieces_digest() == hashlib.sha256(b"23").hexdigest()
        other = threading.Thread(target=files.write, args=(f"{tmp_path}/other", b"4"))
        other.start()
        other.join()
    assert [file.path for file in outer] == [f"{tmp_path}/one", f"{tmp_path}/two"]
    assert inner == [Written(f"{tmp_path}/two", 2, hashlib.sha256(b"23").hexdigest())]


def test_names_of_unfinished_files() -> None:
    assert files.is_temporary("a/b.index.0123456789ab.tmp")
    assert not any(map(files.is_temporary, ["a.tmp", "a.0123456789ab", "a.0123456789AB.tmp", "a.0123456789ab.tmp.b"]))


def test_a_link_is_deleted_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    files.delete([f"{tmp_path}/link"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]
    assert (tmp_path / "there/file").read_text() == "x"
