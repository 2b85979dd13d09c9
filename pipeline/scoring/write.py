"""Predictions become files: one for each part of a block, staged until all are there."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import files
from pipeline.analysis import Analysis
from pipeline.failure import reporting
from pipeline.scoring.job import Format, ScoringJob
from pipeline.scoring.read import ExamplePart
from pipeline.stage import ANALYSES, Located, write_rejected
from schemas.buckets import Int64s
from schemas.formats.rejected import Rejected, excerpt
from schemas.messages import canonical_json
from schemas.prediction_lines import prediction_lines

WRITTEN = "written"


@dataclass(frozen=True, order=True)
class WrittenPart:
    """The staged predictions for a part of a block.

    Attributes:
      block: Number of the block or partition.
      part: Its place in the block.
      path: Of the staged file.
      records: That have a prediction.
      predictions: Rows; several of a record that is cut into pieces.
      bytes: Size of the file.
      sha256: Of its content.
    """

    block: int
    part: int
    path: str
    records: int
    predictions: int
    bytes: int
    sha256: str


class WritePredictions(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollection of `PredictionResult` → PCollections of `WrittenPart` (WRITTEN) and `Analysis` (ANALYSES).

    The analysis is that of records that the model could not answer for.
    """

    def __init__(self, scoring: ScoringJob) -> None:
        super().__init__()
        self._scoring = scoring

    def expand(self, results: beam.PCollection) -> Any:
        """Writes every part."""
        return results | "Write" >> beam.ParDo(_WritePart(self._scoring)).with_outputs(ANALYSES, main=WRITTEN)


class _WritePart(beam.DoFn):  # type: ignore[misc]
    def __init__(self, scoring: ScoringJob) -> None:
        self._scoring = scoring
        self._job = scoring.job

    @reporting
    def process(self, result: Any) -> Iterator[Any]:
        part: ExamplePart = result.example
        table, refused = without_failed(result.inference, part.located)
        rejected = _placed(part, refused, result.inference.take(pa.array(refused)))
        if rejected:
            write_rejected(self._job, rejected, f"predict-{part.block:05d}", part.part)
            analysis = Analysis()
            for block, item in rejected:
                analysis.reject(block, [item])
            yield beam.pvalue.TaggedOutput(ANALYSES, analysis)
        content = encode(table, self._scoring.output_format)
        path = self._scoring.staged_path(part.block, part.part, part.consumed)
        files.write(path, content)
        records = part.located.examples.records - len(refused)
        sha256 = hashlib.sha256(content).hexdigest()
        yield WrittenPart(part.block, part.part, path, records, len(table), len(content), sha256)


def without_failed(table: pa.Table, located: Located) -> tuple[pa.Table, Int64s]:
    """Returns the predictions of records that a model could answer for, and the first row without an answer of others.

    Args:
      table: One row for each example, with the columns of `prediction_schema`.
      located: The examples.
    """
    failed = np.asarray(table["reason"].is_valid().to_numpy(), bool)
    if not failed.any():
        return table, np.zeros(0, np.int64)
    parents = located.examples.parents
    starts = np.ones(len(table), bool) if parents is None else parents.starts == 0
    record = np.cumsum(starts) - 1
    bad = np.zeros(int(record[-1]) + 1, bool)
    bad[record[failed]] = True
    rows = np.flatnonzero(failed)
    return table.filter(pa.array(~bad[record])), rows[np.unique(record[rows], return_index=True)[1]]


def encode(table: pa.Table, format: Format) -> bytes:
    """Returns the content of a file of predictions: the same bytes for the same rows."""
    if format == "jsonl":
        return prediction_lines(table)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def _placed(part: ExamplePart, rows: Int64s, said: pa.Table) -> list[tuple[int, Rejected]]:
    """Returns the records of some rows as rejected ones, each with the index of its block; `said` are these rows."""
    located, found = part.located, []
    ids = (located.examples.parents.ids if located.examples.parents else located.examples.ids).take(pa.array(rows))
    told = zip(rows.tolist(), ids.to_pylist(), said["reason"].to_pylist(), said["error"].to_pylist(), strict=True)
    for row, example_id, reason, rule in told:
        place = int(located.examples.offsets[row]), int(located.examples.lines[row])
        received = excerpt(canonical_json({"id": example_id}))
        item = Rejected("", *place, reason, rule, received)
        block = part.block if located.blocks is None else int(located.blocks[row])
        found.append((block, item.placed(located.paths[located.source[row]], 0)))
    return found
