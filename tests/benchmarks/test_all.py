"""All benchmarks in one run: figures by goal, failures that are told, sections, exit code."""

from pathlib import Path

import all as benchmarks
import pytest
from extremes import DISTINCT, FILES, Extreme
from goals import GOALS, Fact, Measured, NotMeasured
from measure import CommandFailedError, Cost
from peers import Contestant, median_seconds
from project import Outcome


def _entrant(name: str, seconds: float = 0.0, failure: str = "") -> Contestant:
    return Contestant(name, (), "", "", costs=[Cost(seconds, 1, 1)] if seconds else [], failure=failure)


def _ratios(*entrants: Contestant) -> dict[str, Measured]:
    return benchmarks.speed_ratios(median_seconds(list(entrants)), list(entrants))


def test_ratios_are_the_way_round_that_the_goal_has_them() -> None:
    assert _ratios(_entrant("lengthwise", 4), _entrant("polars", 5), _entrant("hf", 20)) == {"polars": 0.8, "hf": 5.0}


def test_a_failure_of_either_side_leaves_no_ratio() -> None:
    assert _ratios(_entrant("lengthwise", 4), _entrant("hf", failure="failed: x")) == {"hf": NotMeasured("failed: x")}
    assert _ratios(_entrant("lengthwise", failure="failed: y"), _entrant("hf", 9)) == {"hf": NotMeasured("failed: y")}


def test_every_goal_is_measured_by_one_step() -> None:
    assert sorted(key for step in benchmarks.STEPS for key in step.keys) == sorted(GOALS)


def test_an_extreme_input_gives_memory_or_whether_it_works() -> None:
    outcome, plain = (Outcome(Cost(seconds, 1, 2_000_000_000), {}) for seconds in (3, 2))
    assert benchmarks.extreme_figure(Extreme(DISTINCT, "", outcome), GOALS["distinct"]) == 2.0
    works = benchmarks.extreme_figure(Extreme(FILES, "", outcome, plain), GOALS["files"])
    assert works == Fact(True, "works, in 1.50 times the wall time of one plain file")
    lost = benchmarks.extreme_figure(Extreme(DISTINCT, "", outcome, failure="lost one"), GOALS["distinct"])
    assert lost == Fact(False, "lost one")


def _fails(session: benchmarks.Session) -> dict[str, Measured]:
    raise CommandFailedError("ValueError: no")


@pytest.mark.parametrize(
    ("steps", "code", "row"),
    [
        ([lambda session: {"hf": 2.0}], 0, "| 2 | **missed** |"),
        ([_fails], 1, "| failed: ValueError: no | not measured |"),
        ([lambda session: {"workers": Fact(False, "2 different")}], 1, "| 2 different | **missed** |"),
    ],
)
def test_exit_code_and_section(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    steps: list[benchmarks.Callable[[benchmarks.Session], dict[str, Measured]]],
    code: int,
    row: str,
) -> None:
    made = tuple(benchmarks.Step("step", ("hf",), 1, 1, run) for run in steps)
    monkeypatch.setattr(benchmarks, "STEPS", made)
    readme = tmp_path / "README.md"
    readme.write_text("# Results\n\n<!-- goals: begin -->\nold\n<!-- goals: end -->\n")
    assert benchmarks.main(["--scale", "0.5", "--cache", str(tmp_path), "--readme", str(readme)]) == code
    out, err = capsys.readouterr()
    assert out.startswith("**At 0.5 times the size that the goals are for: this shows only that it works.**\n")
    assert row in out
    assert out.strip() in readme.read_text()
    assert "old" not in readme.read_text()
    assert err.startswith("about 1 min on two cores, ")
    assert "[1/1] step …" in err


def test_nothing_is_written_at_another_scale_unless_a_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[benchmarks.Session] = []

    def look(session: benchmarks.Session) -> dict[str, Measured]:
        seen.append(session)
        return {}

    monkeypatch.setattr(benchmarks, "STEPS", (benchmarks.Step("step", (), 1, 1, look),))
    assert benchmarks.main(["--scale", "0.5", "--cache", str(tmp_path)]) == 0
    assert seen[0].readme is None
