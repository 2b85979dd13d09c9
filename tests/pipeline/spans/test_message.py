"""What a manifest says of its span, and what must not be published beside other spans."""

import pytest

from pipeline.job import Base, SpanRun
from pipeline.spans.message import conflict, span_message
from schemas.manifest_pb2 import Manifest, Span


def made(contract: str, **span: object) -> Manifest:
    manifest = Manifest(span=Span(**span), fingerprint=f"print of {span['name']}")  # type: ignore[arg-type]
    manifest.vocabularies["text"].path = contract
    return manifest


FIRST = made("1", name="a")
SECOND = made("1", name="b", base="a", base_fingerprint="print of a")
EXTENDED = made("2", name="c", base="a", base_fingerprint="print of a", extends=True, generation=1)


@pytest.mark.parametrize(
    ("base", "taken", "contract", "message"),
    [
        (None, None, "1", Span(name="x")),
        ("a", FIRST, "1", Span(name="x", base="a", base_fingerprint="print of a")),
        ("a", FIRST, "2", Span(name="x", base="a", base_fingerprint="print of a", extends=True, generation=1)),
        ("a", SECOND, "1", Span(name="x", base="a", base_fingerprint="print of a")),
        ("c", EXTENDED, "2", Span(name="x", base="c", base_fingerprint="print of c", generation=1)),
        ("c", EXTENDED, "3", Span(name="x", base="c", base_fingerprint="print of c", extends=True, generation=2)),
    ],
)
def test_what_a_span_says(base: str | None, taken: Manifest | None, contract: str, message: Span) -> None:
    run = SpanRun("root", "x", Base(base, "path", "print") if base else None)
    assert span_message(run, taken, made(contract, name="x")) == message


def test_a_span_that_is_made_again_stays_what_it_was() -> None:
    drifted = made("2", name="c", base="a", base_fingerprint="print of a", extends=True, generation=1)
    drifted.span.drift.add(measure="oov_rate_change")
    run = SpanRun("root", "c", Base("c", "path", "print"))
    assert span_message(run, drifted, made("2", name="c")) == EXTENDED.span
    other = made("2", name="d", base="c", base_fingerprint="print of c", generation=1)
    assert span_message(run, other, made("2", name="c")) == Span(name="c", generation=1)


@pytest.mark.parametrize(
    ("manifest", "base", "published", "known", "problem"),
    [
        (FIRST, None, [], (), None),
        (FIRST, None, [FIRST], (), None),  # a step that was tried again
        (SECOND, FIRST, [FIRST], ("a",), None),
        (EXTENDED, FIRST, [FIRST, SECOND], ("a",), None),
        (EXTENDED, FIRST, [FIRST, made("3", name="d", base="a", extends=True, generation=1)], ("a", "d"), None),
        (SECOND, FIRST, [], ("a",), None),
        (
            made("1", name="x"),
            None,
            [made("2", name="b"), FIRST],
            (),
            "the span a was published meanwhile, with vocabularies of its own",
        ),
        (
            EXTENDED,
            FIRST,
            [FIRST, made("3", name="d", base="a", extends=True, generation=1)],
            ("a",),
            "the span d was published meanwhile, with vocabularies of its own",
        ),
        (
            made("5", name="a"),
            None,
            [FIRST, SECOND],
            (),
            "the span b took its vocabularies from it meanwhile, and this run would change them",
        ),
        (
            SECOND,
            FIRST,
            [made("7", name="a")],
            ("a",),
            "its base a was replaced meanwhile by one with other vocabularies",
        ),
    ],
)
def test_what_must_not_be_published(
    manifest: Manifest, base: Manifest | None, published: list[Manifest], known: tuple[str, ...], problem: str | None
) -> None:
    assert conflict(manifest, base, {each.span.name: each for each in published}, known) == problem
