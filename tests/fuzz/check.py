"""What must hold of every file, whatever is in it."""

import io
import itertools
import math
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas.errors import DataError
from schemas.formats.blocks import byte_ranges, read_whole_lines
from schemas.formats.fields import Field, canonical_type, fields_of
from schemas.formats.plain import parse_text_files
from schemas.formats.raw import RawBlock
from schemas.formats.readers import PARSERS, FileReader, read_text, starts_of
from schemas.formats.reading import AVRO, CSV, JSONL, LINES, PARQUET, TEXT_FILES, TSV
from schemas.formats.rejected import EXCERPT_CHARACTERS, Rejected
from schemas.records.validate import validate
from tests.fuzz.cases import Case, Damaged

MOST_SECONDS = 10.0
REASONS = {
    *("broken_crc", "duplicate_field", "empty_sequence", "invalid_csv", "invalid_example", "invalid_json"),
    *("invalid_utf8", "missing_field", "not_an_object", "not_finite", "null_value", "too_large", "too_long"),
    *("wrong_cells", "wrong_dims", "wrong_type"),
}
_ONE_BLOCK = 1 << 30
_MOST_RANGES = 12  # of a file that is read in ranges: more takes time and shows little
_MOST_RULE_CHARACTERS = 1_000
Row = tuple[int, int, str, tuple[Any, ...]]  # offset, line in the file, reason or nothing, values of the columns


class Finding(Exception):  # noqa: N818
    """Something that must not happen."""


@dataclass
class Outcome:
    """What came of one file.

    Attributes:
      read: Records.
      kept: Records of which examples were made.
      rejected: Records, by reason.
      dropped: Records left out by a policy.
      error: Why the file as a whole is damaged; empty where it is not.
    """

    read: int = 0
    kept: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    error: str = ""


def check(damaged: Damaged) -> Outcome:
    """Reads a file in one block and in small ones.

    Raises:
      Finding: Something does not hold.
    """
    started = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            whole, rows = _read(damaged.case, damaged.content, _ONE_BLOCK)
            parts, part_rows = _read(damaged.case, damaged.content, damaged.block_bytes)
        except Finding:
            raise
        except BaseException as error:
            raise Finding(f"{type(error).__name__}: {error}") from error
    _must(bool(whole.error) == bool(parts.error), f"one block: {whole.error!r}; small blocks: {parts.error!r}")
    if not whole.error:
        for one, other in itertools.zip_longest(rows, part_rows):
            _must(_same(one, other), f"in one block {one}; in blocks of {damaged.block_bytes} {other}")
        _must(whole == parts, f"in one block {whole}; in blocks of {damaged.block_bytes} {parts}")
    seconds = time.monotonic() - started
    _must(seconds < MOST_SECONDS, f"took {seconds:.1f} s")
    return whole


def _read(case: Case, content: bytes, block_bytes: int) -> tuple[Outcome, list[Row]]:
    outcome, rows = Outcome(), []
    fields = fields_of(case.spec)
    lines, last = 0, -1
    try:
        for block in _blocks(case, content, fields, block_bytes):
            _check_block(block, case, len(content))
            rows += sorted(_rows(block, lines), key=lambda row: row[:2])
            lines += block.line_count
            offsets = sorted([*block.offsets.tolist(), *(item.offset for item in block.rejected)])
            if offsets and case.reading.format != TEXT_FILES:
                _must(offsets[0] > last or case.reading.format == AVRO, f"position {offsets[0]} after {last}")
                last = offsets[-1]
            _count(block, case, outcome)
    except DataError as error:
        _check_text(str(error))
        return Outcome(error=str(error)), []
    _must(outcome.read == outcome.kept + outcome.rejected.total() + outcome.dropped, f"counts: {outcome}")
    if not case.reading.from_the_start:
        _check_all_there(case, content, rows)
    return outcome, rows


def _blocks(case: Case, content: bytes, fields: list[Field], block_bytes: int) -> Iterator[RawBlock]:
    """Yields the blocks as a run reads them."""
    given, reading = case.spec.input, case.reading
    stream, size = io.BytesIO(content), len(content)
    if reading.format in PARSERS and not reading.from_the_start:
        for start, end in byte_ranges(size, max(block_bytes, size // _MOST_RANGES + 1)):
            lines = read_whole_lines(stream, start, end, given.max_record_bytes)
            _must(lines.range_bytes == end - start, "a range was not read whole")
            yield PARSERS[reading.format](lines.data, fields, lines.offset, given.max_record_bytes)
        return
    if reading.format == TEXT_FILES:
        text, digest, consumed = read_text(stream, reading, given.max_record_bytes)
        _must(consumed == size and len(digest) == 32, f"read {consumed} of {size} bytes")
        yield parse_text_files([text], ["folder/name.txt"], fields, given.max_record_bytes)
        return
    ranges = [(0, size)]
    if reading.format in {CSV, TSV} and not reading.from_the_start:
        starts = starts_of(stream, size, reading, given, block_bytes)
        ranges = list(itertools.pairwise([*starts, size])) if starts else ranges
    elif reading.format in {PARQUET, AVRO}:
        ranges = byte_ranges(size, max(block_bytes, size // _MOST_RANGES + 1))
    for start, end in ranges:
        if start == end and size:
            continue
        reader = FileReader(stream, start, end, reading, given, fields, block_bytes)
        yield from reader.blocks()
        _must(reader.consumed == end - start, f"read {reader.consumed} of {end - start} bytes")
        _must(len(reader.digest) == 32, "there is no digest")


def _check_block(block: RawBlock, case: Case, size: int) -> None:
    count = len(block.offsets)
    _must(len(block.lines) == count, "lines and offsets differ in number")
    _must(set(block.columns) == {field.name for field in block.fields}, "columns and fields differ")
    for one in block.fields:
        column = block.columns[one.name]
        _must(len(column) == count, f"column {one.name} has {len(column)} of {count} rows")
        _must(column.type == canonical_type(one.types[0]), f"column {one.name} is of type {column.type}")
        column.validate(full=True)
    lines = [*block.lines.tolist(), *(item.line for item in block.rejected)]
    _must(len(set(lines)) == len(lines), "two records have one line")
    _must(all(0 <= line < block.line_count for line in lines), f"a line is not among {block.line_count}")
    offsets = [*block.offsets.tolist(), *(item.offset for item in block.rejected)]
    _must(all(offset >= 0 for offset in offsets), "a position is negative")
    if not case.reading.from_the_start and offsets:
        _must(max(offsets) < max(size, 1), f"a position is beyond the {size} bytes")
    _must(bool((np.diff(block.lines) > 0).all()), "records are not in order")


def _count(block: RawBlock, case: Case, outcome: Outcome) -> None:
    before = len(block.offsets) + len(block.rejected)
    examples = validate(block, case.spec)
    after = examples.records + len(examples.rejected) + examples.dropped.total()
    _must(before == after, f"{before} records were read, {after} are accounted for")
    for item in examples.rejected:
        _check_rejected(item)
    places = {(item.line, item.offset) for item in examples.rejected}
    _must(len(places) == len(examples.rejected), "a record is rejected twice")
    _must(len(examples.ids) == len(examples.offsets), "examples and positions differ in number")
    for sequence in examples.sequences.values():
        sequence.values.validate(full=True)
    outcome.read += before
    outcome.kept += examples.records
    outcome.rejected.update(item.reason for item in examples.rejected)
    outcome.dropped += examples.dropped.total()


def _check_rejected(item: Rejected) -> None:
    _must(item.reason in REASONS, f"unknown reason {item.reason}")
    _must(len(item.excerpt) <= EXCERPT_CHARACTERS, f"an excerpt of {len(item.excerpt)} characters")
    _must(item.excerpt.isprintable(), f"excerpt {item.excerpt!r}")
    _check_text(item.rule)


def _check_text(text: str) -> None:
    _must(bool(text) and len(text) <= _MOST_RULE_CHARACTERS, f"a text of {len(text)} characters: {text[:200]}")
    _must(text.isprintable(), f"a text that is not printable: {text!r}")


def _rows(block: RawBlock, lines_before: int) -> Iterator[Row]:
    names = sorted(block.columns)
    columns = [block.columns[name].to_pylist() for name in names]
    for i, values in enumerate(zip(*columns, strict=True)):
        yield int(block.offsets[i]), lines_before + int(block.lines[i]), "", values
    for item in block.rejected:
        yield item.offset, lines_before + item.line, item.reason, (item.rule, item.excerpt)


def _check_all_there(case: Case, content: bytes, rows: list[Row]) -> None:
    """Counts the records of plain text independently of the readers."""
    if case.reading.format not in {JSONL, LINES}:
        return
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:
        lines.pop()
    if case.reading.format == JSONL:
        lines = [line for line in lines if line.strip(b" \t\r")]
    _must(len(lines) == len(rows), f"{len(lines)} lines, {len(rows)} records")


def _same(one: Any, other: Any) -> bool:
    """Whether two rows are the same; NaN is NaN."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other) and type(one) is type(other)


def _must(holds: bool, text: str) -> None:
    if not holds:
        raise Finding(text)
