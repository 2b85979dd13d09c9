"""What to train on next, whatever spans there are and were."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.spans.names import in_order
from trainer.following.plan import Facts, Policy, Step, is_there, new_spans, next_step, replaced_spans

NAMES = [f"2026-11-22T06{minute}{late}" for minute in ("00", "10", "20") for late in ("", "-late", "-late-2")]
FACTS = st.builds(
    Facts, st.sampled_from("abc"), st.sampled_from([0, 0, 3]), st.tuples(st.integers(0, 2), st.integers(5, 7))
)
SPANS = st.dictionaries(st.sampled_from(NAMES), FACTS, max_size=7)
TRAINED = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from("abc"), min_size=1, max_size=3))
POLICIES = st.builds(Policy, st.integers(1, 3), st.integers(0, 3), st.booleans())


@given(SPANS, TRAINED, POLICIES)
def test_a_step_is_all_that_is_new_and_nothing_that_was_trained_on(
    there: dict[str, Facts], trained: dict[str, list[str]], policy: Policy
) -> None:
    step = next_step(4, there, trained, policy)
    new = {name for name in there if name not in trained}
    if policy.again:
        new |= {name for name, facts in there.items() if facts.fingerprint not in trained.get(name, [])}
    assert set(new_spans(there, trained, policy)) == new
    if step is None:
        assert len(new) < policy.at_least or sum(there[name].examples for name in new) == 0
        return
    assert len(new) >= policy.at_least
    assert dict(step.spans) == {name: there[name].fingerprint for name in new}
    assert step.name == f"000004-{list(step.spans)[-1]}"
    assert is_there(step, there)


@given(SPANS, TRAINED, POLICIES)
def test_what_is_mixed_in_was_trained_on_as_it_is(
    there: dict[str, Facts], trained: dict[str, list[str]], policy: Policy
) -> None:
    step = next_step(1, there, trained, policy)
    known = [name for name, facts in there.items() if name in trained and trained[name][-1] == facts.fingerprint]
    if step is not None:
        assert set(step.mixed) <= set(known) - set(step.spans)
        assert len(step.mixed) == min(policy.mix, len(known))
        assert list(step.mixed) == in_order(known)[len(known) - len(step.mixed) :]


@given(SPANS, TRAINED, POLICIES)
def test_the_longest_vocabularies_are_at_hand(
    there: dict[str, Facts], trained: dict[str, list[str]], policy: Policy
) -> None:
    step = next_step(1, there, trained, policy)
    if step is not None:
        read = {*step.spans, *step.mixed, *filter(None, [step.beside])}
        assert max(there[name].rank for name in read) == max(facts.rank for facts in there.values())
        assert step.beside not in {*step.spans, *step.mixed}


@given(SPANS, TRAINED, POLICIES, SPANS)
def test_a_step_is_kept_as_long_as_its_spans_are_what_they_were(
    there: dict[str, Facts], trained: dict[str, list[str]], policy: Policy, later: dict[str, Facts]
) -> None:
    step = next_step(1, there, trained, policy)
    if step is not None:
        assert Step.from_plain(step.to_plain()) == step
        read = {**step.spans, **step.mixed}
        same = all(name in later and later[name].fingerprint == of for name, of in read.items())
        assert is_there(step, later) == (same and (not step.beside or step.beside in later))


@given(SPANS, TRAINED)
def test_spans_that_were_replaced(there: dict[str, Facts], trained: dict[str, list[str]]) -> None:
    replaced = replaced_spans(there, trained)
    assert replaced == in_order(replaced)
    for name, facts in there.items():
        assert (name in replaced) == (name in trained and facts.fingerprint not in trained[name])


def test_spans_before_the_first_one_are_left_out() -> None:
    there = {day: Facts("a", 1) for day in ("2026-11-19", "2026-11-20", "2026-11-20T05", "2026-11-21")}
    step = next_step(1, there, {"2026-11-21": ["a"]}, Policy(since="2026-11-20"))
    assert step is not None
    assert list(step.spans) == ["2026-11-20", "2026-11-20T05"]
