"""How often each token occurs, for any number of different tokens, without a Python object each."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_SCHEMA = pa.schema([("token", pa.string()), ("count", pa.int64())])


@dataclass
class TokenCounts:
    """A bag of tokens.

    Tables are merged as soon as those waiting are as large as the merged one, so that each row is
    merged about log2(tables) times at the most.

    Attributes:
      merged: Columns token (string, all different) and count (int64).
      waiting: Tables of the same columns, not yet merged.
    """

    merged: pa.Table = field(default_factory=_SCHEMA.empty_table)
    waiting: list[pa.Table] = field(default_factory=list)

    def add(self, tokens: pa.Array, counts: npt.NDArray[np.int64]) -> None:
        """Adds `counts[i]` occurrences of `tokens[i]`."""
        self._add_table(pa.table({"token": tokens, "count": counts}, schema=_SCHEMA))

    def merge(self, other: "TokenCounts") -> None:
        """Adds another bag."""
        for table in (other.merged, *other.waiting):
            self._add_table(table)

    def compact(self) -> "TokenCounts":
        """Merges what waits; returns the bag."""
        if self.waiting:
            table = pa.concat_tables([self.merged, *self.waiting])
            sums = table.group_by("token", use_threads=False).aggregate([("count", "sum")])
            self.merged = pa.table({"token": sums["token"], "count": sums["count_sum"]}).combine_chunks()
            self.waiting = []
        return self

    def to_arrays(self) -> tuple[pa.Array, pa.Array]:
        """Returns the different tokens, string, (n,), in no order, and their counts, int64, (n,)."""
        merged = self.compact().merged.combine_chunks()
        tokens, counts = (
            column.chunk(0) if column.num_chunks else pa.array([], column.type) for column in merged.columns
        )
        return tokens, counts

    def _add_table(self, table: pa.Table) -> None:
        if table.num_rows:
            self.waiting.append(table)
        if sum(waiting.num_rows for waiting in self.waiting) > self.merged.num_rows:
            self.compact()


def count_indices(dictionary: pa.Array, indices: npt.NDArray[np.integer]) -> TokenCounts:
    """Returns how often each entry of a dictionary, string, (n,), occurs among indices into it."""
    counts = np.bincount(indices, minlength=len(dictionary)).astype(np.int64)
    seen = counts > 0
    bag = TokenCounts()
    bag.add(dictionary.filter(pa.array(seen)), counts[seen])
    return bag
