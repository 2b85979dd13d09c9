"""Fingerprints by setting: one for all, or it is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import workers
from measure import CommandFailedError, Cost
from project import ROOT, Outcome


def _outcome(fingerprint: str) -> Outcome:
    return Outcome(Cost(2, 3, 400_000_000), {"fingerprint": fingerprint * 32})


def test_a_failure_or_another_fingerprint_counts_as_different() -> None:
    same: dict[str, Outcome | str] = {"defaults": _outcome("ab"), "two threads": _outcome("ab")}
    assert workers.fingerprints(same) == {"ab" * 32}
    assert "the fingerprint is the same for all of them." in workers.result_text(same, 1_000)
    for other in (_outcome("cd"), "failed: Error: x"):
        text = workers.result_text({**same, "one processor": other}, 1_000)
        assert "**the fingerprints differ or a setting failed**" in text
    assert "| one processor | – | – | failed: Error: x |  |" in text
    assert "| defaults | 2.0 | 400 | `abababababababab…` |  |" in text


def test_the_exit_code_says_whether_they_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "prepare_corpus", lambda records, cache: (cache / "corpus.jsonl", ""))
    monkeypatch.setattr(workers, "run_pipeline", lambda *_, **__: _outcome("ab"))
    assert workers.main(["--records", "10", "--cache", str(tmp_path)]) == 0
    outcomes = iter([_outcome("ab"), _outcome("ab"), _outcome("cd"), *[_outcome("ab")] * 3])
    monkeypatch.setattr(workers, "run_pipeline", lambda *_, **__: next(outcomes))
    assert workers.main(["--records", "10", "--cache", str(tmp_path)]) == 1


def test_four_processors_mean_four_threads_on_any_machine() -> None:
    flag, code = workers.ON_FOUR_CPUS
    asked, _ = code.split("from pipeline")
    check = f"{asked}from pipeline.runners.options import beam_options, local_threads as n; print(n(beam_options([])))"
    command = [sys.executable, flag, check]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "4\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds processes to processors")
def test_one_processor_for_a_while() -> None:
    before = os.sched_getaffinity(0)
    with pytest.raises(CommandFailedError), workers.one_cpu():
        assert len(os.sched_getaffinity(0)) == 1
        raise CommandFailedError("x")
    assert os.sched_getaffinity(0) == before
