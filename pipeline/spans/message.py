"""What the manifest of a span says of it, and whether it may be published beside the spans that are there by now."""

from collections.abc import Collection, Mapping

from pipeline.job import Job, SpanRun
from pipeline.spans.base import load_base
from pipeline.spans.choose import contract_digest, dependents, is_definer
from pipeline.spans.outside import goes_with
from pipeline.spans.published import published_contracts
from schemas.errors import DataError
from schemas.manifest_pb2 import Manifest, Span
from schemas.spans.names import in_order, is_outside


def span_message(run: SpanRun, base: Manifest | None, manifest: Manifest) -> Span:
    """Returns what the manifest of a span says of it.

    Args:
      run: The span.
      base: The manifest that its vocabularies, normalisation and buckets are of; None: it has planned its own.
      manifest: Of the span, with these.
    """
    if run.base is None or base is None:
        return Span(name=run.name)
    if run.base.name == run.name:
        return _made_again(run.name, base)
    extends = contract_digest(base) != contract_digest(manifest)
    is_its_own = run.base.name in (base.span.name, run.base.folder)  # read from the one that made the contract
    known = base.fingerprint if is_its_own else base.span.base_fingerprint
    generation = base.span.generation + int(extends)
    return Span(name=run.name, base=run.base.name, base_fingerprint=known, extends=extends, generation=generation)


def _made_again(name: str, before: Manifest) -> Span:
    """Returns the message of a span that others took their vocabularies from and that has them still."""
    if before.span.name == name:
        again = Span()
        again.CopyFrom(before.span)
        del again.drift[:]
        again.drift_base = ""
        return again
    # It was removed, and another one tells what it had, though not what its own base was.
    return Span(name=name, generation=before.span.generation)


def check_spans(job: Job, manifest: Manifest) -> None:
    """Checks just before a span is published that no other run has published what does not go with it.

    Raises:
      DataError: One has; says to run again.
    """
    if job.span is None:
        return
    problem = conflict(manifest, load_base(job), published_contracts(job.span.root), job.span.known)
    if problem:
        raise DataError(f"{manifest.span.name}: {problem}; nothing was published; run again")


def conflict(
    manifest: Manifest, base: Manifest | None, published: Mapping[str, Manifest], known: Collection[str]
) -> str | None:
    """Returns why a span must not be published; None: it may.

    Args:
      manifest: Of the span.
      base: The manifest that its vocabularies, normalisation and buckets are of; None: it has planned its own.
      published: All published spans by now, by name, as `published_contracts` returns them.
      known: Names of the other spans that were published when the run began.
    """
    name, own = manifest.span.name, contract_digest(manifest)
    makes = is_definer(manifest) and (base is None or contract_digest(base) != own)
    for other in in_order(set(published) - {name, *known}):
        found = published[other]
        if makes and _is_rival(found) and found.span.generation >= manifest.span.generation:
            of = found.span.base if is_outside(found.span.base) and not found.span.extends else "its own"
            return f"the span {other} was published meanwhile, with vocabularies of {of}"
        if base and is_outside(manifest.span.base) and not makes and not goes_with(base, found):
            return f"the span {other} was published meanwhile, with other vocabularies than {manifest.span.base}"
    for other in dependents(name, published):
        if not published[other].span.extends and contract_digest(published[other]) != own:
            return f"the span {other} took its vocabularies from it meanwhile, and this run would change them"
    of_root = base and not (is_outside(manifest.span.base) and base.fingerprint == manifest.span.base_fingerprint)
    now = published.get(base.span.name) if base and of_root and base.span.name != name else None
    if base and now and contract_digest(now) != contract_digest(base):
        return f"its base {base.span.name} was replaced meanwhile by one with other vocabularies"
    return None


def _is_rival(manifest: Manifest) -> bool:
    """Returns whether a span brought a contract into the folder: one of its own, or that of a data set outside."""
    return is_definer(manifest) or is_outside(manifest.span.base)
