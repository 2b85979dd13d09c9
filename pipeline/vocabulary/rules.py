"""What each vocabulary of a spec is made of: which features are counted together, and what is kept."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from schemas.dataset_pb2 import CountBy, DatasetSpec
from schemas.formats.fields import LABEL
from schemas.spec import NUMBER, states_label, vocabulary_features, vocabulary_options, vocabulary_owner
from schemas.vocabulary import first_token_id, is_among, ranked

_ALL_CLASSES = 2**31 - 1  # more than there can be


@dataclass(frozen=True)
class VocabularyRule:
    """How one vocabulary, or the classes of a label, come about.

    Attributes:
      features: That use it, the one that has its name first.
      first_id: Id of the first entry.
      top_k: Most entries beside the special tokens; 0: no limit.
      min_frequency: Least count of these.
      special_tokens: First entries, whatever their counts.
      by_documents: Whether records are counted in which a token occurs, instead of every occurrence.
      counters: Most tokens counted at a time; 0: all of them, exactly.
      file: Path of a file that states all entries; empty: they are counted.
      more: Most entries added behind those that are stated.
    """

    features: tuple[str, ...]
    first_id: int
    top_k: int = 0
    min_frequency: int = 1
    special_tokens: tuple[str, ...] = ()
    by_documents: bool = False
    counters: int = 0
    file: str = ""
    more: int = 0

    def candidates(self, counts: pa.Table, stated: pa.StringArray | None) -> pa.Table:
        """Returns the tokens that may become entries; also of candidates, in place of the counts that they are of.

        Args:
          counts: Columns token (strings, all different) and count (int64), of some of the tokens.
          stated: Entries that a file or the base of a span states, where there are such.
        """
        if stated is not None:
            known, added = self._parted(counts, stated)
            return pa.concat_tables([known, ranked(added, self.more, self.min_frequency)]) if self.more else known
        special, others = self._parted(counts, self._special)
        return pa.concat_tables([special, ranked(others, self.top_k, self.min_frequency)])

    def entries(self, candidates: pa.Table, stated: pa.StringArray | None) -> tuple[pa.ChunkedArray, int]:
        """Returns the entries in the order of their ids, and how often all of them were counted.

        Args:
          candidates: Of all tokens.
          stated: Entries that a file or the base of a span states, where there are such; the others come behind them.
        """
        kept = self.candidates(candidates, stated)
        covered = int(kept["count"].to_numpy().sum())
        first = (self._special if stated is None else stated).cast(kept.schema.field("token").type)
        _, others = self._parted(kept, first)
        return pa.chunked_array([first, *others["token"].chunks], first.type), covered

    @property
    def _special(self) -> pa.StringArray:
        return pa.array(self.special_tokens, pa.string())

    @staticmethod
    def _parted(counts: pa.Table, first: pa.Array) -> tuple[pa.Table, pa.Table]:
        """Returns those tokens among the counted ones that come first, and the others."""
        if not len(first):
            return counts.slice(0, 0), counts
        inside = is_among(counts["token"], first)
        return counts.filter(pa.array(inside)), counts.filter(pa.array(np.logical_not(inside)))


def vocabulary_rules(spec: DatasetSpec, more: int = 0) -> dict[str, VocabularyRule]:
    """Returns the vocabularies of a resolved spec by name: features that have their own, and "label" for classes.

    Args:
      spec: The spec.
      more: Most entries added to each vocabulary of the base of a span, and whether all new classes are; 0: none. What
        a file of the spec states is all that there is.
    """
    rules = {}
    features = vocabulary_features(spec)
    for name in features:
        sharers = [other for other in features if other != name and vocabulary_owner(spec, other) == name]
        if vocabulary_owner(spec, name) == name:
            rules[name] = _rule(spec, name, sharers, more)
    if states_label(spec) and spec.label.type != NUMBER:
        file = spec.label.classes_file
        rules[LABEL] = VocabularyRule((LABEL,), 0, file=file, more=_ALL_CLASSES if more and not file else 0)
    return rules


def _rule(spec: DatasetSpec, name: str, sharers: list[str], more: int) -> VocabularyRule:
    options = vocabulary_options(spec, name)
    return VocabularyRule(
        features=(name, *sharers),
        first_id=first_token_id(options.oov_buckets),
        top_k=options.top_k,
        min_frequency=options.min_frequency,
        special_tokens=tuple(options.special_tokens),
        by_documents=options.count_by == CountBy.documents,
        counters=options.approximate,
        file=options.file,
        more=0 if options.file else more,
    )
