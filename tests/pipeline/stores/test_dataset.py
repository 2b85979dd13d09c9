"""Data sets on an object store: the same bytes as on the local disk, whole or not there, and cleaned up."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline import cli, files
from pipeline.inputs import plan_job
from pipeline.stores.client import client_of
from schemas.manifest import load_manifest, named_files, parse_manifest
from schemas.manifest_pb2 import Manifest
from tests.pipeline.helpers import REVIEW_SPEC, jsonl, review_records
from tests.pipeline.stores.server import StoreServer


def run(*arguments: str) -> int:
    """One command; without a report, which costs a second."""
    return cli.main(["run", "--no_report", *arguments])


def manifest_of(folder: str) -> Manifest:
    path = files.join(folder, "manifest.json")
    return parse_manifest(files.read(path), path)


@pytest.fixture
def store(bucket: str, server: StoreServer) -> str:
    """A bucket with a spec and an input."""
    files.write(f"{bucket}/spec.yaml", REVIEW_SPEC.encode())
    files.write(f"{bucket}/in/reviews.jsonl", jsonl(review_records(150)))
    server.counts.clear()
    return bucket


@pytest.fixture
def local(tmp_path: Path) -> Path:
    (tmp_path / "spec.yaml").write_text(REVIEW_SPEC)
    (tmp_path / "reviews.jsonl").write_bytes(jsonl(review_records(150)))
    return tmp_path


def test_the_same_bytes_as_on_the_local_disk(
    store: str, local: Path, server: StoreServer, capsys: pytest.CaptureFixture[str]
) -> None:
    here = str(local / "here")
    assert run("--spec", str(local / "spec.yaml"), "--input", str(local / "reviews.jsonl"), "--output", here) == 0
    output = f"{store}/a/data"
    assert run("--spec", str(local / "spec.yaml"), "--input", str(local / "reviews.jsonl"), "--output", output) == 0
    assert manifest_of(output) == load_manifest(here)  # fingerprint and the digest of every shard
    assert files.every_file(output) == files.every_file(here)
    assert run("--spec", f"{store}/spec.yaml", "--input", f"{store}/in/", "--output", f"{store}/b") == 0
    found, expected = manifest_of(f"{store}/b"), load_manifest(here)
    assert found.data_fingerprint == expected.data_fingerprint
    assert list(found.shards) == list(expected.shards)
    assert [file.path for file in found.inputs] == [f"{store}/in/reviews.jsonl"]  # all that the fingerprint differs by
    capsys.readouterr()
    assert cli.main(["verify", output]) == 0
    assert json.loads(capsys.readouterr().out)["problems"] == []


def test_the_same_bytes_of_very_many_blocks_and_files(store: str, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(plan_job.__kwdefaults__, "block_bytes", 2_000)
    (local / "more.jsonl").write_bytes(jsonl(review_records(200, seed=8)[150:]))
    arguments = ["--spec", str(local / "spec.yaml"), "--input", str(local / "*.jsonl"), "--output"]
    assert run(*arguments, str(local / "here")) == 0
    monkeypatch.setattr("pipeline.sharding.gathering.FEW_BLOCKS", 4)
    monkeypatch.setattr("pipeline.job.FEW_INPUTS", 1)
    assert run(*arguments, f"{store}/many") == 0
    assert manifest_of(f"{store}/many") == load_manifest(local / "here")
    assert files.every_file(f"{store}/many") == files.every_file(str(local / "here"))


def test_what_a_run_asks_of_a_store(store: str, server: StoreServer) -> None:
    output = f"{store}/data"
    assert run("--spec", f"{store}/spec.yaml", "--input", f"{store}/in/*.jsonl", "--output", output) == 0
    asked = dict(server.counts)
    shards = len(manifest_of(output).shards)
    assert shards == 9
    # Of a shard: an index and a range of each segment, the shard and its index. The rest is of the block and the run.
    assert asked["GET"] <= 2 * shards + 24
    assert asked["PUT"] <= len(files.every_file(output)) + 8  # staged: probe, block, ids, tokens, counts, segment
    assert asked["HEAD"] <= 7  # two of them: whether the run goes on
    assert asked["LIST"] <= 20
    assert asked["DELETE"] == 1
    assert asked["bytes"] < 25 * len(jsonl(review_records(150)))
    server.counts.clear()
    assert cli.main(["verify", output]) == 0
    named = len(named_files(manifest_of(output)))
    assert server.counts["GET"] <= named + 18  # each file once; the rest of the manifest, the copies, run.json, spec
    assert server.counts["HEAD"] <= 12


def test_a_data_set_is_replaced_only_where_that_is_said(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = f"{store}/data"
    arguments = ["--spec", f"{store}/spec.yaml", "--input", f"{store}/in/*.jsonl", "--output", output]
    assert run(*arguments) == 0
    before = set(files.every_file(output))
    capsys.readouterr()
    assert run(*arguments) == 2
    assert f"error: {output}: holds a data set already; say --replace" in capsys.readouterr().err
    assert set(files.every_file(output)) == before
    files.write(f"{store}/in/more.jsonl", jsonl(review_records(200, seed=8)[150:]))
    assert run(*arguments, "--replace") == 0
    manifest = manifest_of(output)
    assert len(manifest.inputs) == 2
    found = set(files.every_file(output))
    assert {shard.path for shard in manifest.shards} == {path for path in found if path.endswith(".tfrecord")}
    assert not [path for path in found if path.startswith((".staging", "failed"))]


def test_a_run_that_fails_leaves_what_it_has_to_tell(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = f"{store}/data"
    files.write(f"{store}/in/bad.jsonl", b"{\n" * 3)
    assert run("--spec", f"{store}/spec.yaml", "--input", f"{store}/in/", "--output", output) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    left = files.every_file(output)
    assert sorted(path.rsplit("/")[-1] for path in left) == ["error.json", "rejected.jsonl"]
    assert all(path.startswith("failed/") for path in left)
    assert cli.main(["clean", output]) == 2
    assert "has no locks" in capsys.readouterr().err
    assert files.every_file(output) == left
    assert cli.main(["clean", output, "--unlocked"]) == 0
    assert files.every_file(output) == []


def test_nothing_is_published_where_the_manifest_cannot_be_written(
    store: str, server: StoreServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refused = lambda kind, path: "400 Bad" * (kind == "PUT" and path.endswith("/manifest.json"))
    output = f"{store}/data"
    assert run("--spec", f"{store}/spec.yaml", "--input", f"{store}/in/", "--output", output) == 1
    assert f"{output}/manifest.json: cannot be written: the store says Refused: not now" in capsys.readouterr().err
    assert [path.rsplit("/")[-1] for path in files.every_file(output)] == ["error.json"]


def test_an_input_that_is_written_anew_meanwhile_fails_the_run(
    store: str, server: StoreServer, capsys: pytest.CaptureFixture[str]
) -> None:
    content = files.read(f"{store}/in/reviews.jsonl")

    def rewriting(kind: str, path: str) -> str:
        if kind == "PUT" and path.endswith(".tfrecord"):
            server.refused = lambda kind, path: ""
            later = {"Bucket": store.removeprefix("s3://"), "Key": "in/reviews.jsonl"}
            client_of(None).put_object(**later, Body=content[:-1])
        return ""

    server.refused = rewriting
    assert run("--spec", f"{store}/spec.yaml", "--input", f"{store}/in/", "--output", f"{store}/data") == 1
    assert "changed its size while it was read" in capsys.readouterr().err


def test_verify_finds_a_changed_and_a_missing_object(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = f"{store}/data"
    assert run("--spec", f"{store}/spec.yaml", "--input", f"{store}/in/", "--output", output) == 0
    first, second, *_ = (files.join(output, shard.path) for shard in manifest_of(output).shards)
    files.write(first, files.read(first)[:-1] + b"\xff\x00")
    files.delete([second])
    assert cli.main(["verify", output]) == 1
    said = capsys.readouterr().err
    assert f"{first}: has SHA-256" in said
    assert f"{second}: is missing" in said


def test_a_killed_run_and_the_same_command_again(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = f"{store}/data"
    arguments = ["--spec", f"{store}/spec.yaml", "--input", f"{store}/in/", "--output", output]
    kill_at_the_first_shard = (
        "import os, signal\n"
        "from pipeline import cli\n"
        "from pipeline.sharding import shards\n"
        "shards.find_pieces = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"cli.main(['run', *{arguments!r}])\n"
    )
    killed = subprocess.run([sys.executable, "-c", kill_at_the_first_shard], capture_output=True, env={**os.environ})
    assert killed.returncode == -signal.SIGKILL
    left = files.every_file(output)
    assert left
    assert all(path.startswith(".staging/") or "/" in path for path in left)
    assert run(*arguments) == 0  # a folder without a manifest is free
    assert cli.main(["verify", output]) == 0
    capsys.readouterr()
    assert cli.main(["clean", output, "--dry_run"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["files"] > 0
    assert cli.main(["clean", output, "--unlocked"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == listed["removed"]
    assert run(*[*arguments[:-1], f"{store}/other"]) == 0
    assert files.every_file(output) == files.every_file(f"{store}/other")
    assert manifest_of(output) == manifest_of(f"{store}/other")


def test_spans(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = f"{store}/spans"
    days = ["2026-11-19", "2026-11-20"]
    for seed, day in enumerate(days):
        files.write(f"{store}/days/{day}.jsonl", jsonl(review_records(120, seed=seed)))
    pattern = f"{store}/days/{{date}}.jsonl"
    common = ["--spec", f"{store}/spec.yaml", "--input", pattern, "--output", root]
    assert cli.main(["backfill", "--no_report", *common, "--since", days[0], "--until", days[1]]) == 0
    assert run("--span", days[1], *common) == 0  # published already from the same input
    assert "unchanged" in capsys.readouterr().out
    assert cli.main(["spans", root]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [span["span"] for span in listed["spans"]] == days
    assert cli.main(["report", root]) == 0
    assert cli.main(["prune", root, "--keep", "1"]) == 0
    said = capsys.readouterr()
    assert "2026-11-19 stays" in said.err  # the base of the one that stays
    assert cli.main(["verify", root]) == 0
    assert json.loads(capsys.readouterr().out)["unnamed"] == []
    files.write(f"{root}/spans/{days[1]}/.staging/20261120T000000-abcdef/blocks/x.arrow", b"1")
    assert cli.main(["clean", root, "--unlocked"]) == 0
    assert json.loads(capsys.readouterr().out)["files"] == 1
    assert cli.main(["verify", root]) == 0


def test_spans_with_a_base_outside_their_folder(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--spec", f"{store}/spec.yaml", "--input", f"{store}/in/"]
    assert run(*common, "--output", f"{store}/base") == 0
    spans = [*common, "--output", f"{store}/windows", "--base_dataset", f"{store}/base/"]
    assert run("--span", "2026-11-20T0640", *spans) == 0
    assert run("--span", "2026-11-20T0640-late", *spans) == 0
    capsys.readouterr()
    assert run("--span", "2026-11-20T0640", *spans) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["span"]["base"]) == ("unchanged", f"{store}/base")
    inner = f"{store}/windows/spans/2026-11-20T0640"
    assert run("--span", "x", *spans[:-1], inner) == 2
    assert f"is the span 2026-11-20T0640 of {store}/windows itself; say --base" in capsys.readouterr().err
    assert cli.main(["verify", f"{store}/windows"]) == 0


def test_local_worker_processes_are_told_options(
    store: str, server: StoreServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "")  # whatever is set below is undone behind the test
        monkeypatch.delenv(name)
    options = [f"--s3_endpoint_url={server.url}", "--s3_access_key_id=key", "--s3_secret_access_key=secret"]
    processes = ["--direct_running_mode=multi_processing", "--direct_num_workers=2", "--s3_region_name=us-east-1"]
    arguments = ["--spec", f"{store}/spec.yaml", "--input", f"{store}/in/", "--output", f"{store}/data"]
    assert run(*arguments, *options, *processes) == 0, capsys.readouterr().err
    assert len(manifest_of(f"{store}/data").shards) == 9


def test_one_object_of_several_blocks(store: str, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(plan_job.__kwdefaults__, "block_bytes", 3_000)
    output = f"{store}/data"
    assert run("--spec", f"{store}/spec.yaml", "--input", f"{store}/in/", "--output", output) == 0
    assert run("--spec", f"{store}/spec.yaml", "--input", f"{store}/in/", "--output", str(local / "mixed")) == 0
    here = ["--input", str(local / "reviews.jsonl"), "--output", str(local / "here")]
    assert run("--spec", str(local / "spec.yaml"), *here) == 0
    expected = load_manifest(local / "here")
    for found in (manifest_of(output), load_manifest(local / "mixed")):
        assert list(found.shards) == list(expected.shards)
        assert found.data_fingerprint == expected.data_fingerprint


def test_events_and_repeated_ids(bucket: str, tmp_path: Path) -> None:
    """What reads parts of staged files: partitions of events, shares of ids."""
    spec = REVIEW_SPEC + "duplicate_ids: keep_first\n"
    files.write(f"{bucket}/spec.yaml", spec.encode())
    records: list[dict[str, Any]] = review_records(60)
    files.write(f"{bucket}/in/a.jsonl", jsonl([*records, *records[:20]]))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_bytes(jsonl([*records, *records[:20]]))
    for output, source in ((f"{bucket}/data", f"{bucket}/in/"), (str(tmp_path / "data"), str(tmp_path / "in"))):
        assert run("--spec", f"{bucket}/spec.yaml", "--input", source, "--output", output) == 0
    assert list(manifest_of(f"{bucket}/data").shards) == list(load_manifest(tmp_path / "data").shards)
