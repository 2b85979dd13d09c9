"""Workers that have no package, or another one than who submits: one line, and nothing is published."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.commands import ROOT, run_pipeline
from tests.engines.processes import Children, children
from tests.engines.services import Service, portable_flags, start_job_service, start_worker_pool
from tests.pipeline.helpers import REVIEW_SPEC, review_records, tree, write_jsonl

# Read by Python when it starts: hides this package, wherever it is installed.
HIDE = """
import sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name in ("pipeline", "schemas"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hide())
"""


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    with children(tmp_path_factory.mktemp("logs")) as started:
        yield started


@pytest.fixture(scope="module")
def jobs(group: Children) -> Service:
    return start_job_service(group)


def failed(jobs: Service, pool: Service, folder: Path) -> str:
    """The last line of a run that fails with exit code 1 and publishes nothing."""
    spec = folder / "spec.yaml"
    spec.write_text(REVIEW_SPEC)
    source = write_jsonl(folder / "reviews.jsonl", review_records(20))
    ended = run_pipeline(spec, [source], folder / "data", *portable_flags(jobs.address, pool.address))
    assert (ended.code, ended.stdout) == (1, "")
    assert "Traceback" not in ended.stderr
    assert {name for name in tree(folder / "data") if not name.startswith("failed/")} == set()
    return ended.error


def test_workers_without_the_package(group: Children, jobs: Service, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text(HIDE)
    pool = start_worker_pool(group, "bare", root=tmp_path / "bare")
    said = failed(jobs, pool, tmp_path)
    [told] = (tmp_path / "data").rglob("traceback.txt")
    assert "Traceback" in told.read_text()
    assert said.startswith(
        "error: the workers do not have this package (No module named 'pipeline'); install the package "
    )


def test_workers_with_other_sources(group: Children, jobs: Service, tmp_path: Path) -> None:
    for name in ("pipeline", "schemas"):
        shutil.copytree(ROOT / name, tmp_path / "old" / name)
    changed = tmp_path / "old" / "schemas" / "cuts.py"
    changed.write_text(changed.read_text() + "# another release\n")
    pool = start_worker_pool(group, "old", root=tmp_path / "old")
    said = failed(jobs, pool, tmp_path)
    assert said.startswith("error: a worker on ")
    assert " cannot do this job: it has lengthwise " in said
    assert " where the job was submitted with lengthwise " in said
