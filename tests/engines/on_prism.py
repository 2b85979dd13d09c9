"""The cases on Prism, in both ways in which it gets its workers. `python -m tests.engines.prism` runs these tests."""

import os
import signal
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from pipeline.streaming import status
from tests.engines.cases import write_rejected
from tests.engines.commands import ended, run_here, start_command
from tests.engines.engine import (
    SECONDS,
    Engine,
    assert_lost_worker_is_told,
    assert_refused_alike,
    made,
)
from tests.engines.messages import good_lines, messages
from tests.engines.outcome import differences
from tests.engines.processes import alive, children, free_port, wait_for_port, wait_until
from tests.engines.services import portable_flags, start_worker_pool
from tests.engines.streamed import (
    Placed,
    assert_as_batch,
    assert_each_once,
    assert_nothing_left,
    changed,
    make_base,
    published,
)
from tests.engines.told import PRISM
from tests.pipeline.helpers import tree

_STREAM_SECONDS = 240.0  # for what ends with a run for each window
CASES = ["plain", "labelled", "events", "series", "span"]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Prism as a job service of its own, with workers from a pool."""
    folder, port = tmp_path_factory.mktemp("prism"), free_port()
    with children(folder / "logs") as group:
        pool = start_worker_pool(group)
        prism = group.start("prism", [os.environ[PRISM], f"--job_port={port}", "--serve_http=false"])
        wait_for_port(port, SECONDS, prism)
        yield Engine(group, folder, pool, portable_flags(f"localhost:{port}", pool.address))


@pytest.fixture
def runner() -> list[str]:
    """Options of PrismRunner, which starts Prism itself and whose workers are threads of the command."""
    return ["--runner=PrismRunner", f"--prism_location={os.environ[PRISM]}"]


@pytest.mark.parametrize("name", CASES)
def test_the_same_bytes_with_workers_from_a_pool(engine: Engine, name: str, tmp_path: Path) -> None:
    assert differences(engine.local(name), made(engine.cases[name], tmp_path / "data", *engine.flags)) == []


@pytest.mark.parametrize("name", CASES)
def test_the_same_bytes_with_workers_in_the_command(
    engine: Engine, runner: list[str], name: str, tmp_path: Path
) -> None:
    assert differences(engine.local(name), made(engine.cases[name], tmp_path / "data", *runner)) == []


@pytest.mark.parametrize("in_command", [False, True])
def test_a_run_that_fails_says_the_same_as_locally(
    engine: Engine, runner: list[str], in_command: bool, tmp_path: Path
) -> None:
    case = write_rejected(tmp_path, engine.cases["plain"])
    here, there = tmp_path / "here", tmp_path / f"there-{in_command}"
    started = engine.start(case, there, *(runner if in_command else engine.flags))
    local, remote = run_here(case.arguments(here)), ended(started)
    assert_refused_alike(local, remote, here, there)


def test_a_worker_that_is_killed_ends_the_run_in_one_line(engine: Engine, tmp_path: Path) -> None:
    said = "error: the run failed: a worker ended in the middle of its work (SDK worker disconn"
    assert_lost_worker_is_told(engine, tmp_path / "killed", said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_prism_too(engine: Engine, runner: list[str], number: int, tmp_path: Path) -> None:
    data = tmp_path / f"interrupted-{number}"
    child = engine.start(engine.cases["labelled"], data, *runner)
    wait_until(lambda: any(data.glob(".staging/*/blocks/*.arrow")), SECONDS, "staged block", child)
    os.kill(child.pid, number)
    end = ended(child, SECONDS)
    assert (end.code, end.error) == (130, "error: interrupted")
    wait_until(lambda: not alive(child.pid), SECONDS, "end of Prism")
    # A thread that is in the middle of a block when the process ends may leave that, which the next run deletes.
    assert {path.split("/")[0] for path in tree(data)} <= {".staging"}


def _write_messages(path: Path, lines: Sequence[bytes]) -> list[Placed]:
    """Writes a file of messages; returns where each stands."""
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    ends = accumulate((len(line) + 1 for line in lines), initial=0)
    return [Placed(start, end, line) for (start, end), line in zip(pairwise(ends), lines, strict=True)]


def test_a_stream_of_a_folder_is_what_one_run_makes_of_it(runner: list[str], tmp_path: Path) -> None:
    base, root, folder = make_base(tmp_path / "base", good_lines(1_000, 600.0)), tmp_path / "spans", tmp_path / "in"
    folder.mkdir()
    lines = [message.value or b"null" for message in messages(9_000, 3_600.0)]
    options = ["--window=20m", "--allowed_lateness=10m", "--max_rejected=50%", "--no_report", "--close_all"]
    options += ["--settle=1", "--poll=1", "--flush=1", f"--idle={_STREAM_SECONDS:.0f}"]
    given = ["stream", "--base", str(base), "--source", str(folder), "--output", str(root), *options, *runner]

    def has_read(count: int) -> bool:
        return sum(part.records for part in status.load_all(str(root))) == count

    with children(tmp_path / "logs") as group:
        truth = {str(folder / "0.jsonl"): _write_messages(folder / "0.jsonl", lines[:6_000])}
        command = start_command(group, given)
        wait_until(lambda: has_read(6_000), _STREAM_SECONDS, "first file", command)
        wait_until(lambda: any(root.glob("spans/*/manifest.json")), _STREAM_SECONDS, "span", command)
        truth[str(folder / "1.jsonl")] = _write_messages(folder / "1.jsonl", lines[6_000:])
        wait_until(lambda: has_read(9_000), _STREAM_SECONDS, "second file", command)
        os.kill(command.pid, signal.SIGTERM)
        end = ended(command, _STREAM_SECONDS)
        assert end.code == 0, end.stderr
        fates = assert_each_once(root, truth)
        assert fates.late_spans > 0
        assert_as_batch(root, truth, base, tmp_path / "batch")
        assert_nothing_left(root)
        before = published(root)
        command = start_command(group, [*given, "--once"], name="again")
        end = ended(command, _STREAM_SECONDS)
        assert end.code == 0, end.stderr
        assert changed(before, published(root)) == []
