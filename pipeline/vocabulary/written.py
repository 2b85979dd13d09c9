"""The plan with its vocabularies in files: written once, loaded once by each worker."""

import functools
import hashlib
import threading
from dataclasses import dataclass, field

from pipeline import files
from pipeline.plan import DatasetPlan, TokenPlan
from schemas.formats.fields import LABEL
from schemas.manifest import vocabulary_path
from schemas.manifest_pb2 import Bucket, Manifest, Moments
from schemas.manifest_pb2 import Vocabulary as VocabularyFile
from schemas.statistics_pb2 import TokenStatistics
from schemas.vocabulary import Vocabulary, dump_tokens, first_token_id, parse_tokens

_loading = threading.Lock()


@dataclass(frozen=True)
class PlanFiles:
    """A plan as the workers get it: small, however large the vocabularies are.

    Attributes:
      buckets: In rising order of length.
      tokens: By name of the token sequence or category, and "label" for classes.
      moments: By name of the series, and "label" for a number.
      statistics: Of tokens, by the same names as these.
    """

    buckets: list[Bucket]
    tokens: dict[str, VocabularyFile]
    moments: dict[str, Moments]
    statistics: dict[str, TokenStatistics] = field(default_factory=dict)

    def locations(self, output: str) -> dict[str, tuple[str, int]]:
        """Returns path and first id of every vocabulary; of classes the ids begin with 0."""
        return {
            name: (files.join(output, entry.path), 0 if name == LABEL else first_token_id(entry.oov_buckets))
            for name, entry in self.tokens.items()
        }

    def frequent_ids(self) -> dict[str, list[int]]:
        """Returns the ids of the most frequent tokens of the training split, by the same names."""
        return {name: [entry.id for entry in tokens.top] for name, tokens in self.statistics.items()}


def write_plan(plan: DatasetPlan, output: str, base: Manifest | None = None) -> PlanFiles:
    """Writes the vocabularies of a plan into a data set's folder.

    Args:
      plan: The plan.
      output: The folder.
      base: Of a span; of a vocabulary that is the same, the base's entry is kept with all that it says.
    """
    tokens = {name: _write_vocabulary(output, name, token_plan) for name, token_plan in plan.tokens.items()}
    if base:
        taken = {name: base.classes if name == LABEL else base.vocabularies[name] for name in tokens}
        tokens = {name: taken[name] if taken[name].sha256 == own.sha256 else own for name, own in tokens.items()}
    tokens |= {feature: tokens[name] for feature, name in plan.shared.items()}
    statistics = {name: token_plan.statistics for name, token_plan in plan.tokens.items()}
    statistics |= {feature: statistics[name] for feature, name in plan.shared.items()}
    return PlanFiles(plan.buckets, tokens, plan.moments, statistics)


def load_vocabulary(path: str, first_id: int) -> Vocabulary:
    """Reads a vocabulary file, once per process. The name holds the digest, so it never goes stale."""
    with _loading:  # or each thread that finds it missing would read it
        return _load(path, first_id)


@functools.lru_cache(maxsize=16)
def _load(path: str, first_id: int) -> Vocabulary:
    return Vocabulary(parse_tokens(files.read(path), path), first_id)


def _write_vocabulary(output: str, name: str, plan: TokenPlan) -> VocabularyFile:
    content = dump_tokens(plan.vocabulary.tokens)
    sha256 = hashlib.sha256(content).hexdigest()
    path = vocabulary_path(name, sha256)
    files.write(files.join(output, path), content)
    return VocabularyFile(
        path=path,
        sha256=sha256,
        size=len(plan.vocabulary.tokens),
        oov_buckets=plan.vocabulary.oov_buckets,
        tokens=plan.tokens,
        distinct=plan.distinct,
        covered=plan.covered,
        count_error=plan.error,
    )
