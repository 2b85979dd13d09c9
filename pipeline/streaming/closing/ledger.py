"""Which positions of which sources are in a closed window: what all closings say together."""

import json
from collections import Counter
from collections.abc import Iterable

import numpy as np

from pipeline import files
from pipeline.guards import durable
from pipeline.streaming.closing import closings
from pipeline.streaming.closing.closings import Closing
from schemas.errors import DataError
from schemas.streams.positions import NONE, Ranges, union

FILE = "ledger.json"  # of all closings together


class Ledger:
    """All closings of a folder, as far as they are known; each is read once.

    Attributes:
      names: Of the closings.
      covered: Positions of records that are in a closed window, by source.
      records: Number of these, by kind of closing.
      spans: Number of closings by kind.
      reached: The end of the newest window that was over when it was closed, microseconds since 1970; None: none was.
      fresh: Names of the closings of spans that came since all of them were last folded, or were not published then.
    """

    def __init__(self, folder: str) -> None:
        """Reads nothing yet.

        Args:
          folder: Of the closings.
        """
        self._folder = folder
        self.names: set[str] = set()
        self.covered: dict[str, Ranges] = {}
        self.records: Counter[str] = Counter()
        self.spans: Counter[str] = Counter()
        self.reached: int | None = None
        self.fresh: set[str] = set()
        self._settled: set[str] = set()  # closings whose spans were published before all of them were folded

    def refresh(self) -> None:
        """Reads the closings that are new.

        Raises:
          DataError: One is damaged.
        """
        there = closings.names_in(self._folder)
        if not self.names:
            self._unfold()
            if self.names - there:  # somebody has deleted one, so that its records are read again
                self._forget(self.names - self.fresh)
        for name in sorted(there - self.names):
            self.add(closings.load(self._folder, name))
        self.fresh -= self._settled

    def add(self, closing: Closing) -> None:
        """Takes a closing into account."""
        self.names.add(closing.name)
        for source, ranges in closing.positions.items():
            self.covered[source] = union([self.covered.get(source, NONE), ranges])
        self.records[closing.kind] += closing.records
        self.spans[closing.kind] += 1
        if closing.kind != closings.TOO_LATE:
            self.fresh.add(closing.name)
        if closing.kind == closings.WINDOW and closing.is_over:
            end = closing.window + closing.length
            self.reached = end if self.reached is None else max(self.reached, end)

    def fold(self, pending: Iterable[str]) -> None:
        """Writes what all closings say together, so that the next start need not read each; only one start may.

        Args:
          pending: Names of the closings whose spans are not published yet.

        Raises:
          DataError: It cannot be written.
        """
        values = {
            "names": sorted(self.names),
            "covered": {source: ranges.tolist() for source, ranges in sorted(self.covered.items())},
            "records": dict(self.records),
            "spans": dict(self.spans),
            "reached": self.reached,
            "fresh": sorted(pending),
        }
        durable.write(self._path, json.dumps(values, separators=(",", ":")).encode())

    @property
    def _path(self) -> str:
        return files.join(self._folder.rsplit("/", 1)[0], FILE)

    def _unfold(self) -> None:
        if not files.exists(self._path):
            return
        try:
            values = json.loads(files.read(self._path))
            self.names = set(values["names"])
            covered = values["covered"].items()
            self.covered = {source: np.array(pairs, np.int64).reshape(-1, 2) for source, pairs in covered}
            self.records, self.spans = Counter(values["records"]), Counter(values["spans"])
            self.reached, self.fresh = values["reached"], set(values["fresh"])
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise DataError(
                f"{self._path}: is damaged ({error}); delete it: it is made again of the closings"
            ) from None

    def _forget(self, settled: set[str]) -> None:
        """Begins anew, but for which spans have been published."""
        self.names, self.fresh, self.covered, self.reached = set(), set(), {}, None
        self.records, self.spans = Counter(), Counter()
        self._settled = settled


def covered_by(folder: str) -> dict[str, Ranges]:
    """Returns the positions that the closings of a folder cover, by source.

    Raises:
      DataError: One is damaged.
    """
    ledger = Ledger(folder)
    ledger.refresh()
    return ledger.covered
