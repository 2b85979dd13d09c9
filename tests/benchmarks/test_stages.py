"""Where the time goes: every step that is measured is one that a run takes."""

from pathlib import Path

import corpus
import stages


def test_a_run_takes_every_step(tmp_path: Path) -> None:
    corpus.write_corpus(50, tmp_path / "corpus.jsonl")
    seconds = stages.measure_once(tmp_path / "corpus.jsonl", tmp_path / "output")
    assert set(seconds) == {*stages.STEPS, stages.WHOLE, stages.READ_ONCE, stages.WRITE_ONCE}
    assert not (tmp_path / "output").exists()
    text = stages.result_text([seconds], [1.0], 50, 1_000_000)
    assert text.startswith("50 records, 1.0 MB of JSONL; medians of 1 runs in one thread.\n\n| step | CPU seconds | ")
