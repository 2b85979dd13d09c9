"""What is published of predictions, what is counted, and what becomes of answers that are no numbers."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis import Analysis, BlockSummary
from pipeline.scoring.publish import check_counts, name_parts
from pipeline.scoring.write import WrittenPart, encode, without_failed
from pipeline.stage import Located
from schemas.errors import DataError
from schemas.records.examples import ExampleBlock, Parents


def located(pieces: list[int]) -> Located:
    """Returns records of some pieces each."""
    count = sum(pieces)
    places = np.zeros(count, np.int64)
    starts = np.concatenate([np.arange(size) for size in pieces] or [places]).astype(np.int64)
    ids = pa.array([str(i) for i in range(count)], pa.string())
    block = ExampleBlock(
        ids=ids,
        offsets=places,
        lines=places,
        sequences={},
        beside={},
        context={},
        label=None,
        cut_steps={},
        split_by=None,
        parents=Parents(ids, starts),
        records=len(pieces),
        rejected=[],
    )
    return Located(block, places, ["in"], [""], [])


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=4), max_size=6))
def test_a_record_with_an_answer_that_is_no_number_is_left_out_whole(records: list[list[bool]]) -> None:
    failed = [bad for record in records for bad in record]
    table = pa.table(
        {
            "row": pa.array(range(len(failed)), pa.int64()),
            "reason": pa.array(["not_finite" if bad else None for bad in failed], pa.string()),
        }
    )
    kept, rejected = without_failed(table, located([len(record) for record in records]))
    first = np.cumsum([0, *(len(record) for record in records)])
    rows = [range(first[i], first[i + 1]) for i in range(len(records))]
    assert rejected.tolist() == [
        own[record.index(True)] for own, record in zip(rows, records, strict=True) if any(record)
    ]
    good = [row for own, record in zip(rows, records, strict=True) if not any(record) for row in own]
    assert kept["row"].to_pylist() == good


def part(number: int, predictions: int) -> WrittenPart:
    return WrittenPart(number, 0, f"staged-{number}", predictions, predictions, 10, f"{number:x}" * 64)


def test_parts_with_predictions_are_named_in_order() -> None:
    parts = [part(0, 2), part(1, 0), part(2, 1)]
    assert name_parts(parts, "jsonl") == {
        "predictions-00000-of-00002-000000000000.jsonl": parts[0],
        "predictions-00001-of-00002-222222222222.jsonl": parts[2],
    }
    assert name_parts(parts[1:2], "parquet") == {"predictions-00000-of-00001-111111111111.parquet": parts[1]}


def test_every_record_is_predicted_or_rejected() -> None:
    analysis = Analysis(blocks={0: BlockSummary((5,), (5,), (b"",))}, rejected=Counter(wrong_type=2))
    check_counts(analysis, [part(0, 2), part(1, 1)])
    with pytest.raises(DataError) as raised:
        check_counts(analysis, [part(0, 2)])
    assert str(raised.value) == (
        "5 records were read, 2 have a prediction and 2 are rejected; this is an error of the runner"
    )


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_the_same_rows_are_the_same_bytes(format: str) -> None:
    def table() -> pa.Table:
        columns = {"id": ["a", "b"], "prediction": pa.array([1.5, 2], pa.float32())}
        return pa.table(columns | {"reason": pa.nulls(2, pa.string())})

    assert encode(table(), format) == encode(table(), format)  # type: ignore[arg-type]
    assert encode(table().slice(0, 0), "jsonl") == b""
