"""The manifest: its bytes, its fingerprints, and what makes it refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError
from schemas.manifest import (
    FORMAT_VERSION,
    SPAN_VERSION,
    data_fingerprint,
    dump_manifest,
    fingerprint,
    index_path,
    load_manifest,
    named_files,
    parse_manifest,
    seal,
    shard_path,
    shards_of,
    stored_features,
    vocabulary_path,
)
from schemas.manifest_pb2 import (
    Bucket,
    Counts,
    InputFile,
    LengthStatistics,
    Manifest,
    Moments,
    RejectedFile,
    Shard,
    SplitStatistics,
    StoredFeature,
    Vocabulary,
)
from schemas.messages import digest
from schemas.spec import parse_spec

SHA = "0123456789abcdef" * 4


def small_manifest() -> Manifest:
    path = shard_path("train", 0, 0, 1, SHA)
    manifest = Manifest(
        spec=parse_spec("name: tiny\nsequences: {t: {type: tokens}}"),
        inputs=[InputFile(path="in.jsonl", format="jsonl", bytes=90, digest=SHA, records=3)],
        counts=Counts(read=3, kept=1, rejected={"invalid_json": 2}),
        features=[StoredFeature(name="id", dtype="bytes", dims=1)],
        vocabularies={"t": Vocabulary(path="vocabulary/t.txt", sha256="aa", size=2, oov_buckets=1)},
        statistics={"train": SplitStatistics(records=1, lengths={"t": LengthStatistics(lengths=[5], counts=[1])})},
        moments={"label": Moments(count=1, mean=[0.1], variance=[0.0], min=[0.1], max=[1e300])},
        buckets=[Bucket(min_length=0)],
        shards=[Shard(split="train", path=path, sha256=SHA, records=1, index_path=index_path(path), index_sha256="bb")],
        rejected_files=[RejectedFile(path="rejected/a.jsonl", sha256="cc", records=2)],
    )
    return seal(manifest)


def error_of(content: bytes) -> str:
    with pytest.raises(DataError) as raised:
        parse_manifest(content, "manifest.json")
    return str(raised.value)


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    values = json.loads(dump_manifest(small_manifest()))
    change(values)
    return json.dumps(values).encode()


def test_the_bytes_of_a_manifest() -> None:
    manifest = Manifest(
        counts=Counts(read=2, kept=2),
        buckets=[Bucket(min_length=0, max_length=4), Bucket(min_length=5)],
        moments={"x": Moments(count=2, mean=[1.0, -0.5], variance=[0.0, 1e-7])},
    )
    seal(manifest)
    body = (
        '"buckets":[{"max_length":4},{"min_length":5}],"counts":{"kept":2,"read":2},'
        f'"data_fingerprint":"{manifest.data_fingerprint}",'
    )
    rest = '"format_version":1,"moments":{"x":{"count":2,"mean":[1,-0.5],"variance":[0,1e-7]}}}'
    assert dump_manifest(manifest).decode() == f'{{{body}"fingerprint":"{manifest.fingerprint}",{rest}'
    assert manifest.fingerprint == digest(json.loads(f"{{{body}{rest}"))
    assert manifest.data_fingerprint == "ba6bf1f7c65e90bc5b4a7e60bb8f6793e7fdbc59d409d4d847e96f3e0d7a4624"
    assert manifest.fingerprint == "6dcb12f9ff227589d9f338bf9142cb256a311c66befe2797b3382b43376d83a1"


def test_a_manifest_comes_back_as_it_went(tmp_path: Path) -> None:
    manifest = small_manifest()
    content = dump_manifest(manifest)
    (tmp_path / "manifest.json").write_bytes(content)
    assert load_manifest(tmp_path) == manifest
    assert dump_manifest(load_manifest(str(tmp_path))) == content
    assert manifest.format_version == FORMAT_VERSION == 1


def test_the_manifest_of_a_span_is_of_a_later_format_version() -> None:
    manifest = small_manifest()
    manifest.span.name = "2026-11-20"
    content = dump_manifest(seal(manifest))
    assert manifest.format_version == SPAN_VERSION == 2
    assert parse_manifest(content, "m") == manifest


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../other/shard", "train/../../x", "..", "train\\..\\..\\x", "\\x", "C:/x", "gs://bucket/x"],
)
def test_no_file_outside_of_the_folder_is_named(path: str) -> None:
    manifest = small_manifest()
    manifest.rejected_files.add(path=path, sha256="0" * 64)
    assert error_of(dump_manifest(seal(manifest))) == (
        f"manifest.json: names the file {path!r}, which lies outside of the data set's folder; it was not written by "
        "this pipeline, so do not use it"
    )


def test_white_space_is_no_change() -> None:
    assert parse_manifest(edited(lambda values: None), "m") == small_manifest()


def test_the_fingerprint_of_what_was_dumped_is_checked_without_a_second_form_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifest = small_manifest()
    content = dump_manifest(manifest)
    monkeypatch.setattr("schemas.manifest.fingerprint", lambda manifest: pytest.fail("computed again"))
    assert parse_manifest(content, "m") == manifest


@given(st.data())
def test_no_other_byte_passes(data: st.DataObject) -> None:
    content = bytearray(dump_manifest(small_manifest()))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    try:
        manifest = parse_manifest(bytes(content), "m")
    except DataError:
        return
    # Another form of the same values, such as an exponent of E for e.
    assert manifest == small_manifest()


@pytest.mark.parametrize("within", [False, True])
def test_a_fingerprint_at_another_place_is_no_fingerprint(within: bool) -> None:
    manifest = small_manifest()
    member = f'"fingerprint":"{manifest.fingerprint}",'
    rest = dump_manifest(manifest).decode().replace(member, "")
    # The bytes are what was hashed once the member is taken out, wherever it stands.
    place = rest.index('"kept"') if within else 1
    content = (rest[:place] + member + rest[place:]).encode()
    if within:
        with pytest.raises(DataError, match=r"^m: is damaged: counts\.fingerprint: no such field"):
            parse_manifest(content, "m")
    else:
        assert parse_manifest(content, "m") == manifest  # no canonical form, which verify says, and the same values


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values["counts"].update(kept=3),
        lambda values: values["shards"].clear(),
        lambda values: values.update(data_fingerprint="0" * 64),
        lambda values: values.update(fingerprint="0" * 64),
        lambda values: values.pop("fingerprint"),
        lambda values: values["spec"].update(name="other"),
        lambda values: values["moments"]["label"]["mean"].__setitem__(0, 0.10000000000000002),
    ],
)
def test_a_manifest_edited_by_hand_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    assert error_of(edited(change)) == (
        "manifest.json: does not fit its own fingerprint: it was changed by hand; write the data set again"
    )


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "is no manifest; it is damaged or was not written by this pipeline"),
        (b"\xff\xfe", "is no manifest; it is damaged or was not written by this pipeline"),
        (b"[1]", "is no manifest; it is damaged or was not written by this pipeline"),
        (b"{}", "is no manifest; it is damaged or was not written by this pipeline"),
        (b"7", "is no manifest; it is damaged or was not written by this pipeline"),
        (dump_manifest(small_manifest())[:-1], "is no manifest; it is damaged or was not written by this pipeline"),
        (b"[" * 100_000, "is no manifest; it is damaged or was not written by this pipeline"),
        (
            edited(lambda values: values.update(format_version=3)),
            "has format version 3; this release reads 1 and 2; "
            "write the data set again or install the release that wrote it",
        ),
        (
            edited(lambda values: values.update(format_version="1")),
            "has format version '1'; this release reads 1 and 2; "
            "write the data set again or install the release that wrote it",
        ),
        (
            edited(lambda values: values.update(color="red")),
            "is damaged: color: no such field; valid: buckets, classes, counts, data_fingerprint, features, "
            "fingerprint, format_version, inputs, moments, parts, rejected_files, shards, span, spec, statistics, "
            "statistics_files, tokenizers, vocabularies",
        ),
        (
            edited(lambda values: values["counts"].update(kept="1")),
            "is damaged: counts.kept: expected a whole number; received '1' (str)",
        ),
        (
            edited(lambda values: values["moments"]["label"].update(mean=[float("nan")])),
            "is damaged: moments.label.mean[0]: nan (float) is out of range; it must be finite as a 64-bit float",
        ),
    ],
)
def test_what_is_no_manifest(content: bytes, error: str) -> None:
    assert error_of(content) == f"manifest.json: {error}"


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_byte_is_refused_or_changes_nothing(at: int, difference: int) -> None:
    content = bytearray(dump_manifest(small_manifest()))
    content[at % len(content)] ^= difference
    try:
        manifest = parse_manifest(bytes(content), "m")
    except DataError:
        return
    assert manifest == small_manifest()


def test_folders_without_a_manifest(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "odd" / "manifest.json").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(DataError) as raised:
            load_manifest(folder)
        assert str(raised.value) == (
            f"{folder}: holds no data set (no manifest.json); write one with "
            f"`python -m pipeline run --spec SPEC --input PATTERN --output {folder}`"
        )
        assert raised.value.exit_code == 1
    with pytest.raises(DataError) as raised:
        load_manifest(tmp_path / "odd")
    assert str(raised.value) == f"{tmp_path}/odd/manifest.json: cannot be read: Is a directory"


def test_the_data_fingerprint_knows_nothing_of_the_inputs() -> None:
    first, second, third = small_manifest(), small_manifest(), small_manifest()
    second.shards[0].sha256 = "ee"  # the same records in another layout
    second.inputs[0].path = "elsewhere.jsonl"
    second.counts.read = 99
    second.rejected_files[0].sha256 = "dd"
    third.statistics["train"].records_digest = "ee"
    assert data_fingerprint(second) == data_fingerprint(first) != data_fingerprint(third)
    assert fingerprint(second) != fingerprint(first)
    assert seal(seal(second)) == seal(second)


def test_what_a_parser_finds() -> None:
    spec = parse_spec(
        "sequences: {words: {type: tokens}, x: {type: series, dims: 3}}\nlabel: {type: per_step_class, of: words}"
    )
    found = [(f.name, f.dtype, f.variable, f.dims) for f in stored_features(spec)]
    assert found == [
        ("id", "bytes", False, 1),
        ("label", "int64", True, 1),
        ("words", "int64", True, 1),
        ("words/length", "int64", False, 1),
        ("x", "float", True, 3),
        ("x/length", "int64", False, 1),
    ]


@pytest.mark.parametrize(("kind", "dtype"), [("class", "int64"), ("number", "float")])
def test_the_stored_label(kind: str, dtype: str) -> None:
    spec = parse_spec(f"sequences: {{t: {{type: tokens}}}}\nlabel: {{type: {kind}}}")
    assert StoredFeature(name="label", dtype=dtype, dims=1) in stored_features(spec)


def test_what_is_stored_beside_a_series() -> None:
    clock = "time: {from: at, format: iso8601}"
    spec = parse_spec(f"""
sequences:
  x: {{type: series, layout: columns, columns: [a, b, c], missing: zero, {clock}}}
  y: {{type: series, dims: 2, missing: reject, aligned_with: x}}
""")
    found = [(f.name, f.dtype, f.variable, f.dims) for f in stored_features(spec)]
    assert found == [
        ("id", "bytes", False, 1),
        ("x", "float", True, 3),
        ("x/length", "int64", False, 1),
        ("x/missing", "int64", True, 3),
        ("x/since", "float", True, 1),
        ("y", "float", True, 2),
        ("y/length", "int64", False, 1),
    ]


def test_no_label_no_feature() -> None:
    spec = parse_spec("sequences: {t: {type: tokens}}")
    assert [feature.name for feature in stored_features(spec)] == ["id", "t", "t/length"]


def test_paths() -> None:
    path = shard_path("train", 3, 1, 12, SHA)
    assert path == "train/bucket-03-shard-00001-of-00012-0123456789ab.tfrecord"
    assert index_path(path) == "train/bucket-03-shard-00001-of-00012-0123456789ab.index"
    assert shard_path("test", 123, 0, 1, SHA) == "test/bucket-123-shard-00000-of-00001-0123456789ab.tfrecord"
    assert vocabulary_path("text", SHA) == "vocabulary/text-0123456789ab.txt"


def test_the_shards_of_a_split() -> None:
    manifest = small_manifest()
    manifest.statistics["validation"].records = 0
    assert [shard.split for shard in shards_of(manifest, "train")] == ["train"]
    assert shards_of(manifest, "validation") == []
    with pytest.raises(DataError) as raised:
        shards_of(manifest, "valdation")
    assert str(raised.value) == "split 'valdation': is not in this data set; did you mean 'validation'?"


def test_every_file_that_a_manifest_names() -> None:
    stem = "train/bucket-00-shard-00000-of-00001-0123456789ab"
    assert named_files(small_manifest()) == {
        f"{stem}.tfrecord": SHA,
        f"{stem}.index": "bb",
        "vocabulary/t.txt": "aa",
        "rejected/a.jsonl": "cc",
    }
    with_classes = small_manifest()
    with_classes.classes.path, with_classes.classes.sha256 = "vocabulary/label.txt", "ff"
    assert named_files(with_classes)["vocabulary/label.txt"] == "ff"
    assert named_files(Manifest()) == {}
