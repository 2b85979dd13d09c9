import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.seals import seal_record
from pipeline.verify import verify
from schemas.errors import DataError
from schemas.manifest import dump_manifest, fingerprint, load_manifest, named_files, seal
from schemas.manifest_pb2 import Manifest
from tests.pipeline.conftest import Written
from tests.pipeline.helpers import REVIEW_SPEC, prepare, review_records, write_jsonl

KINDS = {
    "shard": lambda manifest: manifest.shards[0].path,
    "last shard": lambda manifest: manifest.shards[-1].path,
    "index": lambda manifest: manifest.shards[1].index_path,
    "vocabulary": lambda manifest: manifest.vocabularies["text"].path,
    "classes": lambda manifest: manifest.classes.path,
    "rejected records": lambda manifest: manifest.rejected_files[0].path,
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("sound")
    source = write_jsonl(root / "in.jsonl", [*review_records(30), b"oops"])
    prepare(REVIEW_SPEC, source, root / "data", max_rejected=1)
    return root / "data"


@pytest.fixture
def copied(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "data"))


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_a_sound_data_set(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = load_manifest(sound)
    assert main(["verify", str(sound)]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "folder": str(sound),
        "fingerprint": manifest.fingerprint,
        "files": len(named_files(manifest)),
        "records": 30,
        "unnamed": [],
        "unfinished": False,
        "problems": [],
    }
    assert err == ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("position", [0, -1])
def test_a_flipped_bit(copied: Path, capsys: pytest.CaptureFixture[str], kind: str, position: int) -> None:
    manifest = load_manifest(copied)
    name = KINDS[kind](manifest)
    flip(copied / name, position)
    assert main(["verify", str(copied)]) == 1
    out, err = capsys.readouterr()
    [problem] = json.loads(out)["problems"]
    assert problem.startswith(f"{copied}/{name}: has SHA-256 ")
    assert problem.endswith(
        f", the manifest says {named_files(manifest)[name][:12]}…; it was changed; write the data set again"
    )
    assert err == f"{problem}\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_file(copied: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    name = KINDS[kind](load_manifest(copied))
    (copied / name).unlink()
    assert main(["verify", str(copied)]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["problems"] == [f"{copied}/{name}: is missing; write the data set again"]
    assert err == f"{copied}/{name}: is missing; write the data set again\n"


def test_several_problems_are_all_told(copied: Path) -> None:
    manifest = load_manifest(copied)
    names = sorted(make(manifest) for make in KINDS.values())
    for name in names:
        (copied / name).unlink()
    assert verify(str(copied))["problems"] == [
        f"{copied}/{name}: is missing; write the data set again" for name in names
    ]


def test_a_truncated_shard(copied: Path) -> None:
    path = copied / load_manifest(copied).shards[0].path
    path.write_bytes(path.read_bytes()[:-1])
    assert len(verify(str(copied))["problems"]) == 1


def test_every_flipped_bit_of_the_manifest(copied: Path) -> None:
    """Whatever byte changes, it is no manifest, or another one than its fingerprint says."""
    path = copied / "manifest.json"
    content = path.read_bytes()
    for position in range(0, len(content), 37):
        path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
        with pytest.raises(DataError):
            verify(str(copied))


def test_a_changed_manifest(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copied / "manifest.json"
    path.write_text(path.read_text().replace('"read":31', '"read":32'))
    assert main(["verify", str(copied)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"error: {path}: does not fit its own fingerprint: it was changed by hand; write the data set again\n"
    )


def test_no_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 1
    assert (
        capsys.readouterr().err
        == f"error: {tmp_path}: holds no data set (no manifest.json) and no spans; check the path\n"
    )


def more_records(manifest: Manifest) -> str:
    manifest.shards[0].records += 1
    manifest.statistics[manifest.shards[0].split].records += 1
    shard = manifest.shards[0]
    return (
        f"{shard.path}: records: {shard.records - 1} found, the manifest says {shard.records}; write the data set again"
    )


def more_steps(manifest: Manifest) -> str:
    manifest.shards[0].steps += 1
    shard = manifest.shards[0]
    return f"{shard.path}: steps: {shard.steps - 1} found, the manifest says {shard.steps}; write the data set again"


def other_bucket(manifest: Manifest) -> str:
    manifest.shards[0].bucket = 2
    return f"{manifest.shards[0].path}: holds a record of a length that is not of bucket 2"


def other_statistics(manifest: Manifest) -> str:
    manifest.statistics["train"].records += 1
    records = manifest.statistics["train"].records
    return f"split train: records: {records - 1} found, the manifest says {records}; write the data set again"


def more_entries(manifest: Manifest) -> str:
    entry = manifest.vocabularies["text"]
    entry.size += 1
    return f"{entry.path}: entries: {entry.size - 1} found, the manifest says {entry.size}; write the data set again"


def other_index(manifest: Manifest) -> str:
    shards = [shard for shard in manifest.shards if shard.split == "train"]
    first, second = shards[0], shards[1]
    first.index_path, first.index_sha256 = second.index_path, second.index_sha256
    return f"{first.index_path}: does not point at the records of its shard; write the data set again"


def longer_shard(manifest: Manifest) -> str:
    manifest.shards[0].max_length += 7
    shard = manifest.shards[0]
    return (
        f"{shard.path}: longest: {shard.max_length - 7} found, the manifest says {shard.max_length}; "
        "write the data set again"
    )


def more_kept(manifest: Manifest) -> str:
    manifest.counts.kept += 1
    kept = manifest.counts.kept
    return f"records kept: {kept - 1} found, the manifest says {kept}; write the data set again"


def other_records(manifest: Manifest) -> str:
    found = manifest.statistics["test"].records_digest
    manifest.statistics["test"].records_digest = "0" * 64
    return f"split test: digest of the records: {found} found, the manifest says {'0' * 64}; write the data set again"


FORGERIES = [
    more_records,
    more_steps,
    other_bucket,
    other_statistics,
    more_entries,
    other_index,
    longer_shard,
    more_kept,
    other_records,
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_manifest_that_was_wrong_when_it_was_sealed(copied: Path, forge: Callable[[Manifest], str]) -> None:
    manifest = load_manifest(copied)
    problem = forge(manifest)
    (copied / "manifest.json").write_bytes(dump_manifest(seal(manifest)))
    assert problem in verify(str(copied))["problems"]


@pytest.mark.parametrize(
    ("field", "problems"),
    [
        (
            "read",
            [
                "events kept, rejected and dropped: 6 found, the manifest says 7",
                "events of all inputs: 6 found, the manifest says 7",
            ],
        ),
        ("kept", ["events kept, rejected and dropped: 7 found, the manifest says 6"]),
    ],
)
def test_events_that_are_counted_wrong(tmp_path: Path, field: str, problems: list[str]) -> None:
    spec = "sequences: {w: {type: tokens}}\ngroup: {by: who, order_by: at}\nsplit: {fractions: {train: 1.0}}"
    source = write_jsonl(tmp_path / "in.jsonl", [*({"who": i % 2, "at": i, "w": "x"} for i in range(5)), b"oops"])
    manifest = prepare(spec, source, tmp_path / "data", max_rejected=1)
    assert verify(str(tmp_path / "data"))["problems"] == []
    setattr(manifest.counts.events, field, getattr(manifest.counts.events, field) + 1)
    (tmp_path / "data" / "manifest.json").write_bytes(dump_manifest(seal(manifest)))
    assert verify(str(tmp_path / "data"))["problems"] == [f"{text}; write the data set again" for text in problems]


def test_a_histogram_of_lengths_that_is_not_that_of_the_records(copied: Path) -> None:
    manifest = load_manifest(copied)
    manifest.statistics["train"].bucket_length.counts[0] += 5
    (copied / "manifest.json").write_bytes(dump_manifest(seal(manifest)))
    (problem,) = verify(str(copied))["problems"]
    assert problem.startswith("split train: lengths and their counts: {")


def test_a_data_fingerprint_of_other_data(copied: Path) -> None:
    manifest = load_manifest(copied)
    found, manifest.data_fingerprint = manifest.data_fingerprint, "0" * 64
    manifest.fingerprint = fingerprint(manifest)
    (copied / "manifest.json").write_bytes(dump_manifest(manifest))
    assert verify(str(copied))["problems"] == [
        f"data_fingerprint: {found} found, the manifest says {'0' * 64}; write the data set again"
    ]


def test_files_that_no_manifest_names_are_no_problem(copied: Path) -> None:
    (copied / "notes.txt").write_text("mine")
    (copied / ".staging/x").mkdir(parents=True)
    (copied / ".staging/x/part").write_text("")
    shutil.rmtree(copied / "vocabulary" / "none", ignore_errors=True)
    (copied / "vocabulary" / "text.txt").unlink()
    (copied / "run.json").unlink(missing_ok=True)
    result = verify(str(copied))
    assert (result["problems"], result["unnamed"]) == ([], [".staging/x/part", "notes.txt"])


def test_what_lies_beside_a_replaced_data_set_until_its_run_is_over_is_no_problem(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So it is where the run is killed right after the manifest: copies and record are still those of before."""
    (copied / "run.json").write_bytes(seal_record({"fingerprint": "0", "spec_sha256": "0"}))
    (copied / "statistics/statistics.json").write_text("{}")
    assert main(["verify", str(copied)]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["unfinished"], json.loads(out)["problems"]) == (True, [])
    assert err == (
        f"{copied}: the run that published it was killed, or is not over; the next `run` there writes the copies, "
        "spec.yaml and run.json\n"
    )
    (copied / "run.json").write_text((copied / "run.json").read_text().replace('"0"', '"1"', 1))
    assert len(verify(str(copied))["problems"]) == 2


def test_a_large_data_set_of_many_files(reviews: Written) -> None:
    result = verify(str(reviews.folder))
    others = 2 + len(reviews.manifest.statistics_files)  # text and classes
    assert (result["records"], result["files"]) == (150, 2 * len(reviews.manifest.shards) + others)
