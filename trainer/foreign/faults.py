"""What is wrong with TFRecords of others: found by looking at one record after another once reading has failed.

Reading itself keeps no account of files and places, which would cost every good run; a bad one is read again, slowly.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError

from schemas.dataset_pb2 import StoredAs
from schemas.errors import DataError
from schemas.example_pb2 import Feature, SequenceExample
from schemas.messages import nearest
from schemas.spec import PER_STEP_CLASS
from schemas.tfrecords_pb2 import RecordCompression, RecordFeature, RecordSpec
from trainer.batches.reasons import reason
from trainer.foreign.spec import INT64, KINDS, Stored, sequences_of, stored_features

# Records that are looked at before the first batch is made.
_FIRST = 100
_INT32 = range(-(2**31), 2**31)


def compression_type(spec: RecordSpec) -> str:
    """Returns the compression of the files as `tf.data.TFRecordDataset` names it."""
    return {RecordCompression.gzip: "GZIP", RecordCompression.zlib: "ZLIB"}.get(spec.compression, "")


def check_first_records(paths: Sequence[str], spec: RecordSpec) -> None:
    """Checks the first records against the spec, so that a wrong name is noticed before anything is computed.

    Raises:
      DataError: A record that the spec does not fit, a sequence that none of these records has, no record at all.
    """
    missing = {spec.features[name].feature for name in sequences_of(spec)}
    looked_at = 0
    names: set[str] = set()
    for path in paths:
        for number, record in islice(_records(path, spec), _FIRST - looked_at):
            fault = record_fault(record, spec)
            if fault:
                raise DataError(f"{path}: record {number}: {fault}")
            example = SequenceExample.FromString(record)
            names |= set(_lists(example, spec))
            missing -= names
            looked_at += 1
        if looked_at == _FIRST:
            break
    if not looked_at:
        raise DataError(f"{paths[0]}: holds no record, nor does any file after it; give files of records")
    if missing:
        name = min(missing)
        raise DataError(
            f"{paths[0]}: none of the first {looked_at} records has a sequence '{name}'; {nearest(name, names)}"
        )


def first_fault(paths: Sequence[str], spec: RecordSpec) -> str | None:
    """Returns the first file that cannot be read as the spec says, with the record and what is wrong with it."""
    for path in paths:
        try:
            for number, record in _records(path, spec):
                fault = record_fault(record, spec)
                if fault:
                    return f"{path}: record {number}: {fault}"
        except DataError as error:
            return str(error)
    return None


def record_fault(record: bytes, spec: RecordSpec) -> str | None:
    """Returns the rule that a serialized record breaks, with what it holds; None where it fits the spec."""
    try:
        # An `Example` has the fields of a `SequenceExample` without lists.
        example = SequenceExample.FromString(record)
    except DecodeError:
        return f"is no tf.train.{_message(spec)}"
    for name, stored in sorted(stored_features(spec).items()):
        fault = _value_fault(name, stored, example, spec)
        if fault:
            return fault
    steps: dict[str, int] = {}
    for name in sequences_of(spec):
        feature = spec.features[name]
        sizes = _sizes(feature.feature, example, spec)
        fault = _length_fault(feature, sizes, example, spec)
        if fault:
            return fault
        steps[name] = _steps(feature, sizes, spec)
    return _id_fault(example, spec) or _label_fault(steps, example, spec)


def _records(path: str, spec: RecordSpec) -> Iterator[tuple[int, bytes]]:
    """Yields the records of one file with their number, from 1.

    Raises:
      DataError: The file cannot be read any further.
    """
    number = 0
    try:
        for record in tf.data.TFRecordDataset(path, compression_type(spec)).as_numpy_iterator():
            number += 1
            yield number, record
    except tf.errors.OpError as error:
        raise DataError(f"{path}: {_file_fault(path, number, error, spec)}") from None


def _file_fault(path: str, number: int, error: tf.errors.OpError, spec: RecordSpec) -> str:
    found = _found_compression(path)
    stated = RecordCompression.Value.Name(spec.compression)
    if number == 0 and found and found != stated:
        return f"is compressed by {found}, and compression says {stated}; say compression: {found}"
    if number == 0 and not found and stated != "none":
        return f"is not compressed by {stated}, or damaged at its beginning ({reason(error)}); say compression: none"
    return f"cannot be read after record {number}: {reason(error)}; it is damaged or cut off, or no TFRecord file"


def _found_compression(path: str) -> str:
    """Returns what the first bytes of a file look like: "gzip", "zlib" or "" for neither."""
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            start = file.read(2)
    except tf.errors.OpError:
        return ""
    if start == b"\x1f\x8b":
        return "gzip"
    # RFC 1950, section 2.2: deflate with a window of 32 KiB, and a check of the two bytes.
    return "zlib" if len(start) == 2 and start[0] == 0x78 and int.from_bytes(start, "big") % 31 == 0 else ""


def _lists(example: SequenceExample, spec: RecordSpec) -> Any:
    """Returns where the values of steps stand."""
    if spec.stored_as == StoredAs.sequence_example:
        return example.feature_lists.feature_list
    return example.context.feature


def _values(name: str, stored: Stored, example: SequenceExample, spec: RecordSpec) -> list[Feature]:
    """Returns the messages that hold the values of one feature; none where there is no such feature."""
    context, lists = example.context.feature, example.feature_lists.feature_list
    if stored.many and spec.stored_as == StoredAs.sequence_example:
        return list(lists[name].feature) if name in lists else []
    return [context[name]] if name in context else []


def _value_fault(name: str, stored: Stored, example: SequenceExample, spec: RecordSpec) -> str | None:
    values = _values(name, stored, example, spec)
    if not values:
        return _absence(name, stored, example, spec)
    for value in values:
        kind = value.WhichOneof("kind")
        if kind is not None and kind != f"{stored.dtype}_list":
            return f"'{name}' holds {kind.removesuffix('_list')} values; the spec reads it as {stored.dtype}"
        if not stored.many and _size(value) != 1:
            return f"'{name}' has {_size(value)} values; it must have exactly one"
    return None


def _absence(name: str, stored: Stored, example: SequenceExample, spec: RecordSpec) -> str | None:
    """Returns what is wrong with a record that does not have a feature: nothing where it may be an empty list."""
    if stored.many:
        if spec.stored_as == StoredAs.sequence_example and name in example.context.feature:
            return f"'{name}' is in the context of the record and no feature list; say stored_as: example"
        other = example.feature_lists.feature_list
        if spec.stored_as == StoredAs.example and name in other:
            return f"'{name}' is a feature list, so that the record is no Example; say stored_as: sequence_example"
        return None
    valid = example.context.feature
    return f"has no feature '{name}'; {nearest(name, valid)}"


def _sizes(name: str, example: SequenceExample, spec: RecordSpec) -> list[int]:
    """Returns the number of values of each message of a feature with steps."""
    return [_size(value) for value in _values(name, Stored(INT64, True), example, spec)]


def _size(value: Feature) -> int:
    kind = value.WhichOneof("kind")
    return len(getattr(value, kind).value) if kind else 0


def _steps(feature: RecordFeature, sizes: list[int], spec: RecordSpec) -> int:
    return len(sizes) if spec.stored_as == StoredAs.sequence_example else sum(sizes) // feature.dims


def _length_fault(feature: RecordFeature, sizes: list[int], example: SequenceExample, spec: RecordSpec) -> str | None:
    name, steps = feature.feature, _steps(feature, sizes, spec)
    if spec.stored_as == StoredAs.sequence_example:
        odd = next((size for size in sizes if size != feature.dims), None)
        if odd is not None:
            return f"'{name}' has a step of {odd} values; each must have {feature.dims}"
    elif sum(sizes) % feature.dims:
        return f"'{name}' has {sum(sizes)} values; it must have {feature.dims} for each step"
    if feature.length:
        stated = example.context.feature[feature.length].int64_list.value[0]
        if stated != steps:
            return f"'{name}' has {steps} steps, and '{feature.length}' says {stated}; they must agree"
    return None


def _id_fault(example: SequenceExample, spec: RecordSpec) -> str | None:
    for name in sorted(spec.features):
        feature = spec.features[name]
        if feature.type not in (KINDS.tokens, KINDS.category):
            continue
        for value in _values(feature.feature, Stored(INT64, feature.type == KINDS.tokens), example, spec):
            wide = next((one for one in value.int64_list.value if one not in _INT32), None)
            if wide is not None:
                return f"'{feature.feature}' has the id {wide}; an id must fit 32 bits"
    return None


def _label_fault(steps: dict[str, int], example: SequenceExample, spec: RecordSpec) -> str | None:
    if spec.label.type != PER_STEP_CLASS:
        return None
    sizes = _sizes(spec.label.feature, example, spec)
    if sum(sizes) != steps[spec.label.of] or (spec.stored_as == StoredAs.sequence_example and set(sizes) - {1}):
        return f"'{spec.label.feature}' has {sum(sizes)} classes for {steps[spec.label.of]} steps of '{spec.label.of}'"
    return None


def _message(spec: RecordSpec) -> str:
    return "SequenceExample" if spec.stored_as == StoredAs.sequence_example else "Example"
