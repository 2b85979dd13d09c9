"""The most frequent tokens in bounded memory: a summary after Misra and Gries, only where a spec asks for it.

Misra and Gries, "Finding repeated elements" (1982), with the merging of Agarwal, Cormode, Huang, Phillips, Wei and
Yi, "Mergeable summaries" (PODS 2012): counts of two summaries are added; where more than M tokens have one, the
(M + 1)-th largest is subtracted from all, and what is left with nothing goes. Each such step takes as much
from M + 1 tokens or more, so that with N counts in all no token loses more than N / (M + 1); `error` says how
much it was indeed. Which tokens are left depends on the order in which counts come.
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.vocabulary.token_counts import COUNTS, TokenCounts


@dataclass
class FrequentTokens:
    """Counts of no more than some number of tokens, each at most `error` too small.

    Attributes:
      counters: Most tokens that have a count.
      counts: Columns token (large_string, all different) and count (int64).
      error: What counts may be too small by; a token without one was counted no more often than this.
      total: Of all counts that were added.
    """

    counters: int
    counts: pa.Table = field(default_factory=COUNTS.empty_table)
    error: int = 0
    total: int = 0

    def add(self, table: pa.Table) -> "FrequentTokens":
        """Adds exact counts, a table of the same columns whose tokens may come again; returns itself."""
        return self.merge(FrequentTokens(self.counters, table, 0, int(table["count"].to_numpy().sum())))

    def merge(self, other: "FrequentTokens") -> "FrequentTokens":
        """Adds the counts of other tokens; returns itself."""
        both = TokenCounts(self.counts, [other.counts]).compact().merged
        self.total += other.total
        self.error += other.error
        if both.num_rows > self.counters:
            numbers = both["count"].to_numpy()
            place = len(numbers) - self.counters - 1
            least = int(np.partition(numbers, place)[place])
            left = numbers - least
            both = pa.table({"token": both["token"], "count": left}, schema=COUNTS).filter(pa.array(left > 0))
            self.error += least
        self.counts = both
        return self
