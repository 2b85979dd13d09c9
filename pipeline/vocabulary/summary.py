"""What a run found out about vocabularies: how much of the data they cover, split by split."""

from typing import Any

from schemas.manifest_pb2 import Manifest, Vocabulary


def vocabulary_line(manifest: Manifest, name: str) -> str:
    """Returns a line about the vocabulary of a token sequence or a category."""
    entry, span = manifest.vocabularies[name], manifest.span
    rates = ", ".join(f"{split} {rate:.2%}" for split, rate in oov_rates(manifest, name).items())
    unknown = f"; steps out of vocabulary: {rates}" if rates else ""
    if span.base:
        return (
            f"{name}: vocabulary of {entry.size:,}, {'extended from' if span.extends else 'from'} {span.base}{unknown}"
        )
    least, error = ("at least ", f" (counts up to {entry.count_error:,} too small)") if entry.count_error else ("", "")
    return (
        f"{name}: vocabulary of {entry.size:,}, {least}{entry.distinct:,} different tokens counted{error}, {least}"
        f"{coverage(entry):.2%} of all covered{unknown}"
    )


def describe_vocabularies(manifest: Manifest) -> dict[str, Any]:
    """Returns the same for machines, by name of the token sequence or category."""
    return {
        name: {"size": entry.size, **_counted(entry, manifest), "oov_rates": oov_rates(manifest, name)}
        for name, entry in sorted(manifest.vocabularies.items())
    }


def _counted(entry: Vocabulary, manifest: Manifest) -> dict[str, Any]:
    """Returns what was counted for a vocabulary; nothing of a span with a base, whose entries tell of the base."""
    if manifest.span.base:
        return {}
    return {"distinct": entry.distinct, "coverage": coverage(entry), "count_error": entry.count_error}


def oov_rates(manifest: Manifest, name: str) -> dict[str, float]:
    """Returns the share of the steps of a token sequence that are out of vocabulary, by split; empty of a category."""
    found = {}
    for split, statistics in sorted(manifest.statistics.items()):
        if name in statistics.lengths:
            lengths = statistics.lengths[name]
            found[split] = lengths.oov_steps / max(1, lengths.steps)
    return found


def coverage(entry: Vocabulary) -> float:
    """Returns the share of what was counted in the training split that has an entry."""
    return float(entry.covered / entry.tokens) if entry.tokens else 1.0
