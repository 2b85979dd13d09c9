"""Records of one id: found in any number of shares, blocks and bundles, the first one kept."""

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.analysis import Analysis, MergeAnalyses
from pipeline.duplicates import LeftOut, _Find, _LeaveOut, find_repeated
from pipeline.job import Job
from pipeline.stage import ANALYSES, IDS, StagedBlock, _StageBlock
from pipeline.verify import verify
from schemas.errors import DataError
from schemas.manifest_pb2 import Manifest
from tests.pipeline.helpers import failures, make_job, prepare, published_tree, read_dataset, run_job, tree, write_jsonl

SPEC = """
id: id
duplicate_ids: %s
sequences: {text: {type: tokens, tokenizer: whitespace}}
split: {fractions: {train: 1.0}}
"""
REMEDY = "give every record an id of its own, or say duplicate_ids: keep_first or keep"


def rows(ids: str, mark: str) -> list[dict[str, Any]]:
    """One record for each letter, whose text says where it stands."""
    return [{"id": letter, "text": f"{mark}{i} w"} for i, letter in enumerate(ids)]


def write_files(folder: Path, *contents: str) -> str:
    """One file for each text, one record for each of its letters; returns a pattern of all."""
    for i, ids in enumerate(contents):
        write_jsonl(folder / f"in{i}.jsonl", rows(ids, f"f{i}."))
    return str(folder / "in*.jsonl")


def stored_texts(folder: Path, manifest: Manifest) -> dict[str, list[str]]:
    """The tokens of each record."""
    tokens = (folder / manifest.vocabularies["text"].path).read_text().split("\n")
    return {record.id: [tokens[i - 2] for i in record.values["text"]] for record in read_dataset(folder)}


def rejected_rows(folder: Path, manifest: Manifest) -> list[dict[str, Any]]:
    (file,) = manifest.rejected_files
    return [json.loads(line) for line in (folder / file.path).read_text().splitlines()]


@pytest.mark.parametrize("block_bytes", [40, 10_000])
def test_the_first_by_file_and_position_is_kept(tmp_path: Path, block_bytes: int) -> None:
    pattern, output = write_files(tmp_path, "abcab", "cdad", "xx"), tmp_path / "data"
    manifest = prepare(SPEC % "keep_first", pattern, output, block_bytes=block_bytes)
    assert stored_texts(output, manifest) == {
        "a": ["f0.0", "w"],
        "b": ["f0.1", "w"],
        "c": ["f0.2", "w"],
        "d": ["f1.1", "w"],
        "x": ["f2.0", "w"],
    }
    assert dict(manifest.counts.dropped) == {"duplicate id": 6}
    assert (manifest.counts.read, manifest.counts.kept, manifest.counts.examples) == (11, 5, 5)
    # Nothing that is planned or counted knows of the others.
    assert (manifest.vocabularies["text"].distinct, manifest.vocabularies["text"].tokens) == (6, 10)
    assert manifest.statistics["train"].lengths["text"].counts == [5]
    assert tree(output) == published_tree(manifest)
    assert verify(str(output))["problems"] == []


@pytest.mark.parametrize("block_bytes", [40, 10_000])
def test_the_others_are_rejected_with_their_place_and_that_of_the_first(tmp_path: Path, block_bytes: int) -> None:
    pattern, output = write_files(tmp_path, "ab", "xb", "ayb"), tmp_path / "data"
    manifest = prepare(SPEC % "reject", pattern, output, block_bytes=block_bytes, max_rejected=3)
    assert dict(manifest.counts.rejected) == {"duplicate_id": 3}
    width = len(json.dumps(rows("a", "f0.")[0])) + 1
    assert rejected_rows(output, manifest) == [
        {
            "file": str(tmp_path / f"in{file}.jsonl"),
            "line": line + 1,
            "offset": line * width,
            "reason": "duplicate_id",
            "rule": f"an id must occur once, and the record at position {first * width} of {tmp_path}/in0.jsonl has "
            f"the same; {REMEDY}",
            "excerpt": f'"{letter}"',
        }
        for file, line, letter, first in [(1, 1, "b", 1), (2, 0, "a", 0), (2, 2, "b", 1)]
    ]
    assert set(stored_texts(output, manifest)) == {"a", "b", "x", "y"}


def test_reject_is_what_an_id_means_and_counts_as_rejected(tmp_path: Path) -> None:
    pattern = write_files(tmp_path, "aba")
    with pytest.raises(DataError) as raised:
        prepare(SPEC.replace("duplicate_ids: %s\n", ""), pattern, tmp_path / "data")
    assert str(raised.value).startswith(
        "1 of 3 records rejected (duplicate_id 1), --max_rejected allows 0; mend the records or the spec, or allow "
        f"more; first: {tmp_path}/in0.jsonl, line 3 (byte "
    )


def test_content_ids_are_kept_unless_the_spec_says_otherwise(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", [{"text": text} for text in ("a b", "c", "a b", "a b")])
    spec = "sequences: {text: {type: tokens, tokenizer: whitespace}}\nsplit: {fractions: {train: 1.0}}\n"
    assert prepare(spec, path, tmp_path / "all").counts.kept == 4
    manifest = prepare(spec + "duplicate_ids: keep_first", path, tmp_path / "some", block_bytes=20)
    assert manifest.counts.kept == 2
    assert dict(manifest.counts.dropped) == {"duplicate id": 2}


def test_fail_ends_the_run_whatever_is_allowed_and_shows_the_first(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in0.jsonl", [*rows("ab", "f"), {"id": "z"}, {"id": "y"}])
    write_jsonl(tmp_path / "in1.jsonl", rows("bcabcab", "g"))
    with pytest.raises(DataError) as raised:
        prepare(SPEC % "fail", str(tmp_path / "in*.jsonl"), tmp_path / "data", max_rejected=100, block_bytes=40)
    places = [f"{tmp_path}/in1.jsonl, line {line} (byte " for line in (1, 3, 4)]
    assert [detail[: len(place)] for detail, place in zip(raised.value.details, places, strict=True)] == places
    assert all(": duplicate_id: an id must occur once, and the record at" in text for text in raised.value.details)
    assert str(raised.value).startswith(
        "6 of 11 records have the id of an earlier one, and the spec says `duplicate_ids: fail`; give every record an "
        f"id of its own, or say reject or keep_first; first: {raised.value.details[0]}; all: "
    )
    (left,) = [path for path in failures(tmp_path / "data") if path.name == "rejected.jsonl"]
    reasons = Counter(json.loads(line)["reason"] for line in left.read_text().splitlines())
    assert reasons == {"duplicate_id": 6, "missing_field": 2}


def test_a_record_that_is_rejected_anyway_is_not_the_first(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", [{"id": "a", "text": 5}, {"id": "a", "text": "x"}])
    manifest = prepare(SPEC % "reject", path, tmp_path / "data", max_rejected=1)
    assert dict(manifest.counts.rejected) == {"wrong_type": 1}
    assert stored_texts(tmp_path / "data", manifest) == {"a": ["x"]}


@pytest.mark.parametrize("policy", ["keep_first", "reject"])
def test_of_records_that_are_cut_up_the_whole_ones_count(tmp_path: Path, policy: str) -> None:
    spec = SPEC % policy + "window: {length: 2}"
    texts = [("a", "1 2 3"), ("a", "4 5 6 7 8"), ("b", "9"), ("a", "10 11 12")]
    path = write_jsonl(tmp_path / "in.jsonl", [{"id": name, "text": text} for name, text in texts])
    manifest = prepare(spec, path, tmp_path / "data", max_rejected=9)
    counts = manifest.counts
    assert (counts.read, counts.kept, counts.examples) == (4, 2, 3)
    assert [*counts.rejected.values(), *counts.dropped.values()] == [2]
    assert stored_texts(tmp_path / "data", manifest) == {"a#0": ["1", "2"], "a#1": ["3"], "b#0": ["9"]}


def test_a_file_given_twice_under_other_names_is_left_out_whole(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in0.jsonl", rows("abcdefgh", "f"))
    write_jsonl(tmp_path / "in1.jsonl", rows("abcdefgh", "f"))
    manifest = prepare(SPEC % "keep_first", str(tmp_path / "in*.jsonl"), tmp_path / "data", block_bytes=60)
    once = prepare(SPEC % "keep_first", str(tmp_path / "in0.jsonl"), tmp_path / "once", block_bytes=60)
    assert manifest.data_fingerprint == once.data_fingerprint
    assert [file.records for file in manifest.inputs] == [8, 8]


def staged(job: Job) -> tuple[list[Any], list[Any], dict[int, list[tuple[int, int]]]]:
    """All blocks staged without a runner: parts, analyses, and ids by share."""
    parts: list[Any] = []
    analyses: list[Any] = []
    ids: dict[int, list[tuple[int, int]]] = {}
    for block in job.blocks():
        for output in _StageBlock(job).work(block):
            if isinstance(output, beam.pvalue.TaggedOutput):
                assert output.tag == IDS
                ids.setdefault(output.value[0], []).append(output.value[1])
            elif isinstance(output, StagedBlock):
                parts.append(output)
            else:
                (tagged,) = _LeaveOut(job).work(output, [])
                assert tagged.tag == ANALYSES
                analyses.append(tagged.value)
    return parts, analyses, ids


def left_out_of(job: Job, part: StagedBlock, left_out: list[LeftOut]) -> tuple[StagedBlock, Analysis]:
    staged_part, tagged = _LeaveOut(job).work(part, left_out)
    assert tagged.tag == ANALYSES
    return staged_part, tagged.value


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.text(alphabet="abcdefgh", max_size=12), min_size=1, max_size=3),
    st.integers(1, 5),
    st.sampled_from([30, 100, 10_000]),
    st.randoms(),
)
def test_the_same_is_left_out_in_any_order_of_work(
    tmp_path_factory: pytest.TempPathFactory, contents: list[str], shares: int, block_bytes: int, random: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    pattern = write_files(folder, *contents, "z")
    job = dataclasses.replace(
        make_job(SPEC % "keep_first", pattern, folder / "out", block_bytes=block_bytes), id_shares=shares
    )
    parts, analyses, ids = staged(job)
    assert set(ids) == set(range(shares))
    for found in ids.values():
        random.shuffle(found)
    left_out = [found for share in ids for found in _Find(job).work((share, ids[share]))]
    random.shuffle(left_out)
    random.shuffle(parts)
    outputs = [left_out_of(job, part, left_out) for part in parts]
    assert outputs == [left_out_of(job, part, left_out) for part in parts]  # a bundle that is tried again
    merge = MergeAnalyses()
    halves = [merge.create_accumulator(), merge.create_accumulator()]
    for i, analysis in enumerate([*analyses, *(analysis for _, analysis in outputs)]):
        halves[i % 2] = merge.add_input(halves[i % 2], analysis)
    whole = merge.extract_output(merge.merge_accumulators(halves))
    everything = "".join([*contents, "z"])
    assert whole.read == len(everything)
    assert whole.dropped == Counter({"duplicate id": len(everything) - len(set(everything))})
    assert whole.train_records == len(set(everything))
    assert whole.bucket_lengths == {2: len(set(everything))}


def test_nothing_is_left_where_no_id_occurs_again(tmp_path: Path) -> None:
    job = make_job(SPEC % "reject", write_files(tmp_path, "abc", "def"), tmp_path / "out", block_bytes=40)
    parts, _, ids = staged(job)
    assert find_repeated([job.ids_path(*part) for part in ids[0]], 0) == {}
    assert list(_Find(job).work((0, ids[0]))) == []
    for part in parts:
        assert left_out_of(job, part, [])[0] == part


@pytest.mark.parametrize("threads", [1, 2])
def test_more_shares_and_threads_leave_out_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    pattern = write_files(tmp_path, "abcdefghijk", "kjihgfedcba", "lmnopqrstuv", "vutsrqa")
    one = prepare(SPEC % "keep_first", pattern, tmp_path / "one", block_bytes=100)
    monkeypatch.setattr("pipeline.inputs._ID_SHARE_BYTES", 100)
    job = make_job(SPEC % "keep_first", pattern, tmp_path / "many", block_bytes=100, threads=threads)
    assert job.id_shares == 1 + sum(file.bytes for file in job.inputs) // 100
    assert run_job(job).data_fingerprint == one.data_fingerprint
    assert one.counts.kept == 22


def test_there_are_never_more_shares_than_are_worth_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.inputs._ID_SHARE_BYTES", 1)
    pattern = write_files(tmp_path, "abcdefghijklmnopqrstuvwxyz")
    assert make_job(SPEC % "keep", pattern, tmp_path / "out").id_shares == 256
