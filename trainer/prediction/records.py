"""Raw records become examples to predict for, and rows that say why a record is none, each with its place."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from schemas.dataset_pb2 import DatasetSpec
from schemas.formats.fields import Field, event_fields_of, fields_of
from schemas.formats.jsonl import parse_jsonl
from schemas.formats.places import Places
from schemas.formats.rejected import Rejected
from schemas.formats.sources import SourcePart
from schemas.ragged import Int64s
from schemas.records.examples import ExampleBlock
from schemas.records.subwords import Subwords
from schemas.records.unlabelled import validate_unlabelled

_OBJECTS_AT_A_TIME = 10_000


class Located(NamedTuple):
    """Examples to predict for, and what is none.

    Attributes:
      block: The examples, in the order of the input.
      order: int64, (examples,), not falling; the place of each example's record among all records of the input, from
        0, those and the events that are refused among them.
      paths: Of files; empty where there is none.
      files: int64, (examples,); the file of each example, as an index of `paths`.
      lines: int64, (examples,); from 1 within the file.
      refused: Records without an example, each with its place.
      refused_order: int64, (refused,); likewise.
      consumed: Bytes of the input that have been read.
    """

    block: ExampleBlock
    order: Int64s
    paths: list[str]
    files: Int64s
    lines: Int64s
    refused: list[Rejected]
    refused_order: Int64s
    consumed: int


def fields_to_predict(spec: DatasetSpec) -> list[Field]:
    """Returns the fields that are read of what stands in the input: of events where the spec groups them.

    Args:
      spec: Of `unlabelled_spec`.
    """
    return event_fields_of(spec) if spec.HasField("group") else fields_of(spec, for_training=False)


def parts_of_objects(records: Iterable[Any], fields: list[Field], most: int) -> Iterator[SourcePart]:
    """Yields the raw records that Python objects are, as lines of JSON would be read.

    Args:
      records: As the spec describes them; arrays of NumPy are lists.
      fields: What to read.
      most: Bytes of a record.
    """
    before = 0
    for data in _lines_of_objects(records):
        raw = parse_jsonl(data, fields, max_record_bytes=most)
        none = np.zeros(1, np.int64)
        yield SourcePart(raw, Places(none, none, none, np.array([before]), 1), [""], 0)
        before += raw.line_count


def locate_records(
    parts: Iterable[SourcePart], spec: DatasetSpec, subwords: Mapping[str, Subwords] | None = None
) -> Iterator[Located]:
    """Yields what a model is to predict for, part by part.

    Args:
      parts: With the columns of `fields_to_predict`.
      spec: Of `unlabelled_spec`.
      subwords: By name, of each sequence that is cut by a tokenizer file.
    """
    before = 0
    for part in parts:
        block = validate_unlabelled(part.raw, spec, subwords)
        _, lines = part.places.positions(block.offsets, block.lines)
        order, refused_order, count = ranked(block.lines, lines_of(block.rejected))
        yield Located(
            block=block,
            order=before + order,
            paths=part.paths,
            files=part.places.piece_of(block.lines),
            lines=lines + 1,
            refused=part.places.place(block.rejected, part.paths),
            refused_order=before + refused_order,
            consumed=part.consumed,
        )
        before += count


def ranked(order: Int64s, refused_order: Int64s) -> tuple[Int64s, Int64s, int]:
    """Returns the places of what stands in some order, from 0 and without gaps, and how many places there are.

    Args:
      order: Of examples, int64 (examples,); those of one record have one place.
      refused_order: Of what is none, int64 (refused,).
    """
    places = np.unique(np.concatenate([order, refused_order]))
    return np.searchsorted(places, order), np.searchsorted(places, refused_order), len(places)


def lines_of(rejected: Iterable[Rejected]) -> Int64s:
    """Returns the line of each, int64."""
    return np.array([item.line for item in rejected], np.int64)


def _lines_of_objects(records: Iterable[Any]) -> Iterator[bytes]:
    """Yields blocks of JSONL lines, one line for each object; NumPy arrays become lists."""
    rest = iter(records)
    while some := list(islice(rest, _OBJECTS_AT_A_TIME)):
        yield b"".join(json.dumps(record, default=_plain).encode("utf-8") + b"\n" for record in some)


def _plain(value: Any) -> Any:
    """NumPy arrays and numbers, which JSON does not know, as lists and plain numbers."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"a record must hold plain values or NumPy arrays; received {type(value).__name__}")
