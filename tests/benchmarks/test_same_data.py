"""Every format and compression is tried, and a difference, a loss or a failure is told."""

from pathlib import Path
from typing import Any

import format_inputs
import pytest
import same_data
from measure import CommandFailedError


def _result(fingerprint: str, kept: int = 10) -> dict[str, Any]:
    return {"data_fingerprint": fingerprint * 32, "counts": {"kept": kept}, "bytes": 2_000_000}


def test_every_way_to_write_is_one_of_its_own() -> None:
    found = same_data.cases()
    records = format_inputs.make_records(5)
    assert len({case.name for case in found}) == len(found) == 27
    assert len({case.content(records) for case in found}) == 27


def test_a_run(tmp_path: Path) -> None:
    result = same_data.run_case(same_data.cases()[-1], format_inputs.make_records(30), tmp_path / "scratch")
    assert result["counts"]["kept"] == 30


def test_what_counts_as_different() -> None:
    same: dict[str, dict[str, Any] | str] = {"jsonl": _result("ab"), "csv": _result("ab")}
    assert same_data.different(same, 10) == 1
    text = same_data.result_text(same, 10)
    assert text.startswith("10 records in 2 ways: one data set from all 2.\n")
    assert "| jsonl | 2.00 | 10 | `abababababababab…` |" in text
    for other in (_result("cd"), _result("ab", 9), "failed: x"):
        assert same_data.different({**same, "tsv": other}, 10) == 2
    assert "**2 data sets or failures**" in same_data.result_text({**same, "tsv": "failed: x"}, 10)
    assert "| tsv | – | – | failed: x |" in same_data.result_text({**same, "tsv": "failed: x"}, 10)


@pytest.mark.parametrize(("fails", "code"), [(False, 0), (True, 1)])
def test_the_exit_code(fails: bool, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_case(case: same_data.Case, records: list[Any], scratch: Path) -> dict[str, Any]:
        if fails and case.name == "csv.gz":
            raise CommandFailedError("Error: no")
        return _result("ab", len(records))

    monkeypatch.setattr(same_data, "run_case", run_case)
    assert same_data.main(["--records", "3", "--cache", str(tmp_path)]) == code
