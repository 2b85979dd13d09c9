"""A follower over any history: killed anywhere, it trains on each span once, and leaves none out."""

import json
import shutil
import signal
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import DataError, HeldError, UsageError
from tests.trainer.following.simulated import BEGIN, Simulated
from trainer.following.child import Outcome
from trainer.following.models import Models
from trainer.following.plan import Facts, Policy

NAMES = [f"2026-11-22T{hour:02d}{late}" for hour in range(4) for late in ("", "-late")]
OPERATIONS = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from(NAMES), st.integers(0, 3), st.integers(0, 2)),
    st.tuples(st.just("prune"), st.sampled_from(NAMES)),
    st.tuples(st.just("run")),
    st.tuples(st.just("kill"), st.integers(0, 18)),
)


@given(st.lists(OPERATIONS, max_size=12), st.integers(0, 2), st.integers(0, 2), st.booleans())
def test_each_span_is_trained_on_once(operations: list[tuple], keep: int, mix: int, again: bool) -> None:  # type: ignore[type-arg]
    policy = Policy(mix=mix, again=again)
    with tempfile.TemporaryDirectory() as folder, patch("os.fsync"):  # no power fails here
        world = Simulated(Path(folder) / "models")
        for what, *given_values in operations:
            if what == "publish":
                name, version, examples = given_values
                world.spans[name] = Facts(f"{name}{version}", examples)
            elif what == "prune":
                world.spans.pop(given_values[0], None)
            elif what == "run":
                world.run(policy, keep)
            else:
                world.run_killed(given_values[0], policy, keep)
        world.run(policy, keep)
        world.run(policy, keep)  # the first may have had a step to finish only
        log = world.log()
        assert [record["step"] for record in log] == list(range(1, len(log) + 1))
        pairs = [pair for record in log for pair in record["spans"].items()]
        assert len(pairs) == len(set(pairs))
        if not again:
            assert len(world.trained()) == len({*world.trained()})
        waiting = {name: facts for name, facts in world.spans.items() if name not in world.trained()}
        assert not any(facts.examples for facts in waiting.values())
        models = sorted(path.name for path in world.folder.glob("0*"))
        assert models == [record["model"] for record in log][-keep if keep else 0 :]
        assert not log or (world.folder / "latest").resolve().name == models[-1]
        assert {path.name for path in world.folder.glob(".*")} == {".follow"}


def test_each_step_continues_from_the_one_before(tmp_path: Path) -> None:
    world = Simulated(tmp_path / "models")
    for i, name in enumerate(("2026-11-20", "2026-11-22", "2026-11-21")):
        world.spans[name] = Facts(str(i), 1)
        world.run(Policy(mix=1), continue_from=BEGIN)
    assert [request.continue_from for request in world.requests] == [
        BEGIN,
        f"{tmp_path}/models/000001-2026-11-20",
        f"{tmp_path}/models/000002-2026-11-22",
    ]
    assert [list(request.step.mixed) for request in world.requests] == [[], ["2026-11-20"], ["2026-11-22"]]


def test_what_the_first_model_knows_is_not_trained_on_again(tmp_path: Path) -> None:
    world = Simulated(tmp_path / "models")
    world.spans = {day: Facts(day, 1) for day in ("2026-11-20", "2026-11-21", "2026-11-22")}
    known = {"2026-11-19": "gone", "2026-11-20": "2026-11-20", "2026-11-21": "other"}
    world.run(known=known, continue_from=BEGIN)
    assert world.trained() == ["2026-11-21", "2026-11-22"]
    world.run()  # nobody names the model any more
    assert len(world.log()) == 1


def test_a_replaced_span_is_told_of_once_and_trained_on_where_that_is_asked_for(tmp_path: Path) -> None:
    world = Simulated(tmp_path / "models")
    world.spans["2026-11-20"] = Facts("a", 1)
    world.run()
    world.spans["2026-11-20"] = Facts("b", 1)
    world.run()
    told = "replaced since they were trained on, and not trained on again: 2026-11-20 (--train_replaced does)"
    assert world.lines.count(told) == 1
    assert len(world.log()) == 1
    world.run(Policy(again=True))
    world.run(Policy(again=True))
    assert [record["spans"] for record in world.log()] == [{"2026-11-20": "a"}, {"2026-11-20": "b"}]


def test_a_span_that_changes_while_it_is_trained_on(tmp_path: Path) -> None:
    world = Simulated(tmp_path / "models")
    world.spans = {"2026-11-20": Facts("a", 1), "2026-11-21": Facts("a", 1)}
    world.fails, world.meanwhile = Outcome(1, "a file is gone"), {"2026-11-21": Facts("b", 1)}
    world.run()
    assert "step 1 (2026-11-20, 2026-11-21): 2026-11-20 was removed before it was done; planned again" in world.lines
    assert [record["spans"] for record in world.log()] == [{"2026-11-21": "b"}]


@pytest.mark.parametrize(
    ("outcome", "kind", "said"),
    [
        (Outcome(1, "the loss is nan"), DataError, "the loss is nan"),
        (Outcome(2, "units: 9, and"), UsageError, "units: 9, and"),
        (Outcome(-signal.SIGKILL), DataError, "its process was ended by SIGKILL, as where memory is short"),
        (Outcome(3), DataError, "its process ended with code 3"),
    ],
)
def test_a_step_that_fails_ends_the_follower_and_is_the_next_one_again(
    outcome: Outcome, kind: type[Exception], said: str, tmp_path: Path
) -> None:
    world = Simulated(tmp_path / "models")
    world.spans["2026-11-19"] = Facts("a", 1)
    world.run()
    world.spans["2026-11-20"] = Facts("a", 1)
    world.fails = outcome
    with pytest.raises(kind) as error:
        world.run()
    assert str(error.value) == f"step 2 (2026-11-20): {said}; the same command tries this step again"
    world.spans["2026-11-21"] = Facts("b", 1)
    world.run()
    assert [list(request.step.spans) for request in world.requests[1:]] == [["2026-11-20"]] * 2 + [["2026-11-21"]]


def test_what_it_waits_for(tmp_path: Path) -> None:
    world = Simulated(tmp_path / "models")
    for spans, said in (
        ({}, "no span is published there yet"),
        ({"2026-11-20": Facts("a", 1)}, "1 of at least 2 new spans are there (2026-11-20)"),
        (
            {"2026-11-20": Facts("a", 0), "2026-11-21": Facts("a", 0)},
            "the new spans have no record to train on (2026-11-20, 2026-11-21)",
        ),
    ):
        world.spans, world.asked = spans, False
        world.run(Policy(at_least=2), once=False)
        assert world.lines[-1] == f"ROOT: {said}; waiting, a look every 5 s"
    world.asked = False
    world.run()
    assert world.lines[-1].endswith("; nothing to do")


def test_two_followers_of_one_folder(tmp_path: Path) -> None:
    world = Simulated(tmp_path / "models")
    with Models(world.folder).held(), pytest.raises(HeldError) as error:
        world.run()
    assert str(error.value) == f"{world.folder}: another process follows there; stop it, or choose another --output"


def test_a_folder_that_does_not_fit_its_log(tmp_path: Path) -> None:
    world = Simulated(tmp_path / "models")
    for day in ("2026-11-20", "2026-11-21"):
        world.spans[day] = Facts("a", 1)
        world.run()
    log = world.folder / "steps.jsonl"
    shutil.move(world.folder / "000002-2026-11-21", tmp_path / "away")
    with pytest.raises(DataError) as error:
        world.run()
    assert str(error.value) == (
        f"{log}: tells of 2 steps, and the newest model is of step 1; put back the model, or delete the lines behind "
        "step 1 to train on their spans again"
    )
    first, second = log.read_text().splitlines()
    log.write_text(f"{first}\n")
    world.run()
    assert [json.loads(line)["spans"] for line in (first, second)] == [record["spans"] for record in world.log()]
    log.write_text(f"{second}\n")
    with pytest.raises(DataError, match=r"steps.jsonl: line 1 is not that of step 1 \(step 2 stands there\), so that"):
        world.run()
