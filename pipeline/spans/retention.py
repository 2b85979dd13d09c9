"""Which spans are to go when only some are kept: pure functions of their manifests."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from pipeline.spans.choose import is_definer
from schemas.errors import UsageError
from schemas.manifest_pb2 import Manifest
from schemas.spans.names import in_order, newest, period, period_of


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

    A base of a span that is among those kept stays, and so does what its drift is measured against: spans to come are
    compared with them. Their own bases do not, or none would ever go where each span extends the one before. The newest
    span always stays, with the others of its period.

    Args:
      published: The manifests of all published spans, by name.
      keep: How many of the newest stay, a span and the late ones of its period being one; None: `before` decides.
      before: Those that begin before this date go.

    Raises:
      UsageError: Names do not say which spans are older.
    """
    names = in_order(published)
    if keep is not None:
        _check_order_is_known(names, keep)
    kept_names = set(newest(names, keep)) if keep is not None else set()
    old = [name for name in names if name not in kept_names] if keep is not None else _before(names, before)
    stays: dict[str, str] = {}
    if old and len(old) == len(names):
        *others, last = newest(names, 1)
        stays |= {name: f"{name} stays: it is of the same period as the newest span" for name in others}
        stays[last] = f"{last} stays: it is the newest span"
    going = {name for name in old if name not in stays}
    kept = [manifest.span for name, manifest in published.items() if name not in going]
    for role, found in (
        ("it is the base of", Counter(span.base for span in kept)),
        ("it is the measure of drift of", Counter(span.drift_base for span in kept)),
    ):
        for name in in_order(going & set(found)):
            count = found[name]
            stays[name] = f"{name} stays: {role} {count:,} span{'s' if count > 1 else ''} that {_stay(count)}"
        going -= set(found)
    place = {name: i for i, name in enumerate(names)}
    return Retention(sorted(going, key=lambda name: _rank(name, published, place)), stays)


def _stay(count: int) -> str:
    return "stay" if count > 1 else "stays"


def _rank(name: str, published: Mapping[str, Manifest], place: Mapping[str, int]) -> tuple[bool, int, int]:
    """Returns what sorts spans so that each comes behind those that it is the base of, and else the oldest first."""
    manifest = published[name]
    return is_definer(manifest), -manifest.span.generation, place[name]


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
