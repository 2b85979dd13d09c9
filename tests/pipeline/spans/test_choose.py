"""Which span a new one takes from, for any history of publishing, extending, replacing and removing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.spans.choose import (
    Choice,
    Contract,
    choose,
    contract_digest,
    contract_of,
    definer_of,
    dependents,
    is_definer,
    newest_contract,
)
from schemas.errors import UsageError
from schemas.manifest_pb2 import Manifest, Span

NAMES = [f"2026-11-{day:02d}" for day in range(1, 9)]


def manifest(name: str, contract: str, base: str = "", generation: int = 0, extends: bool = False) -> Manifest:
    """A span whose contract is told by one file's name."""
    made = Manifest(span=Span(name=name, base=base, generation=generation, extends=extends))
    made.vocabularies["text"].path = contract
    return made


def publish(published: dict[str, Manifest], name: str, choice: Choice, extends: bool) -> Manifest:
    """The span that a run publishes after a choice."""
    if choice.contract is None:
        return manifest(name, f"{name} of {len(published)}")
    source = published[choice.contract.source]
    contract, span = source.vocabularies["text"].path, source.span
    if choice.contract.definer == name:
        base, extended = (span.base, span.extends) if span.name == name else ("", False)
        return manifest(name, contract, base, span.generation, extended)
    if extends:
        return manifest(name, f"{contract} + {name}", choice.contract.definer, span.generation + 1, True)
    return manifest(name, contract, choice.contract.definer, span.generation)


STEPS = st.lists(st.tuples(st.sampled_from(["publish", "extend", "remove"]), st.sampled_from(NAMES)), max_size=25)


def history(steps: list[tuple[str, str]]) -> dict[str, Manifest]:
    published: dict[str, Manifest] = {}
    for what, name in steps:
        if what == "remove":
            published.pop(name, None)
        else:
            published[name] = publish(published, name, choose(name, published), what == "extend")
    return published


@given(STEPS)
def test_every_span_can_be_a_base_after_any_history(steps: list[tuple[str, str]]) -> None:
    published = history(steps)
    for name, span in published.items():
        contract = contract_of(name, published)
        assert contract.definer == definer_of(name, span)
        assert contract.source in published
        assert contract_digest(published[contract.source]) == contract_digest(span)
        assert choose("new", published, base=name) == Choice(contract)


@given(STEPS, st.sampled_from(NAMES), st.booleans())
def test_no_run_changes_what_others_took(steps: list[tuple[str, str]], name: str, extends: bool) -> None:
    published = history(steps)
    before = {other: contract_digest(published[other]) for other in dependents(name, published)}
    after = publish(published, name, choose(name, published), extends)
    if name in published and is_definer(published[name]) and before:
        assert contract_digest(after) == contract_digest(published[name])
    if name in published and not is_definer(published[name]) and not extends:
        assert contract_digest(after) == contract_digest(published[name])
    assert before == {other: contract_digest(published[other]) for other in before}


@given(STEPS)
def test_a_new_span_takes_what_was_extended_last(steps: list[tuple[str, str]]) -> None:
    published = history(steps)
    contract = newest_contract(published)
    assert choose("new", published) == Choice(contract)
    if contract is None:
        assert published == {}
    else:
        assert published[contract.source].span.generation == max(span.span.generation for span in published.values())


@given(STEPS)
def test_with_no_span_extended_all_have_one_contract(steps: list[tuple[str, str]]) -> None:
    published = history([("publish" if what == "extend" else what, name) for what, name in steps])
    digests = {contract_digest(span) for span in published.values()}
    assert len(digests) <= 1


def chain() -> dict[str, Manifest]:
    """A definer, one that takes from it, one that extends it, and one that takes from that."""
    return {
        "a": manifest("a", "1"),
        "b": manifest("b", "1", "a"),
        "c": manifest("c", "2", "a", 1, True),
        "d": manifest("d", "2", "c", 1),
    }


def without(*names: str) -> dict[str, Manifest]:
    return {name: span for name, span in chain().items() if name not in names}


def test_what_is_taken_where_nothing_is_said() -> None:
    assert choose("e", {}) == Choice(None)
    assert choose("e", chain()) == Choice(Contract("c", "c"))
    assert choose("e", without("c")) == Choice(Contract("c", "d"))
    assert choose("e", without("c", "d")) == Choice(Contract("a", "a"))


def test_what_a_stated_base_means() -> None:
    assert choose("e", chain(), "b") == Choice(Contract("a", "a"))
    assert choose("e", without("a"), "b") == Choice(Contract("a", "b"))
    assert choose("e", chain(), "d") == Choice(Contract("c", "c"))


def test_a_definer_that_has_another_contract_by_now_is_passed_over() -> None:
    published = chain() | {"a": manifest("a", "9")}
    assert contract_of("b", published) == Contract("a", "b")


def test_a_removed_definer_that_is_published_again_makes_the_same() -> None:
    assert choose("c", without("c")) == Choice(Contract("c", "d"))


def test_what_is_replaced_keeps_its_base() -> None:
    assert choose("b", chain()) == Choice(Contract("a", "a"))
    assert choose("b", without("a")) == Choice(Contract("a", "b"))
    assert choose("b", chain(), "d") == Choice(Contract("c", "c"))
    kept = "its vocabularies, normalisation and buckets stay as they are, because"
    assert choose("a", chain()) == Choice(Contract("a", "a"), f"a: {kept} b, c took them from it")
    assert choose("c", without("d")) == Choice(Contract("a", "a"))
    assert choose("c", without("a", "d")) == Choice(Contract("a", "b"))
    assert choose("c", without("a", "b", "d")) == Choice(Contract("c", "c"), f"c: {kept} its base a was removed")
    assert choose("a", without("b", "c", "d")) == Choice(None)
    assert choose("a", without("b", "c", "d"), "a") == Choice(Contract("a", "a"))


@pytest.mark.parametrize(
    ("name", "published", "base", "error"),
    [
        ("e", {}, "a", "--base a: no span is published yet; leave --base out for the first one"),
        ("e", chain(), "x", "--base x: is no published span; there are: a, b, c, d"),
        (
            "e",
            without("c"),
            "c",
            "--base c: was removed; d has the same vocabularies, normalisation and buckets, so say --base d",
        ),
        # One that extends its vocabularies has others.
        ("e", without("a", "b"), "a", "--base a: is no published span; there are: c, d"),
        (
            "a",
            chain(),
            "c",
            "--base c: the vocabularies, normalisation and buckets of a must stay as they are, because b, c took them "
            "from it; leave --base out",
        ),
    ],
)
def test_what_is_refused(name: str, published: dict[str, Manifest], base: str, error: str) -> None:
    with pytest.raises(UsageError) as caught:
        choose(name, published, base)
    assert str(caught.value) == error


def test_no_more_than_a_few_spans_are_named() -> None:
    published = {name: manifest(name, "1", NAMES[0] if name != NAMES[0] else "") for name in NAMES}
    with pytest.raises(UsageError, match=r"there are: 2026-11-01, .*, 2026-11-05 and 3 more$"):
        choose("e", published, "x")
