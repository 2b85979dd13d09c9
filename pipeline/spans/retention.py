"""Which spans are to go when only some are kept: pure functions of their manifests."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from pipeline.spans.choose import is_definer
from schemas.errors import UsageError
from schemas.manifest_pb2 import Manifest
from schemas.spans.names import in_order, period, period_of


class Retention(NamedTuple):
    """What becomes of spans.

    Attributes:
      removed: Names of those that go, in the order in which they do: none goes before those that it is the base of.
      stays: Why others stay that are as old, by name.
    """

    removed: list[str]
    stays: dict[str, str]


def choose_removed(published: Mapping[str, Manifest], keep: int | None, before: str = "") -> Retention:
    """Returns which spans are to go.

    A span that others state as their base stays as long as they do: their drift is measured against it. The newest
    span always stays.

    Args:
      published: The manifests of all published spans, by name.
      keep: How many of the newest stay; None: `before` decides.
      before: Those that begin before this date go.

    Raises:
      UsageError: Names do not say which spans are older.
    """
    names = in_order(published)
    old = names[:-keep] if keep is not None else _before(names, before)
    if keep is not None:
        _check_order_is_known(names, keep)
    stays: dict[str, str] = {}
    if old and len(old) == len(names):
        stays[old[-1]] = f"{old[-1]} stays: it is the newest span"
    going = {name for name in old if name not in stays}
    while held := _held(published, going):
        going -= set(held)
        for name, count in held.items():
            stays[name] = (
                f"{name} stays: it is the base of {count:,} span{'s' if count > 1 else ''} that {_stay(count)}"
            )
    place = {name: i for i, name in enumerate(names)}
    return Retention(sorted(going, key=lambda name: _rank(name, published, place)), stays)


def _stay(count: int) -> str:
    return "stay" if count > 1 else "stays"


def _rank(name: str, published: Mapping[str, Manifest], place: Mapping[str, int]) -> tuple[bool, int, int]:
    """Returns what sorts spans so that each comes behind those that it is the base of, and else the oldest first."""
    manifest = published[name]
    return is_definer(manifest), -manifest.span.generation, place[name]


def _held(published: Mapping[str, Manifest], going: set[str]) -> dict[str, int]:
    """Returns of how many spans that stay each that would go is the base, where there are any; the oldest first."""
    bases = Counter(manifest.span.base for name, manifest in published.items() if name not in going)
    return {name: bases[name] for name in in_order(going & set(bases))}


def _before(names: list[str], before: str) -> list[str]:
    beyond = period(before, "--before").start
    starts = {name: when.start for name in names if (when := period_of(name))}
    other = [name for name in names if name not in starts]
    if other:
        raise UsageError(
            f"--before {before}: the span '{other[0]}' is no date, so that it is unknown whether it is older; say "
            "--keep N, or remove the folder of that span yourself"
        )
    return [name for name in names if starts[name] < beyond]


def _check_order_is_known(names: list[str], keep: int) -> None:
    other = [name for name in names if period_of(name) is None]
    if other and len(other) < len(names):
        raise UsageError(
            f"--keep {keep}: the span '{other[0]}' is no date and others are, so that it is unknown which are older; "
            "say --before DATE in a folder of dates only, or remove the folder of a span yourself"
        )
