from hypothesis import given
from hypothesis import strategies as st

from schemas.dataset_pb2 import Label
from schemas.manifest_pb2 import LengthStatistics, Manifest, SplitStatistics
from schemas.next_step import labelled_values, labelled_values_of
from schemas.spec import parse_spec


def counted_one_by_one(length: int, after: int, end: bool, horizon: int) -> int:
    """Goes through all predictions of one example and all that they are of."""
    total = 0
    for steps in range(1, length + 1):  # that a prediction is made after
        if steps >= after:
            total += sum(steps + ahead <= length for ahead in range(1, horizon + 1))
            total += int(end and steps == length)
    return total


@given(
    st.dictionaries(st.integers(0, 30), st.integers(1, 5), max_size=6),
    st.integers(1, 12),
    st.booleans(),
    st.integers(1, 12),
    st.integers(1, 3),
)
def test_as_many_as_one_by_one(histogram: dict[int, int], after: int, end: bool, horizon: int, dims: int) -> None:
    label = Label(after=after, end=end, horizon=horizon)
    expected = dims * sum(count * counted_one_by_one(n, after, end, horizon) for n, count in histogram.items())
    assert labelled_values(label, [*histogram], [*histogram.values()], dims) == expected


def test_tokens_of_few_steps() -> None:
    def counts(after: int, end: bool) -> list[int]:
        return [labelled_values(Label(after=after, end=end), [n], [1]) for n in range(5)]

    assert counts(1, False) == [0, 0, 1, 2, 3]
    assert counts(1, True) == [0, 1, 2, 3, 4]
    assert counts(2, False) == [0, 0, 0, 1, 2]
    assert counts(2, True) == [0, 0, 1, 2, 3]


def test_no_overflow() -> None:
    assert labelled_values(Label(after=1), [10**12], [10**12]) == 10**12 * (10**12 - 1)


def test_of_a_split() -> None:
    spec = parse_spec(
        "sequences: {s: {type: series, dims: 3}, t: {type: tokens}}\nlabel: {type: next_step, of: s, horizon: 2}"
    )
    lengths = LengthStatistics(lengths=[2, 4], counts=[10, 1])
    manifest = Manifest(spec=spec, statistics={"test": SplitStatistics(lengths={"s": lengths})})
    assert labelled_values_of(manifest, "test") == 3 * (10 * 1 + (3 + 2))
    manifest.spec.label.CopyFrom(Label(type="next_step", of="t", after=2, end=True))
    manifest.statistics["test"].lengths["t"].CopyFrom(LengthStatistics(lengths=[0, 5], counts=[7, 2]))
    assert labelled_values_of(manifest, "test") == 2 * 4
