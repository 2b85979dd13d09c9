"""How often each token occurs, for any number of different tokens, without a Python object each."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

# Offsets of 64 bits: all tokens together may hold more than 2 GiB.
COUNTS = pa.schema([("token", pa.large_string()), ("count", pa.int64())])

_MANY_ROWS = 250_000  # fewer are not worth merging before the end


@dataclass
class TokenCounts:
    """A bag of tokens.

    Tables are merged as soon as those waiting are many and as large as the merged one, so that each row
    is merged about log2(tables) times at the most.

    Attributes:
      merged: Columns token (large_string, all different) and count (int64).
      waiting: Tables of the same columns, not yet merged.
      waiting_rows: Of all of these.
    """

    merged: pa.Table = field(default_factory=COUNTS.empty_table)
    waiting: list[pa.Table] = field(default_factory=list)
    waiting_rows: int = 0

    def add(self, table: pa.Table) -> "TokenCounts":
        """Adds a table of the same columns, whose tokens may come again; returns the bag."""
        if table.num_rows:
            self.waiting.append(table)
            self.waiting_rows += table.num_rows
        if self.waiting_rows > max(_MANY_ROWS, self.merged.num_rows):
            self.compact()
        return self

    def compact(self) -> "TokenCounts":
        """Merges what waits; returns the bag."""
        if self.waiting:
            table = pa.concat_tables([self.merged, *self.waiting])
            encoded = table["token"].combine_chunks().dictionary_encode()
            # As floats, which hold whole numbers below 2^53 exactly.
            sums = np.bincount(encoded.indices.to_numpy(), table["count"].to_numpy(), len(encoded.dictionary))
            self.merged = pa.table({"token": encoded.dictionary, "count": sums.astype(np.int64)}, schema=COUNTS)
            self.waiting, self.waiting_rows = [], 0
        return self
