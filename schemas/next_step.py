"""Which steps have a label of type next_step: a rule, and how many it is true of, counted without reading a record."""

from collections.abc import Sequence

from schemas.dataset_pb2 import Label
from schemas.manifest_pb2 import Manifest


def labelled_values(label: Label, lengths: Sequence[int], counts: Sequence[int], dims: int = 1) -> int:
    """Returns how many values labels have that weigh something, over all examples.

    A prediction is made after 1, 2, … n of the n steps of an example. It counts from `after` steps on, if what it is of
    is still in the example: after k steps, the token or frame k + h, for h from 1 to `horizon` (1 of tokens), is there
    where k + h <= n, so that max(0, n - h - after + 1) predictions of each h count. With `end` one more does, that
    after all n steps.

    Args:
      label: Resolved, of type next_step.
      lengths: Distinct lengths of examples, (n,).
      counts: Examples of each, (n,).
      dims: Numbers of a frame; 1 of tokens.
    """
    total = 0
    for length, count in zip(lengths, counts, strict=True):
        # Of h = 1, 2, …: falling by one until there is none.
        most = max(0, length - label.after)
        terms = min(label.horizon or 1, most)
        values = terms * most - terms * (terms - 1) // 2
        total += count * (values + int(label.end and length >= label.after))
    return total * dims


def labelled_values_of(manifest: Manifest, split: str) -> int:
    """Returns `labelled_values` of a split of a data set with such a label.

    Numbers that are filled count as any others: how many of them are next ones, no histogram says.
    """
    label = manifest.spec.label
    statistics = manifest.statistics[split].lengths[label.of]
    dims = max(1, manifest.spec.sequences[label.of].dims)
    return labelled_values(label, statistics.lengths, statistics.counts, dims)
