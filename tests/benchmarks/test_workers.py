"""Fingerprints by setting: one for all, or it is told."""

import os
import sys
from pathlib import Path

import pytest
import workers
from measure import CommandFailedError, Cost
from project import Outcome


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
    monkeypatch.setattr(workers, "run_pipeline", lambda *_: _outcome("ab"))
    assert workers.main(["--records", "10", "--cache", str(tmp_path)]) == 0
    outcomes = iter([_outcome("ab"), _outcome("ab"), _outcome("cd"), _outcome("ab"), _outcome("ab")])
    monkeypatch.setattr(workers, "run_pipeline", lambda *_: next(outcomes))
    assert workers.main(["--records", "10", "--cache", str(tmp_path)]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds processes to processors")
def test_one_processor_for_a_while() -> None:
    before = os.sched_getaffinity(0)
    with pytest.raises(CommandFailedError), workers.one_cpu():
        assert len(os.sched_getaffinity(0)) == 1
        raise CommandFailedError("x")
    assert os.sched_getaffinity(0) == before
