"""Proposed specs for every format: they parse, they are alike, and they run."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest
import yaml

from pipeline.infer.proposal import propose
from schemas.errors import DataError, UsageError
from schemas.formats.avro_codecs import CODECS
from schemas.spec import parse_spec
from tests.pipeline.formats import COMPRESSORS, SUFFIXES, WRITERS
from tests.pipeline.helpers import prepare, write_jsonl
from tests.pipeline.test_every_format import CASES, write
from tests.schemas.formats.typed_files import avro, example, sequence_example, tfrecord


def records(count: int = 60) -> list[dict[str, Any]]:
    return [
        {
            "id": f"r{i}",
            "text": f"word{i} of some {i % 7} longer text",
            "tags": ["N", "V", "X"][: 1 + i % 3],
            "frames": [[i / 2, -1.5]] * (2 + i % 3),
            "age": i / 4,
            "stars": i % 3,
        }
        for i in range(count)
    ]


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_the_proposal_does_not_depend_on_the_format(name: str, suffix: str, tmp_path: Path) -> None:
    source = write(tmp_path, name, suffix, records())
    said = name if name in SUFFIXES else ""
    values = yaml.safe_load(propose([source], said).text)
    assert values.pop("input", None) == ({"format": said} if said else None)
    expected = yaml.safe_load(propose([write(tmp_path / "jsonl", "jsonl", "", records())]).text)
    if name == "tfrecord":  # an Example has no frames
        assert values["sequences"].pop("frames") == expected["sequences"].pop("frames") | {"dims": 1, "layout": "flat"}
    assert values == expected
    assert values["name"] == "in"


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_the_proposal_runs(name: str, tmp_path: Path) -> None:
    source = write(tmp_path, name, "", records())
    text = propose([source]).text + "label: {from: stars, type: class}\n"
    assert prepare(text, source, tmp_path / "out").counts.kept == 60


def test_a_folder_of_texts(tmp_path: Path) -> None:
    for i in range(30):
        path = tmp_path / "texts" / ("pos" if i % 2 else "neg") / f"{i}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"some words of text {i}")
    proposal = propose([str(tmp_path / "texts")], "text_files")
    values = yaml.safe_load(proposal.text)
    assert values["label"] == {"from": "label", "type": "class"}
    assert list(values["sequences"]) == ["text"]
    assert prepare(proposal.text, str(tmp_path / "texts"), tmp_path / "out").counts.kept == 30


EVENTS = [
    {"user_id": i % 5, "at": f"2024-01-{1 + i % 28:02d} 10:00:00", "page": f"p{i % 3}", "seconds": i / 2}
    for i in range(60)
]


def test_events_are_grouped(tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "events.jsonl", EVENTS)
    proposal = propose([source])
    values = yaml.safe_load(proposal.text)
    assert values["group"] == {
        "by": "user_id",
        "order_by": "at",
        "order_as": "time",
        "time_format": "iso8601",
        "zone": "UTC",
    }
    assert values["sequences"] == {
        "page": {"type": "tokens"},
        "seconds": {"type": "series", "dims": 1, "layout": "flat", "normalize": "zscore", "aligned_with": "page"},
    }
    assert "these look like events: 12.0 for each user_id" in proposal.notes[1]
    parse_spec(proposal.text)
    assert prepare(proposal.text.replace("test: 0.1", "test: 0.1"), source, tmp_path / "out").counts.kept == 5


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": None},  # no key
        {"at": "no time"},
        {"tags": ["a", "b"]},  # a sequence of its own
    ],
)
def test_what_is_no_event(change: dict[str, Any], tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "events.jsonl", [event | change for event in EVENTS])
    assert "group" not in yaml.safe_load(propose([source]).text)


def test_a_format_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        propose([write(tmp_path, "csv", "", records())], "cvs")
    assert str(raised.value) == "--format cvs: is no format; did you mean 'csv'?"


@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"jsonl", "csv", "tsv"}))
def test_a_damaged_file(name: str, tmp_path: Path) -> None:
    source = Path(write(tmp_path, name, "", records()))
    source.write_bytes(b"no such format" * 9)
    with pytest.raises(DataError) as raised:
        propose([str(source)], name if name in SUFFIXES else "")
    assert str(raised.value).startswith(f"{source}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("suffix", sorted(set(COMPRESSORS) - {""}))
def test_a_truncated_file(suffix: str, tmp_path: Path) -> None:
    source = Path(write(tmp_path, "csv", suffix, records()))
    source.write_bytes(source.read_bytes()[:-30])
    with pytest.raises(DataError) as raised:
        propose([str(source)])
    assert "the compressed content ends too early or is damaged" in str(raised.value)


@pytest.mark.parametrize(
    ("delimiter", "suffix", "said"),
    [(";", "csv", {"delimiter": ";"}), ("|", "csv", {"delimiter": "|"}), ("\t", "csv", {"format": "tsv"})],
)
def test_another_delimiter_is_found_and_said(delimiter: str, suffix: str, said: dict[str, str], tmp_path: Path) -> None:
    rows = [["id", "text", "stars"], *([str(i), f"some, words {i}", str(i % 3)] for i in range(60))]
    (tmp_path / f"in.{suffix}").write_text("\n".join(delimiter.join(row) for row in rows))
    source = str(tmp_path / f"in.{suffix}")
    text = propose([source]).text
    assert yaml.safe_load(text)["input"] == said
    assert prepare(text, source, tmp_path / "out").counts.kept == 60


def test_another_encoding(tmp_path: Path) -> None:
    rows = ["id,text", *(f"{i},dix-neuvième été {i}" for i in range(60))]
    (tmp_path / "in.csv").write_bytes("\n".join(rows).encode("latin-1"))
    source = str(tmp_path / "in.csv")
    with pytest.raises(DataError) as caught:
        propose([source])
    assert (
        str(caught.value) == f"{source}: holds no record that is UTF-8 (60 lines are not); say --encoding, as latin-1"
    )
    text = propose([source], encoding="latin-1").text
    assert yaml.safe_load(text)["input"] == {"encoding": "latin-1"}
    assert prepare(text, source, tmp_path / "out").counts.kept == 60
    (tmp_path / "in.csv").write_bytes("\n".join(rows).encode("latin-1") + b"\n60,plain\n")
    assert propose([source]).notes[0] == (
        "looked at 1 records of 1 file(s), 60 lines are not UTF-8: where the files are in another encoding, say "
        "--encoding latin-1 …"
    )


@pytest.mark.parametrize(
    ("damage", "problem"), [("data", "no Avro block begins here"), ("schema", "no header of an Avro file")]
)
def test_a_damaged_avro_file(damage: str, problem: str, tmp_path: Path) -> None:
    source = Path(write(tmp_path, "avro", "", records()))
    content = source.read_bytes()
    if damage == "data":
        begin = content.index(b"sixteen bytes ok") + len(b"sixteen bytes ok") + 8
        content = content[:begin] + b"\xff" * 40 + content[begin + 40 :]
    else:
        content = content.replace(b'"type": "long"', b'"tipe": "long"')
    source.write_bytes(content)
    with pytest.raises(DataError) as raised:
        propose([str(source)])
    assert str(raised.value).startswith(f"{source}: byte ")
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        (
            "in.csv",
            "id,text\n1,a".encode("utf-16"),
            "begins as text in UTF-16 does; say --encoding utf-16, or write it in UTF-8",
        ),
        ("in.csv", b'{"id": 1, "text": "a"}\n', "begins as JSON does; say --format jsonl, or rename the file"),
        (
            "in.jsonl",
            tfrecord([example({"text": "a"})]),
            "begins as tfrecord does, and is read as jsonl; say --format tfrecord, or rename the file",
        ),
        (
            "in.tfrecord",
            tfrecord([sequence_example({"text": ["a"]})]),
            "it holds feature lists, as a tf.train.SequenceExample: say --format tfrecord_sequence",
        ),
    ],
)
def test_files_that_are_something_else_are_refused(name: str, content: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        propose([str(tmp_path / name)])
    assert str(caught.value) == f"{tmp_path / name}: {problem}"


def test_a_suffix_that_names_no_format(tmp_path: Path) -> None:
    (tmp_path / "in.dat").write_text('{"text": "some few words"}')
    with pytest.raises(UsageError, match="which names no format; say --format …, one of jsonl, "):
        propose([str(tmp_path / "in.dat")])


def test_several_texts_may_be_a_record_each(tmp_path: Path) -> None:
    for i in range(9):
        (tmp_path / f"{i}.txt").write_text(f"some few words of text {i}")
    hint = "each line is read as a record; where each file is one, say --format text_files"
    assert propose([str(tmp_path)]).notes[1:] == [hint]
    assert hint not in propose([str(tmp_path / "1.txt")]).notes


def test_a_cell_longer_than_the_csv_module_allows_unasked(tmp_path: Path) -> None:
    cell = "word " * 40_000  # 200 kB
    (tmp_path / "in.csv").write_text("id,text\n" + "".join(f"{i},{cell}{i}\n" for i in range(3)))
    assert list(yaml.safe_load(propose([str(tmp_path / "in.csv")]).text)["sequences"]) == ["text"]


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_avro_of_every_codec_that_a_run_reads(codec: str, tmp_path: Path) -> None:
    fields = [("id", "string"), ("text", "string")]
    schema = {"type": "record", "name": "r", "fields": [{"name": name, "type": kind} for name, kind in fields]}
    content = avro([{"id": f"{i}", "text": f"some few words {i}"} for i in range(9)], 4, codec, schema)
    (tmp_path / "in.avro").write_bytes(content)
    proposal = propose([str(tmp_path / "in.avro")])
    assert proposal.notes[0] == "looked at 9 records of 1 file(s)"
    assert prepare(proposal.text, str(tmp_path / "in.avro"), tmp_path / "out").counts.kept == 9


def test_times_and_decimals_are_proposed_as_a_run_reads_them(tmp_path: Path) -> None:
    at: Any = {"type": "long", "logicalType": "timestamp-millis"}
    price: Any = {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}
    fields: list[tuple[str, Any]] = [("at", at), ("text", "string"), ("price", price)]
    schema = {"type": "record", "name": "r", "fields": [{"name": name, "type": kind} for name, kind in fields]}
    rows = [{"at": 1000 * i, "text": f"a few words {i}", "price": Decimal(i) / 4} for i in range(20)]
    with (tmp_path / "in.avro").open("wb") as stream:
        fastavro.writer(stream, schema, rows)
    proposal = propose([str(tmp_path / "in.avro")])
    assert yaml.safe_load(proposal.text)["label"] == {"from": "price", "type": "number"}
    assert prepare(proposal.text, str(tmp_path / "in.avro"), tmp_path / "out").counts.kept == 20


def test_a_record_that_does_not_fit_its_checksum_is_not_said_to_be_in_another_encoding(tmp_path: Path) -> None:
    source = Path(write(tmp_path, "tfrecord", "", records()))
    content = bytearray(source.read_bytes())
    content[12] ^= 1  # the first byte of the first record: the tag of its features
    source.write_bytes(content)
    assert propose([str(source)]).notes[0] == (
        "looked at 59 records of 1 file(s), 1 lines hold no message of their kind, or do not fit their checksum"
    )
