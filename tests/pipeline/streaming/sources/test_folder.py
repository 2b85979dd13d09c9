"""Files of a folder become records with their positions, each once, whatever a reader is told of others."""

import contextlib
import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.streaming.sources.choose import make_source
from pipeline.streaming.sources.source import SourceSettings
from schemas.errors import DataError, RefusedError, UsageError
from schemas.streams.positions import runs
from tests.pipeline.streaming.sources.folders import PACKED, Clock, covered_by, put, reader_of

LINES = b'{"a":1}\n\n{"a":2}\r\n{"a":3}'


@pytest.mark.parametrize("suffix", PACKED)
def test_a_finished_file_becomes_records_at_bytes_of_its_content(tmp_path: Path, suffix: str) -> None:
    path = put(tmp_path, f"a.jsonl{suffix}", PACKED[suffix](LINES))
    [batch] = reader_of(tmp_path, Clock()).poll(1, 1 << 20)
    assert batch.source == str(path)
    assert batch.values == [b'{"a":1}', b'{"a":2}', b'{"a":3}']
    assert batch.places.tolist() == [0, 9, 18]
    assert batch.starts.tolist() == [0, 8, 18]  # a blank line belongs to the record behind it
    assert batch.ends.tolist() == [8, 18, len(LINES)]
    assert (batch.fallback == path.stat().st_mtime_ns // 1_000).all()


def test_a_byte_order_mark_belongs_to_the_first_record(tmp_path: Path) -> None:
    put(tmp_path, "a.jsonl", b"\xef\xbb\xbf" + LINES)
    [batch] = reader_of(tmp_path, Clock()).poll(1, 1 << 20)
    assert batch.values[0] == b'{"a":1}'
    assert (batch.places[0], batch.starts[0]) == (3, 0)


def test_files_are_read_in_the_order_of_their_change_and_then_of_their_names(tmp_path: Path) -> None:
    for name, age in (("c", 50.0), ("b", 100.0), ("a", 100.0)):
        put(tmp_path, f"{name}.jsonl", b"{}\n", age)
    os.utime(tmp_path / "a.jsonl", ns=(0, (tmp_path / "b.jsonl").stat().st_mtime_ns))
    found = reader_of(tmp_path, Clock()).poll(1, 1 << 20)
    assert [Path(batch.source).stem for batch in found] == ["a", "b", "c"]


def test_a_file_is_left_alone_until_it_has_not_changed_for_a_while(tmp_path: Path) -> None:
    clock = Clock()
    reader = reader_of(tmp_path, clock)
    assert reader.lag() is None  # nobody has looked
    assert reader.poll(1, 1 << 20) == []
    assert reader.lag() == 0
    path = put(tmp_path, "a.jsonl", LINES)  # what a file says of its age counts at the first look only
    start = clock.now
    assert reader.poll(3, 1 << 20) == []
    assert reader.lag() == len(LINES)
    [batch] = reader.poll(60, 1 << 20)
    assert 5 <= clock.now - start <= 8
    assert (batch.source, reader.lag(), reader.position) == (str(path), 0, len(LINES))
    assert reader.poll(30, 1 << 20) == []


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("known", ["by this reader", "by what is covered"])
def test_a_file_that_has_grown_is_read_on_from_where_it_was(tmp_path: Path, suffix: str, known: str) -> None:
    clock = Clock()
    pack = PACKED[suffix]
    put(tmp_path, f"a.jsonl{suffix}", pack(b'{"a":1}\n{"a":2}\n'))
    reader = reader_of(tmp_path, clock)
    first = reader.poll(1, 1 << 20)
    put(tmp_path, f"a.jsonl{suffix}", pack(b'{"a":1}\n{"a":2}\n{"a":3}\n'))
    if known != "by this reader":
        reader = reader_of(tmp_path, clock, covered_by(first))
    [batch] = reader.poll(20, 1 << 20)
    assert (batch.values, batch.starts.tolist()) == ([b'{"a":3}'], [16])
    assert reader.position == 8 if known != "by this reader" else 24


def test_what_is_covered_is_not_given_again_wherever_it_stands(tmp_path: Path) -> None:
    content = b"".join(b'{"a":%d}\n' % i for i in range(1_000))
    path = put(tmp_path, "a.jsonl", content)
    [whole] = reader_of(tmp_path, Clock()).poll(1, 1 << 20)
    kept = np.arange(1_000) % 7 < 4
    covered = {str(path): runs(whole.starts[kept], whole.ends[kept])}
    [rest] = reader_of(tmp_path, Clock(), covered).poll(1, 1 << 20)
    assert rest.places.tolist() == whole.places[~kept].tolist()
    assert rest.values == [value for value, has in zip(whole.values, kept, strict=True) if not has]
    assert reader_of(tmp_path, Clock(), covered_by([whole])).poll(1, 1 << 20) == []


@pytest.mark.parametrize("most", [1, 10, 100, 5_000])
def test_batches_of_any_size_give_the_same_records(tmp_path: Path, most: int) -> None:
    content = b"".join(b'{"a":%d}\n' % i for i in range(300))
    put(tmp_path, "a.jsonl", content)
    put(tmp_path, "b.jsonl", content[:-1], age=1.0)
    reader = reader_of(tmp_path, Clock(), settle=0.5)
    found: list[tuple[str, int, int, int, bytes | None]] = []
    before = 0
    while batches := reader.poll(1, most):
        assert sum(len(value or b"") for batch in batches for value in batch.values) <= 2 * most + 16  # a piece more
        assert reader.position > before
        before = reader.position
        for name, values, places, starts, ends, _ in batches:
            found += zip([name] * len(values), places, starts, ends, values, strict=True)
    [*whole] = reader_of(tmp_path, Clock(), settle=0.5).poll(1, 1 << 20)
    assert found == [
        row for b in whole for row in zip([b.source] * len(b.values), b.places, b.starts, b.ends, b.values, strict=True)
    ]


def test_a_line_that_is_too_long_is_kept_as_one_that_a_run_rejects_and_the_next_one_is_read(tmp_path: Path) -> None:
    long = b'{"a":"' + b"x" * 3_000_000 + b'"}\n'
    put(tmp_path, "a.jsonl", long + b'{"a":1}\n')
    reader = reader_of(tmp_path, Clock(), max_record_bytes=1_000_000)
    batches = [batch for _ in range(2) for batch in reader.poll(1, 1 << 20)]
    values = [value for batch in batches for value in batch.values]
    assert len(values[0] or b"") > 1_000_000
    assert len(values[0] or b"") < 3_000_000
    assert values[1] == b'{"a":1}'
    assert [int(end) for batch in batches for end in batch.ends] == [len(long), len(long) + 8]


def test_a_file_that_has_become_shorter_is_told_and_not_read_again(tmp_path: Path) -> None:
    clock = Clock()
    path = put(tmp_path, "a.jsonl", LINES)
    reader = reader_of(tmp_path, clock)
    assert reader.poll(1, 1 << 20)
    path.write_bytes(b"{}\n")
    assert reader.poll(20, 1 << 20) == []
    assert reader.note == f"changed after it was read, and not read again: {path}"
    assert reader.lag() == 0


def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    path = put(tmp_path, "a.jsonl.gz", gzip.compress(b"{}\n" * 1_000)[:-9])
    with pytest.raises(DataError, match="damaged") as raised:
        reader_of(tmp_path, Clock()).poll(1, 1 << 20)
    assert str(raised.value).startswith(f"{path}: ")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path, "a.jsonl", LINES)

    def refusing(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refusing)  # the superuser may read everything
    with pytest.raises(RefusedError) as raised:
        reader_of(tmp_path, Clock()).poll(1, 1 << 20)
    assert str(raised.value) == (
        f"{path}: cannot be read: Permission denied; give whoever runs the stream the right to read it, or leave it "
        "out with --name"
    )


@pytest.mark.parametrize("begun", [False, True])
def test_a_folder_that_may_not_be_read_ends_the_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    within = tmp_path / ("within" * 20)  # longer than what is cut elsewhere
    within.mkdir()
    clock = Clock()
    reader = reader_of(tmp_path, clock)
    if begun:
        reader.poll(1, 1 << 20)
    listed = os.scandir

    def refusing(path: str) -> object:
        if path == str(within):
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)
    for look in (lambda: reader.poll(5, 1 << 20), lambda: make_source(str(tmp_path), SourceSettings()).parts({})):
        with pytest.raises(RefusedError) as raised:
            look()
        assert str(raised.value) == (
            f"{within}: cannot be read: Permission denied; give whoever runs this the right to read it, or "
            "move it out of the folder"
        )


def test_the_folder_of_lost_files_of_a_disk_is_not_looked_into(tmp_path: Path) -> None:
    for name in ("lost+found", "lost"):
        (tmp_path / name).mkdir()
        put(tmp_path, f"{name}/a.jsonl", b"{}\n")
    [batch] = reader_of(tmp_path, Clock()).poll(1, 1 << 20)
    assert batch.source == str(tmp_path / "lost" / "a.jsonl")


def test_what_may_pass_is_not_taken_for_a_missing_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(path: str) -> object:
        raise OSError(24, "Too many open files", path)

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(DataError) as raised:
        reader_of(tmp_path, Clock()).poll(1, 1 << 20)
    assert (type(raised.value), str(raised.value)) == (DataError, f"{tmp_path}: cannot be read: Too many open files")


def test_files_of_a_folder_that_may_not_be_entered_end_the_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Entry:
        name, path = "a.jsonl", f"{tmp_path}/a.jsonl"

        def is_dir(self, **_: object) -> bool:
            return False

        def stat(self) -> None:
            raise PermissionError(13, "Permission denied", self.path)

    monkeypatch.setattr(os, "scandir", lambda _: contextlib.nullcontext([Entry()]))
    with pytest.raises(RefusedError, match=rf"^{Entry.path}: cannot be read: Permission denied; give "):
        reader_of(tmp_path, Clock()).poll(1, 1 << 20)


def test_files_of_other_formats_are_refused_with_what_reads_them(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", b"a\n1\n")
    source = make_source(str(tmp_path), SourceSettings())
    with pytest.raises(UsageError) as raised:
        source.parts({})
    assert str(raised.value) == (
        f"--source {tmp_path}: {path}: a stream reads .jsonl, plain or .gz, .bz2 and .zst; what reads files of "
        "other formats as they come is `watch`; name the files that are meant with --name '*.jsonl*'"
    )
    with pytest.raises(UsageError, match=r"is `watch`; give a --name that leaves them out$"):
        make_source(str(tmp_path), SourceSettings(name="a*")).parts({})
    assert [part.name for part in make_source(str(tmp_path), SourceSettings(name="*.jsonl")).parts({})] == [
        f"folder:{tmp_path}"
    ]
    reader = reader_of(tmp_path, Clock())
    assert reader.poll(1, 1 << 20) == []
    assert reader.note.startswith(f"not read: {path}: a stream reads")
    assert reader.lag() == 0


def test_a_name_that_nothing_can_tell_is_left_out_and_told(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, Clock())
    put(tmp_path, os.fsdecode(b"a\xff.jsonl"), b"{}\n")
    good = put(tmp_path, "ä.jsonl", b"{}\n")
    assert [batch.source for batch in reader.poll(1, 1 << 20)] == [str(good)]
    said = r"a\xff.jsonl: is no name in UTF-8; rename the file, or give a --name that leaves it out"
    assert reader.note == f"not read: {said}"
    with pytest.raises(UsageError) as raised:
        make_source(str(tmp_path), SourceSettings(name="*.jsonl")).parts({})
    assert str(raised.value) == f"--source {tmp_path}: {said}"


@pytest.mark.parametrize(
    ("first", "said"), [(b"\xff\xfe{\x00", "; write it in UTF-8; "), (b"PAR1\x15", "; write it as jsonl; ")]
)
def test_what_is_told_of_another_file_is_nothing_that_a_spec_of_a_stream_may_say(
    tmp_path: Path, first: bytes, said: str
) -> None:
    put(tmp_path, "a.jsonl", first)
    with pytest.raises(DataError, match=said) as raised:
        reader_of(tmp_path, Clock()).poll(1, 1 << 20)
    assert "spec" not in str(raised.value)


@pytest.mark.parametrize("name", ["*.parquet", "a[0-9].csv.gz", "?.TXT", "a.avro", "*[!.csv"])
def test_names_of_files_that_a_stream_never_reads(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"^--name '.*': means files of \w+, and a stream reads .jsonl, plain or .gz"):
        make_source(str(tmp_path), SourceSettings(name=name))


@pytest.mark.parametrize(
    "name", ["*.jsonl*", "*.ndjson.zst", "*.gz", "*l", "latest", "*.old", "*.cs[v]", "*.csv*", "*.c?v"]
)
def test_names_that_files_of_a_stream_may_have_or_links_to_them(tmp_path: Path, name: str) -> None:
    assert make_source(str(tmp_path), SourceSettings(name=name))


def test_a_folder_that_is_gone_is_waited_for(tmp_path: Path) -> None:
    clock, folder = Clock(), tmp_path / "in"
    folder.mkdir()
    reader = reader_of(folder, clock)
    assert (reader.poll(1, 1 << 20), reader.lag()) == ([], 0)
    folder.rmdir()
    assert (reader.poll(2, 1 << 20), reader.lag()) == ([], None)
    assert reader.note == f"{folder}: is gone; waiting for it to come back"
    folder.mkdir()
    put(folder, "a.jsonl", LINES)
    [batch] = reader.poll(20, 1 << 20)
    assert (len(batch.values), reader.note) == (3, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kafka://host/topic", "is no topic of Kafka; write kafka://HOST:PORT/TOPIC"),
        ("kafka://host:9092/", "is no topic of Kafka"),
        ("kafka://host:9092,other/topic", "is no topic of Kafka"),
        ("kafka://host:9092/a topic", "is no topic of Kafka"),
        ("s3://bucket/in", "is no folder of this machine"),
        ("not_there", "is no folder; name the one that new files come into"),
    ],
)
def test_what_is_no_source_is_told_with_what_would_be(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"^--source ") as raised:
        make_source(text, SourceSettings())
    assert said in str(raised.value)


def test_the_folder_that_is_written_to_is_never_read(tmp_path: Path) -> None:
    for folder, root in ((tmp_path, tmp_path / "out"), (tmp_path, tmp_path), (tmp_path, tmp_path.parent)):
        with pytest.raises(UsageError, match="lies in the folder that is read"):
            make_source(str(folder), SourceSettings(root=str(root)))
    assert make_source(str(tmp_path), SourceSettings(root="s3://bucket/out"))


def test_a_folder_whose_path_nobody_can_write_down_is_refused(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    os.mkdir(folder)  # noqa: PTH102
    with pytest.raises(UsageError) as raised:
        make_source(folder, SourceSettings())
    assert str(raised.value).endswith("\\xff: is no path in UTF-8; rename the folder")
