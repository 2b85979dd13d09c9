"""Records whose id an earlier record has: found without holding all ids, and left out of everything after.

Staging leaves the digests of the ids in shares. One task for each share sees it whole, finds the digests that
occur again, and leaves a list of records for each part that has some. The parts are then analysed without
them, so that vocabulary, moments, buckets and counts know nothing of a record that is not kept. What is first
follows from the order of files and positions alone, not from who works when.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.pvalue import AsList

from pipeline.analysis import Analysis
from pipeline.arrow_files import write_batches
from pipeline.at_once import at_once
from pipeline.failure import reporting
from pipeline.id_files import Digests, read_batch, read_ids, repeated
from pipeline.job import Job
from pipeline.origins import Origins
from pipeline.stage import (
    ANALYSES,
    PARENT,
    SOURCE,
    StagedBlock,
    analyse_part,
    blocks_of,
    first_of_record,
    step_name,
    write_rejected,
)
from pipeline.threads import ThreadedDoFn
from schemas.buckets import Int64s
from schemas.dataset_pb2 import DuplicateIds
from schemas.formats.rejected import Rejected, excerpt
from schemas.messages import canonical_json

DUPLICATE_ID = "duplicate_id"  # reason
DUPLICATE_POLICY = "duplicate id"
_LEFT_OUT = pa.schema({"record": pa.int32(), "first_file": pa.string(), "first_offset": pa.int64()})

_Part = tuple[int, int]  # block, part


@dataclass(frozen=True)
class LeftOut:
    """Reference to the records that one task found to be repeated.

    Attributes:
      path: Of an Arrow file: their places, and where the first record with the same id stands.
      batches: Which of its record batches belongs to which (block, part).
    """

    path: str
    batches: dict[_Part, int]


class LeaveOutDuplicates(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """PCollections of staged blocks and of ids → PCollections of `StagedBlock` (main) and `Analysis` (ANALYSES).

    Staged blocks are `StagedBlock`s with the `Analysis` of what was read of them among these, for another
    collection costs each run some milliseconds. Ids are pairs of a share and the (block, part) that wrote it.
    """

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def expand(self, staged: tuple[beam.PCollection, beam.PCollection]) -> Any:
        """Finds the duplicates once all parts are staged, then analyses the parts."""
        blocks, ids = staged
        found = ids | "Gather ids" >> beam.GroupByKey() | "Find" >> beam.ParDo(_Find(self._job))
        leave_out = beam.ParDo(_LeaveOut(self._job), AsList(found))
        return blocks | "Leave out" >> leave_out.with_outputs(ANALYSES, main="staged")


class _Find(ThreadedDoFn):
    def __init__(self, job: Job) -> None:
        super().__init__(job.threads)
        self._job = job

    @reporting
    def work(self, element: tuple[int, Iterable[_Part]]) -> Iterator[LeftOut]:
        share, parts = element[0], sorted(element[1])
        lists = find_repeated([self._job.ids_path(*part) for part in parts], share)
        if lists:
            path = self._job.left_out_path(share)
            write_batches(path, _LEFT_OUT, lists.values())
            yield LeftOut(path, {parts[i]: number for number, i in enumerate(lists)})


def find_repeated(paths: Sequence[str], share: int) -> dict[int, pa.RecordBatch]:
    """Returns the records of a share whose id an earlier one has, by number of the file that holds them.

    It holds 16 bytes for each record of the share, and 16 more while it looks.

    Args:
      paths: Of the ids of each part, in the order of the records.
      share: Which share of them.

    Returns:
      Batches of the place of each record in its part, and of the file and position of the first with its id.
    """
    high, low = _digests(paths, share)
    ends = np.cumsum([len(digests) for digests in high])
    again, first = repeated(_joined(high), _joined(low))
    places = _Places(paths, share, ends)
    order = np.argsort(again)
    again, first = again[order], first[order]
    first_files, first_offsets = places.look_up(first, "file"), places.look_up(first, "offset")
    records, part = places.look_up(again, "record"), places.part_of(again)
    columns = [pa.array(records, pa.int32()), pa.array(first_files, pa.string()), pa.array(first_offsets, pa.int64())]
    whole = pa.record_batch(columns, schema=_LEFT_OUT)
    return {i: whole.filter(pa.array(part == i)) for i in np.unique(part).tolist()}


def _digests(paths: Sequence[str], share: int) -> tuple[list[Digests], list[Digests]]:
    """Returns both halves of the digests of a share, part by part."""
    high, low = list[Digests](), list[Digests]()
    for batch in at_once(lambda path: read_ids(path, share), paths, paths[0]):
        high.append(batch["high"].to_numpy().copy())  # or all of the batch would be kept
        low.append(batch["low"].to_numpy().copy())
    return high, low


def _joined(parts: list[Digests]) -> Digests:
    """Returns parts as one array, and lets go of them."""
    whole = np.concatenate(parts)
    parts.clear()
    return whole


class _Places(NamedTuple):
    """Records by their place among all records of a share.

    Attributes:
      paths: Of the ids of each part.
      share: Which share.
      ends: int64, (parts,); the place behind the last record of each part.
    """

    paths: Sequence[str]
    share: int
    ends: Int64s

    def part_of(self, rows: Int64s) -> Int64s:
        """Returns the number of the part that holds each of these places."""
        return np.searchsorted(self.ends, rows, side="right")

    def look_up(self, rows: Int64s, column: str) -> list[Any]:
        """Returns what a column of the ids says of each of these places."""
        part = self.part_of(rows)
        values = np.empty(len(rows), object)
        for i in np.unique(part).tolist():
            batch = read_ids(self.paths[i], self.share)
            inside = part == i
            start = int(self.ends[i]) - batch.num_rows
            values[inside] = np.array(batch[column].take(pa.array(rows[inside] - start)).to_pylist(), object)
        return values.tolist()


class _LeaveOut(ThreadedDoFn):
    def __init__(self, job: Job) -> None:
        super().__init__(job.threads)
        self._job = job

    @reporting
    def work(self, staged: StagedBlock | Analysis, left_out: list[LeftOut]) -> Iterator[Any]:
        if isinstance(staged, Analysis):
            yield beam.pvalue.TaggedOutput(ANALYSES, staged)
            return
        part = staged.index, staged.part
        analysis = Analysis()
        batch = read_batch(staged.path, 0)
        lists = [read_batch(found.path, found.batches[part]) for found in left_out if part in found.batches]
        if lists:
            repeated_records = pa.Table.from_batches(lists).sort_by("record").to_pylist()
            staged, batch = self._leave_out(staged, batch, repeated_records, analysis)
        yield staged
        analysis.merge(analyse_part(self._job, staged, batch))
        yield beam.pvalue.TaggedOutput(ANALYSES, analysis)

    def _leave_out(
        self, staged: StagedBlock, batch: pa.RecordBatch, repeated_records: list[dict[str, Any]], analysis: Analysis
    ) -> tuple[StagedBlock, pa.RecordBatch]:
        """Returns a part without some of its records, which it counts."""
        job = self._job
        first = first_of_record(batch)
        if job.spec.duplicate_ids == DuplicateIds.keep_first:
            analysis.dropped = Counter({DUPLICATE_POLICY: len(repeated_records)})
        else:
            rows = np.flatnonzero(first)
            places = [int(rows[found["record"]]) for found in repeated_records]
            origins = Origins() if job.origins else None
            rejected = [
                _reject(batch, row, found, origins) for row, found in zip(places, repeated_records, strict=True)
            ]
            placed = list(zip(blocks_of(staged, batch, places), rejected, strict=True))
            write_rejected(job, placed, step_name("duplicates", staged, batch), staged.part)
            for block, item in placed:
                analysis.reject(block, [item])
        gone = np.isin(np.cumsum(first) - 1, [found["record"] for found in repeated_records])
        batch = batch.filter(pa.array(~gone))
        # Another file: a step that is tried again finds what it found the first time.
        path = job.unique_path(staged.index, staged.part)
        write_batches(path, batch.schema, [batch])
        return StagedBlock(staged.index, staged.part, path), batch


def _reject(batch: pa.RecordBatch, row: int, found: dict[str, Any], origins: Origins | None) -> Rejected:
    first, position = found["first_file"], found["first_offset"]
    if origins:
        first, position = origins.of_offset(first, position)
    rule = (
        f"an id must occur once, and the record at position {position} of {first} has the same; give every record an "
        "id of its own, or say duplicate_ids: keep_first or keep"
    )
    path, offset, line = (batch[name][row].as_py() for name in (SOURCE, "offset", "line"))
    received = canonical_json(batch[PARENT if PARENT in batch.schema.names else "id"][row].as_py())
    return Rejected(path, offset, line, DUPLICATE_ID, rule, excerpt(received)).placed(path, 0)
