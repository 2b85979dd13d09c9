import pickle
import shutil
from pathlib import Path

import pytest

import pipeline
from pipeline.analysis import MergeAnalyses
from pipeline.failure import find_message
from pipeline.guards import lease
from pipeline.job import Job
from pipeline.runners import identity
from pipeline.runners.identity import SOURCES, differences, digest_of_folders, here
from schemas.errors import DataError

ROOT = Path(pipeline.__file__).parent.parent
SENT = {
    "sources": "aaaaaaaaaaaaaaaa",
    "lengthwise": "0.1.0",
    "python": "3.11",
    "apache-beam": "2.77.0",
    "tokenizers": "0.21.0",
    "numpy": "2.1.0",
    "protobuf": "6.31.0",
    "pyarrow": "18.0.0",
}


def test_a_worker_with_the_same() -> None:
    assert differences(SENT, SENT) == []
    assert differences(here(), here()) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"sources": "bbbbbbbbbbbbbbbb"}, "lengthwise 0.1.0 (sources bbbbbbbb) where the job was submitted with"),
        (
            {"lengthwise": "0.2.0", "sources": "bbbbbbbbbbbbbbbb"},
            "lengthwise 0.2.0 (sources bbbbbbbb) where the job was submitted with lengthwise 0.1.0 (sources aaaaaaaa)",
        ),
        ({"python": "3.12"}, "python 3.12 and not 3.11"),
        ({"apache-beam": "2.76.0"}, "apache-beam 2.76.0 and not 2.77.0"),
        ({"tokenizers": "0.22.0"}, "tokenizers 0.22.0 and not 0.21.0"),
        ({"pyarrow": "19.0.0"}, "pyarrow 19.0.0 and not 18.x"),
        ({"protobuf": "7.0.0"}, "protobuf 7.0.0 and not 6.x"),
        ({"numpy": "1.26.4"}, "numpy 1.26.4 and not 2.x"),
    ],
)
def test_a_worker_with_something_else(found: dict[str, str], said: str) -> None:
    [told] = differences(SENT, {**SENT, **found})
    assert told.startswith(said)


def test_all_differences_are_told_at_once() -> None:
    assert len(differences(SENT, {**SENT, "python": "3.12", "numpy": "1.0", "sources": "b"})) == 3


@pytest.mark.parametrize(
    "found",
    [
        {"pyarrow": "18.2.1"},
        {"tokenizers": ""},  # needed by few specs only
        {"lengthwise": ""},  # a checkout with the same sources
        {"lengthwise": "0.0.9"},  # the same, installed before its version was raised
        {"something": "new"},
    ],
)
def test_what_makes_no_other_bytes_is_let_through(found: dict[str, str]) -> None:
    assert differences(SENT, {**SENT, **found}) == []


def test_a_submitter_of_another_release_may_tell_less() -> None:
    assert differences({"python": here()["python"], SOURCES: here()[SOURCES]}, here()) == []
    [told] = differences({}, here())
    assert told.endswith("where the job was submitted with lengthwise without a version (sources unknown)")


def test_a_job_is_refused_where_it_is_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(spec_bytes=b"", inputs=(), fractions={}, output="data", run="r", block_bytes=1)
    pickled, merging = pickle.dumps(job), pickle.dumps(MergeAnalyses())
    assert pickle.loads(pickled) == job
    monkeypatch.setattr(identity, "here", lambda: {**here(), SOURCES: "of another checkout"})
    monkeypatch.setattr("platform.node", lambda: "worker-7")
    for sent in (pickled, merging):
        with pytest.raises(DataError) as caught:
            pickle.loads(sent)
        assert str(caught.value).startswith("a worker on worker-7 cannot do this job: it has lengthwise ")
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("leased", [True, False])
def test_a_refusal_is_left_for_the_command_and_ends_the_run(
    leased: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(b"", (), {}, output=str(tmp_path), run="r", block_bytes=1, leased=leased)
    assert pickle.loads(pickle.dumps(job)) == job
    lease.begin(job)
    pickled = pickle.dumps(job)
    monkeypatch.setattr(identity, "here", lambda: {**here(), SOURCES: "of another checkout"})
    for _ in range(2):  # an engine tries again
        with pytest.raises(DataError) as caught:
            pickle.loads(pickled)
    left = find_message(job.failed)
    assert (str(left) == str(caught.value)) == leased
    assert lease.goes_on(job) == (not leased)
    assert Path(job.lease_path).exists() == (not leased)


def test_any_change_of_the_sources_is_another_package(tmp_path: Path) -> None:
    for folder in ("pipeline", "schemas"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    assert digest_of_folders(tmp_path) == digest_of_folders(ROOT) == here()[SOURCES]
    (tmp_path / "notes.txt").write_text("not ours")
    (tmp_path / "pipeline" / ".#stage.py").symlink_to("nobody@nowhere.1")
    (tmp_path / "pipeline" / "__pycache__" / "more.pyc").parent.mkdir(exist_ok=True)
    (tmp_path / "pipeline" / "__pycache__" / "more.pyc").write_bytes(b"compiled")
    (tmp_path / "pipeline" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "pipeline" / ".ipynb_checkpoints" / "stage.py").write_text("old = True")
    (tmp_path / "schemas" / "errors.py~").write_text("old = True")
    cuts = tmp_path / "schemas" / "cuts.py"
    cuts.write_bytes(cuts.read_bytes().replace(b"\n", b"\r\n"))
    assert digest_of_folders(tmp_path) == here()[SOURCES]
    stage = tmp_path / "pipeline" / "stage.py"
    stage.write_bytes(stage.read_bytes() + b"\n")
    changed = digest_of_folders(tmp_path)
    stage.rename(stage.with_name("stage_2.py"))
    assert len({changed, digest_of_folders(tmp_path), here()[SOURCES]}) == 3


def test_what_is_installed_is_what_is_digested() -> None:
    """A folder that setup.py forgets would make an installed package another one than the checkout."""
    said = (ROOT / "setup.py").read_text()
    folders = {path.parent for name in ("pipeline", "schemas") for path in (ROOT / name).rglob("*.py")}
    assert [
        name for name in (".".join(path.relative_to(ROOT).parts) for path in folders) if f'"{name}"' not in said
    ] == []


def test_a_source_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "locked.py").touch()
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"locked\.py: cannot be read: Permission denied; mend this copy"):
        digest_of_folders(tmp_path)
