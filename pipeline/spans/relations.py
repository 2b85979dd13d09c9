"""What must hold between the spans of a folder: those that share a contract have the same one, to the last bit.

The contract of a span is its vocabularies, classes, normalisation and buckets. A span that extends the vocabularies
of its base has the same but for them, which begin as the base's do.
"""

from collections.abc import Callable, Iterator, Mapping

from pipeline.spans.choose import contract_digest, definer_of, is_definer
from schemas.formats.fields import LABEL
from schemas.manifest_pb2 import Manifest, Vocabulary
from schemas.messages import to_plain
from schemas.spans.names import in_order

_REMEDY = "write the span again with --replace"


def check_relations(published: Mapping[str, Manifest], read: Callable[[str, str], bytes]) -> list[str]:
    """Returns a line for each span that does not fit those that it shares vocabularies with.

    Args:
      published: The manifests of all published spans, by name.
      read: Returns the content of a file of a span.
    """
    groups: dict[str, list[str]] = {}
    for name in in_order(published):
        groups.setdefault(definer_of(name, published[name]), []).append(name)
    # A definer that was pruned is represented by any span that has its contract.
    first = {definer: definer if definer in names else names[0] for definer, names in groups.items()}
    problems: list[str] = []
    for definer, names in groups.items():
        for name in names:
            problems += _check_same(name, first[definer], published)
    for name in in_order(published):
        base = published[name].span.base
        if published[name].span.extends and base in first:
            problems += _check_extended(name, first[base], published, read)
    return [*problems, *_check_bases(published)]


def _check_same(name: str, other: str, published: Mapping[str, Manifest]) -> Iterator[str]:
    ours, theirs = published[name], published[other]
    if contract_digest(ours) == contract_digest(theirs):
        return
    plain, expected = to_plain(ours), to_plain(theirs)
    fields = ("vocabularies", "classes", "moments", "buckets")
    field = next(field for field in fields if plain.get(field) != expected.get(field))
    yield f"{name}: {field} differ from those of {other}, which it says to share; {_REMEDY}"


def _check_extended(
    name: str, base: str, published: Mapping[str, Manifest], read: Callable[[str, str], bytes]
) -> Iterator[str]:
    ours, theirs = published[name], published[base]
    if to_plain(ours).get("buckets") != to_plain(theirs).get("buckets"):
        yield f"{name}: buckets differ from those of {base}, whose vocabularies it extends; {_REMEDY}"
    if to_plain(ours).get("moments") != to_plain(theirs).get("moments"):
        yield f"{name}: moments differ from those of {base}, whose vocabularies it extends; {_REMEDY}"
    mine = _entries(ours)
    for feature, entry in sorted(_entries(theirs).items()):
        if feature not in mine or not read(name, mine[feature].path).startswith(read(base, entry.path)):
            yield f"{name}: the vocabulary of '{feature}' does not begin with that of {base}; {_REMEDY}"


def _entries(manifest: Manifest) -> dict[str, Vocabulary]:
    classes = {LABEL: manifest.classes} if manifest.classes.path else {}
    return {**manifest.vocabularies, **classes}


def _check_bases(published: Mapping[str, Manifest]) -> Iterator[str]:
    for name in in_order(published):
        base = published[name].span.base
        if base in published and not is_definer(published[base]):
            yield f"{name}: its base {base} has vocabularies of {published[base].span.base} itself; {_REMEDY}"
