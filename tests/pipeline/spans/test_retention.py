"""Which spans go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.spans.choose import is_definer
from pipeline.spans.retention import choose_removed
from schemas.errors import UsageError
from schemas.manifest_pb2 import Manifest, Span

DAYS = [f"2026-11-{day:02d}" for day in range(1, 8)]


def spans(*bases: str) -> dict[str, Manifest]:
    """A span a day; `+` behind a base: it extends it."""
    found = {}
    for day, base in zip(DAYS, bases, strict=False):
        generation = 0 if not base else found[base.rstrip("+")].span.generation + base.endswith("+")
        span = Span(name=day, base=base.rstrip("+"), extends=base.endswith("+"), generation=generation)
        found[day] = Manifest(span=span)
    return found


def test_a_base_stays_as_long_as_others_state_it() -> None:
    published = spans("", DAYS[0], DAYS[0], DAYS[0])
    kept = choose_removed(published, 2)
    assert kept.removed == [DAYS[1]]
    assert kept.stays == {DAYS[0]: "2026-11-01 stays: it is the base of 2 spans that stay"}
    assert choose_removed(published, None, DAYS[2]) == kept
    assert choose_removed(published, 4).removed == choose_removed(published, 9).removed == []


def test_only_bases_of_spans_that_are_kept_stay() -> None:
    published = spans("", f"{DAYS[0]}+", DAYS[1], f"{DAYS[1]}+", DAYS[3], DAYS[3])
    assert choose_removed(published, 3).removed == [DAYS[2], DAYS[0]]
    assert choose_removed(published, 3).stays == {DAYS[1]: "2026-11-02 stays: it is the base of 1 span that stays"}
    for manifest in list(published.values())[1:]:
        manifest.span.drift_base = DAYS[0]
    assert choose_removed(published, 3).removed == [DAYS[2]]
    assert choose_removed(published, 3).stays == {
        DAYS[1]: "2026-11-02 stays: it is the base of 1 span that stays",
        DAYS[0]: "2026-11-01 stays: it is the measure of drift of 3 spans that stay",
    }
    alone = {**spans("", f"{DAYS[0]}+", DAYS[1]), DAYS[6]: Manifest(span=Span(name=DAYS[6]))}
    assert choose_removed(alone, 1).removed == [DAYS[2], DAYS[1], DAYS[0]]


def test_spans_go_also_where_each_extends_the_one_before() -> None:
    nights = spans("", *(f"{day}+" for day in DAYS[:-1]))
    assert choose_removed(nights, 2).removed == [*reversed(DAYS[:4])]


def test_the_newest_always_stays() -> None:
    kept = choose_removed(spans("", DAYS[0]), None, "2027-01-01")
    assert kept.removed == []
    assert kept.stays == {
        DAYS[1]: "2026-11-02 stays: it is the newest span",
        DAYS[0]: "2026-11-01 stays: it is the base of 1 span that stays",
    }


def test_late_spans_are_kept_and_go_with_their_period() -> None:
    names = [DAYS[0], f"{DAYS[0]}-late", DAYS[1], f"{DAYS[1]}-late", f"{DAYS[1]}-late-2", DAYS[2]]
    outside = {name: Manifest(span=Span(name=name, base="/base")) for name in names}
    assert choose_removed(outside, 2).removed == choose_removed(outside, None, DAYS[1]).removed == names[:2]
    assert choose_removed(outside, 1).removed == names[:5]
    assert choose_removed(outside, 3).removed == []
    last = {name: outside[name] for name in names[2:5]}
    assert choose_removed(last, None, "2027-01-01") == (
        [],
        {
            names[2]: f"{names[2]} stays: it is of the same period as the newest span",
            names[3]: f"{names[3]} stays: it is of the same period as the newest span",
            names[4]: f"{names[4]} stays: it is the newest span",
        },
    )


def test_names_that_do_not_say_which_is_older() -> None:
    mixed = {**spans(""), "first": Manifest(span=Span(name="first"))}
    cases = {
        (1, ""): "--keep 1: the span 'first' is no date and others are, so that it is unknown which are older; ",
        (None, "2026-12-01"): "--before 2026-12-01: the span 'first' is no date, so that it is unknown whether it is ",
        (None, "x"): "--before 'x': is no date; ",
    }
    for (keep, before), error in cases.items():
        with pytest.raises(UsageError) as caught:
            choose_removed(mixed, keep, before)
        assert str(caught.value).startswith(error)
    named = {name: Manifest(span=Span(name=name)) for name in ("run-1", "run-2")}
    assert choose_removed(named, 1).removed == ["run-1"]


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=7), st.integers(1, 7))
def test_no_span_that_is_kept_ever_lacks_a_base_that_was_there(drawn: list[tuple[int, bool]], keep: int) -> None:
    bases: list[str] = []
    for number, (back, extends) in enumerate(drawn):
        definers = [name for name, manifest in spans(*bases).items() if is_definer(manifest)]
        base = definers[back % len(definers)] if number and definers else ""
        bases.append(f"{base}+" if base and extends else base)
    published = spans(*bases)
    left, kept = dict(published), set(list(published)[-keep:])
    chosen = choose_removed(published, keep)
    assert len(published) - len(chosen.removed) >= min(keep, len(published))
    assert set(chosen.removed) | set(chosen.stays) == set(list(published)[:-keep])
    for name in chosen.removed:
        del left[name]
        assert all(left[name].span.base in {"", *left} for name in kept)
