"""What each vocabulary of a spec is made of: which features are counted together, and what is kept."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from schemas.dataset_pb2 import CountBy, DatasetSpec
from schemas.formats.fields import LABEL
from schemas.spec import NUMBER, states_label, vocabulary_features, vocabulary_options, vocabulary_owner
from schemas.vocabulary import first_token_id, is_among, ranked


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
    """

    features: tuple[str, ...]
    first_id: int
    top_k: int = 0
    min_frequency: int = 1
    special_tokens: tuple[str, ...] = ()
    by_documents: bool = False
    counters: int = 0
    file: str = ""

    def candidates(self, counts: pa.Table, stated: pa.StringArray | None) -> pa.Table:
        """Returns the tokens that may become entries; also of candidates, in place of the counts that they are of.

        Args:
          counts: Columns token (strings, all different) and count (int64), of some of the tokens.
          stated: Entries of the file, where there is one.
        """
        if stated is not None:
            return counts.filter(pa.array(is_among(counts["token"], stated)))
        special, others = self._parted(counts)
        return pa.concat_tables([special, ranked(others, self.top_k, self.min_frequency)])

    def entries(self, candidates: pa.Table, stated: pa.StringArray | None) -> tuple[pa.ChunkedArray, int]:
        """Returns the entries in the order of their ids, and how often all of them were counted.

        Args:
          candidates: Of all tokens.
          stated: Entries of the file, where there is one.
        """
        kept = self.candidates(candidates, stated)
        covered = int(kept["count"].to_numpy().sum())
        if stated is not None:
            return pa.chunked_array([stated]), covered
        _, others = self._parted(kept)
        special = pa.array(self.special_tokens, kept.schema.field("token").type)
        return pa.chunked_array([special, *others["token"].chunks], special.type), covered

    def _parted(self, counts: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Returns the special tokens among those that were counted, and the others."""
        if not self.special_tokens:
            return counts.slice(0, 0), counts
        special = is_among(counts["token"], pa.array(self.special_tokens, pa.string()))
        return counts.filter(pa.array(special)), counts.filter(pa.array(np.logical_not(special)))


def vocabulary_rules(spec: DatasetSpec) -> dict[str, VocabularyRule]:
    """Returns the vocabularies of a resolved spec by name: features that have their own, and "label" for classes."""
    rules = {}
    features = vocabulary_features(spec)
    for name in features:
        sharers = [other for other in features if other != name and vocabulary_owner(spec, other) == name]
        if vocabulary_owner(spec, name) == name:
            rules[name] = _rule(spec, name, sharers)
    if states_label(spec) and spec.label.type != NUMBER:
        rules[LABEL] = VocabularyRule((LABEL,), 0, file=spec.label.classes_file)
    return rules


def _rule(spec: DatasetSpec, name: str, sharers: list[str]) -> VocabularyRule:
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
    )
