"""What a spec says about its buckets."""

import math

from schemas.batch_seconds import DEFAULT_EXAMPLES, DEFAULT_PADDED_STEPS
from schemas.dataset_pb2 import BatchSeconds, DatasetSpec
from schemas.errors import DataError
from schemas.spec_checks import check_at_least, check_one_of

DEFAULT_BUCKETS = 8
MAX_BUCKETS = 1_000

_COEFFICIENTS = {
    "batch": "a batch takes whatever it holds",
    "step": "a batch takes for each step of its longest example",
    "padded_step": "a padded step takes",
}


def resolve_buckets(spec: DatasetSpec) -> None:
    """Checks the buckets of a spec and fills in the defaults of what is said; `most` has none.

    Raises:
      DataError: A field that is missing, out of range or contradicts another; names its path and the remedy.
    """
    buckets = spec.buckets
    buckets.SetInParent()
    if buckets.HasField("by"):
        check_one_of(buckets.by, spec.sequences, "buckets.by", "sequence")
    if buckets.HasField("most"):
        if buckets.HasField("count"):
            raise DataError(
                "buckets.most: contradicts buckets.count; keep `count` for exactly so many buckets, or `most` to have "
                "their number chosen"
            )
        _check_number(buckets.most, "buckets.most")
    else:
        if not buckets.HasField("count"):
            buckets.count = DEFAULT_BUCKETS
        _check_number(buckets.count, "buckets.count")
    if buckets.HasField("seconds"):
        _resolve_seconds(buckets.seconds)


def _check_number(number: int, path: str) -> None:
    if not 1 <= number <= MAX_BUCKETS:
        raise DataError(f"{path}: {number} is out of range; it must lie in [1, {MAX_BUCKETS}]")


def _resolve_seconds(seconds: BatchSeconds) -> None:
    path = "buckets.seconds"
    for name, what in _COEFFICIENTS.items():
        if not seconds.HasField(name):
            raise DataError(f"{path}.{name}: is missing; say the seconds that {what}, 0 for none")
        value = getattr(seconds, name)
        if not 0 <= value < math.inf:
            raise DataError(f"{path}.{name}: {value} is no number of seconds; it must be finite, and 0 or more")
    if not any(getattr(seconds, name) for name in _COEFFICIENTS):
        raise DataError(
            f"{path}: {', '.join(_COEFFICIENTS)} are all 0, by which all buckets cost the same; give at least one that "
            "is greater, or remove `seconds` to count padded steps"
        )
    if not seconds.HasField("padded_steps"):
        seconds.padded_steps = DEFAULT_PADDED_STEPS
    if not seconds.HasField("examples"):
        seconds.examples = DEFAULT_EXAMPLES
    check_at_least(seconds.padded_steps, 1, f"{path}.padded_steps")
    check_at_least(seconds.examples, 1, f"{path}.examples")
