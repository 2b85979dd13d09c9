"""Which span a new one takes its vocabularies, normalisation and buckets from: pure functions of the manifests.

These are a contract. The span that made it is its definer: one without a base, or one that has extended the
vocabularies of its base. Each span holds the whole contract itself, so that it can be read from any span that has
it, also when the definer is gone.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pipeline.spans.published import CONTRACT
from schemas.errors import UsageError
from schemas.manifest_pb2 import Manifest
from schemas.messages import digest, to_plain
from schemas.spans.names import in_order, is_outside

_MOST_NAMED = 5  # spans in an error text


class Contract(NamedTuple):
    """A contract that there is.

    Attributes:
      definer: Name of the span that made it, or folder of the data set outside that did.
      source: The published span that it is read from: the definer, or another one that has it; or that folder.
    """

    definer: str
    source: str


class Choice(NamedTuple):
    """What a run of a span does about the contract.

    Attributes:
      contract: That it takes; None: it makes one.
      note: What to tell of the choice; empty: nothing that the person did not say.
    """

    contract: Contract | None
    note: str = ""


def is_definer(manifest: Manifest) -> bool:
    """Returns whether a span made the contract that it has."""
    return not manifest.span.base or manifest.span.extends


def definer_of(name: str, manifest: Manifest) -> str:
    """Returns the name of the span, or the folder of the data set outside, that made the contract of a span."""
    return name if is_definer(manifest) else manifest.span.base


def contract_digest(manifest: Manifest) -> str:
    """Returns the SHA-256 over the contract of a span."""
    values = to_plain(manifest)
    return digest({name: values[name] for name in CONTRACT if name in values})


def dependents(name: str, published: Mapping[str, Manifest]) -> list[str]:
    """Returns the names of the other spans whose base a span is, in order."""
    return in_order(other for other, manifest in published.items() if other != name and manifest.span.base == name)


def contract_of(name: str, published: Mapping[str, Manifest]) -> Contract:
    """Returns the contract that a published span has, read from its definer where that still has it."""
    definer = definer_of(name, published[name])
    found = published.get(definer)
    whole = found is not None and is_definer(found) and contract_digest(found) == contract_digest(published[name])
    return Contract(definer, definer if whole else name)


def newest_contract(published: Mapping[str, Manifest]) -> Contract | None:
    """Returns the contract of the highest generation; of several such that of the last span; None of no spans."""
    ordered = in_order(published)
    if not ordered:
        return None
    generations = {name: published[name].span.generation for name in ordered}
    highest = [name for name in ordered if generations[name] == max(generations.values())]
    definers = [name for name in highest if is_definer(published[name])]
    return contract_of((definers or highest)[-1], published)


def stated_contract(base: str, published: Mapping[str, Manifest]) -> Contract:
    """Returns the contract of the span that `--base` names.

    Raises:
      UsageError: There is no such span; names those there are, and those that can stand in for it.
    """
    if base in published:
        return contract_of(base, published)
    if not published:
        raise UsageError(f"--base {base}: no span is published yet; leave --base out for the first one")
    others = [other for other in dependents(base, published) if not published[other].span.extends]
    if others:
        raise UsageError(
            f"--base {base}: was removed; {_named(others)} {'has' if len(others) == 1 else 'have'} the same "
            f"vocabularies, normalisation and buckets, so say --base {others[0]}"
        )
    raise UsageError(f"--base {base}: is no published span; there are: {_named(in_order(published))}")


def choose(name: str, published: Mapping[str, Manifest], base: str = "") -> Choice:
    """Returns the contract that a run of a span takes.

    Args:
      name: Of the span; where it is published, the run replaces it.
      published: All published spans by name, as `published_contracts` returns them.
      base: As `--base` says; empty: nothing is said. A new span then takes the newest contract, one that is replaced
        keeps its own, unless it made it and no other span has it: that one makes it again.

    Raises:
      UsageError: `base` is no published span, or other spans would lose their contract.
    """
    if name in published:
        return _replaced(name, published, base)
    return Choice(stated_contract(base, published) if base else newest_contract(published))


def _replaced(name: str, published: Mapping[str, Manifest], base: str) -> Choice:
    manifest, others = published[name], dependents(name, published)
    stated = stated_contract(base, published) if base else None
    if not is_definer(manifest):
        return Choice(stated or contract_of(name, published))
    if others:
        return kept_for_others(name, others, f"--base {base}" if stated and stated.definer != name else "")
    if stated:
        return Choice(stated)
    return _made_again(name, published)


def kept_for_others(name: str, others: list[str], other_base: str = "") -> Choice:
    """Returns what a definer takes that other spans took their contract from: what it has.

    Args:
      name: Of the definer.
      others: The spans that took from it.
      other_base: The option that asks for another contract; empty: none does.

    Raises:
      UsageError: One does.
    """
    if other_base:
        raise UsageError(
            f"{other_base}: the vocabularies, normalisation and buckets of {name} must stay as they are, because "
            f"{_named(others)} took them from it; leave {other_base.split()[0]} out"
        )
    kept = "its vocabularies, normalisation and buckets stay as they are"
    return Choice(Contract(name, name), f"{name}: {kept}, because {_named(others)} took them from it")


def _made_again(name: str, published: Mapping[str, Manifest]) -> Choice:
    """Returns what a definer that no other span depends on starts from: what it started from before."""
    before = published[name].span.base
    if not before:
        return Choice(None)
    having = [other for other in in_order(published) if other != name and definer_of(other, published[other]) == before]
    if having:
        return Choice(contract_of(having[0], published))
    why = f"no other span has those of {before}" if is_outside(before) else f"its base {before} was removed"
    note = f"{name}: its vocabularies, normalisation and buckets stay as they are, because {why}"
    return Choice(Contract(name, name), note)


def _named(names: list[str]) -> str:
    """Returns names as they stand in a sentence, no more than a few of them."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
