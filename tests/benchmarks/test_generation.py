"""Both ways say the same; the table has what was measured and what it should be."""

from pathlib import Path

import generation
import pytest

from schemas.contract import read_contract
from tests.trainer.generation.continued import saved_model, write_data
from trainer import TrainerConfig
from trainer.saved import write_model

SPEC = "id: id\nsequences: {text: {type: tokens, empty: keep}}\nlabel: {type: next_step, end: true}"


def test_both_ways_say_the_same(tmp_path: Path) -> None:
    saved = saved_model(write_data(tmp_path / "data", "tokens", SPEC))
    write_model(tmp_path / "model", saved.model, read_contract(tmp_path / "data", saved.manifest), TrainerConfig(), {})
    kept, again = generation.ways_of(tmp_path / "model", 3)
    tokens = kept(6)
    assert tokens.shape == (3, 6)
    assert tokens.min() >= saved.vocabularies["text"].first_id
    assert tokens.tolist() == again(6).tolist()


def test_result_text() -> None:
    text = generation.result_text({32: [(1.0, 4.0), (1.0, 10.0), (2.0, 18.0)], 7: [(1.0, 1.0)] * 3}, 10)
    lines = text.splitlines()
    assert lines[0] == "10 sequences at once, 3 rounds, medians."
    assert lines[4] == "| 32 | 320 | 32 | 9.0 | 4.0 – 10.0 | 2 – 8 | aim met |"
    assert lines[5] == "| 7 | 70 | 70 | 1.0 | 1.0 – 1.0 | – | – |"


def test_another_model_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generation.main([str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'none'}")
