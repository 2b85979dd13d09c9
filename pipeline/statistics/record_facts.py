"""What the stored examples of a split are like, counted while they are encoded; exact, merged in any order.

These are the facts that only statistics/statistics.json tells; those of the manifest are in `pipeline.split_facts`.
"""

from collections import Counter
from dataclasses import dataclass, field

from pipeline.moments import ExactMoments

# Tokens that are counted in every split: the most frequent ones of the training split.
TOP_TOKENS = 100
# Different pairs of class and length of one sequence and split up to which they are counted. That is some 10 MB of
# a worker's memory, and a hundred classes with a thousand lengths each.
MOST_PAIRS = 100_000


@dataclass
class ClassLengths:
    """How many records of each class have each length, as long as there are not too many different pairs.

    Whether there are too many follows from all records together, so that order and parts never show.

    Attributes:
      pairs: By (class, length); empty where there are too many.
      too_many: Whether there are more than MOST_PAIRS.
    """

    pairs: Counter[tuple[int, int]] = field(default_factory=Counter)
    too_many: bool = False

    def merge(self, other: "ClassLengths") -> None:
        """Adds the counts of other records."""
        self.too_many |= other.too_many
        self.pairs.update(other.pairs)
        self.too_many |= len(self.pairs) > MOST_PAIRS
        if self.too_many:
            self.pairs = Counter()


@dataclass
class WholeMoments:
    """Count, sum, sum of squares, least and greatest of whole numbers, and how many are 0."""

    count: int = 0
    total: int = 0
    squares: int = 0
    least: int | None = None
    greatest: int | None = None
    zeros: int = 0

    def merge(self, other: "WholeMoments") -> None:
        """Adds the numbers that another one has seen."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares
        self.least = min((n for n in (self.least, other.least) if n is not None), default=None)
        self.greatest = max((n for n in (self.greatest, other.greatest) if n is not None), default=None)
        self.zeros += other.zeros


@dataclass
class OovSums:
    """How alike the steps of one record are: sums over records of x steps out of vocabulary among n steps.

    Attributes:
      records: That have a step or more.
      squares: Of x².
      products: Of x n.
      length_squares: Of n².
    """

    records: int = 0
    squares: int = 0
    products: int = 0
    length_squares: int = 0

    def merge(self, other: "OovSums") -> None:
        """Adds the sums of other records."""
        self.records += other.records
        self.squares += other.squares
        self.products += other.products
        self.length_squares += other.length_squares


@dataclass
class RecordFacts:
    """Facts about the stored examples of one split.

    Attributes:
      uncut: By name of the sequence: records by their length before anything was cut.
      by_class: By name of the sequence: examples by class and length, of a class label with few classes.
      characters: By name of a sequence whose steps hold several values: examples by the number of these.
      numbers: By stored feature of numbers: of each dimension, without those that were missing.
      whole: By stored feature of whole numbers that are no ids: `NAME/sizes` and `id/start`.
      ids: By name of the token sequence or category: how often each of the ids of the most frequent tokens of the
        training split occurs, and of those out of vocabulary.
      unknown: By name of the category: examples whose category is out of vocabulary.
      oov: By name of the token sequence: of whole records, however many examples each has become.
      text_bytes: By stored feature of bytes: their number in all examples together.
    """

    uncut: dict[str, Counter[int]] = field(default_factory=dict)
    by_class: dict[str, ClassLengths] = field(default_factory=dict)
    characters: dict[str, Counter[int]] = field(default_factory=dict)
    numbers: dict[str, list[ExactMoments]] = field(default_factory=dict)
    whole: dict[str, WholeMoments] = field(default_factory=dict)
    ids: dict[str, Counter[int]] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)
    oov: dict[str, OovSums] = field(default_factory=dict)
    text_bytes: Counter[str] = field(default_factory=Counter)

    def merge(self, other: "RecordFacts") -> None:
        """Adds the facts of other examples."""
        for mine, theirs in (
            (self.uncut, other.uncut),
            (self.characters, other.characters),
            (self.ids, other.ids),
        ):
            for name, counts in theirs.items():
                mine.setdefault(name, Counter()).update(counts)
        for name, by_class in other.by_class.items():
            self.by_class.setdefault(name, ClassLengths()).merge(by_class)
        for name, moments in other.numbers.items():
            own = self.numbers.setdefault(name, [ExactMoments() for _ in moments])
            for left, right in zip(own, moments, strict=True):
                left.merge(right)
        for name, whole in other.whole.items():
            self.whole.setdefault(name, WholeMoments()).merge(whole)
        self.unknown.update(other.unknown)
        for name, sums in other.oov.items():
            self.oov.setdefault(name, OovSums()).merge(sums)
        self.text_bytes.update(other.text_bytes)
