"""Raw records become examples: checked against the spec, tokenised, identified, cut to length."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import DatasetSpec, Missing, SequenceType
from schemas.formats.explain import MISSING_FIELD
from schemas.formats.fields import EVENT_TIME, ID, LABEL, SPLIT, time_field
from schemas.formats.raw import RawBlock
from schemas.formats.rejected import Rejected, excerpt
from schemas.manifest import missing_feature, since_feature, sizes_feature
from schemas.ragged import Int64s, Ragged
from schemas.records.event_time import read_event_time
from schemas.records.examples import ExampleBlock, Parents
from schemas.records.identity import content_ids
from schemas.records.labels import KnownClasses, read_context, read_label, reject_unknown
from schemas.records.lengths import (
    Pieces,
    apply_length_rules,
    check_alignment,
    pieces_of,
    steps_left_out,
)
from schemas.records.missing import fill_from_records, missing_flags
from schemas.records.nested import Nested
from schemas.records.nulls import nulls
from schemas.records.series import read_series
from schemas.records.since import read_times, seconds_since
from schemas.records.splits import read_split
from schemas.records.subwords import Subwords
from schemas.records.tokens import derive_tokens, read_tokens
from schemas.records.verdicts import Mask, Verdicts
from schemas.spec import cuts_records, leaders


@dataclass(frozen=True)
class _Content:
    """What records hold, one row each: see `ExampleBlock`; `times` of series in microseconds since 1970 UTC."""

    sequences: dict[str, Ragged]
    beside: dict[str, Ragged]
    context: dict[str, pa.Array]
    label: pa.Array | Ragged | None
    split_by: pa.Array | None
    times: dict[str, Ragged]

    def filter(self, keep: Mask) -> "_Content":
        mask = pa.array(keep)
        label = self.label
        return _Content(
            sequences={name: sequence.filter(keep) for name, sequence in self.sequences.items()},
            beside={name: sequence.filter(keep) for name, sequence in self.beside.items()},
            context={name: column.filter(mask) for name, column in self.context.items()},
            label=label.filter(keep)
            if isinstance(label, Ragged)
            else label.filter(mask)
            if label is not None
            else None,
            split_by=None if self.split_by is None else self.split_by.filter(mask),
            times={name: times.filter(keep) for name, times in self.times.items()},
        )


def validate(
    block: RawBlock,
    spec: DatasetSpec,
    subwords: Mapping[str, Subwords] | None = None,
    classes: KnownClasses | None = None,
) -> ExampleBlock:
    """Returns the examples of a block of raw records.

    Args:
      block: Raw records with the columns of `fields_of(spec)`, with or without the label's.
      spec: A resolved spec.
      subwords: By name, of each sequence that is cut by a tokenizer file.
      classes: Those that a label must be one of; None: any.
    """
    verdicts = Verdicts(len(block.offsets))
    for wanted in block.fields:
        if wanted.required:
            verdicts.reject(nulls(block.columns[wanted.name]), MISSING_FIELD, f"'{wanted.name}' must have a value")
    content = _read(block, spec, verdicts, subwords or {})
    lengths = {name: sequence.lengths for name, sequence in content.sequences.items()}
    check_alignment(lengths, spec, verdicts)
    apply_length_rules(lengths, spec, verdicts)
    if classes is not None and content.label is not None:
        reject_unknown(content.label, classes, verdicts)
    keep = verdicts.open
    kept = content.filter(keep)
    ids = _ids(block, kept, keep)
    kept = _filled(kept, spec)
    pieces = {name: pieces_of(name, kept.sequences[name].lengths, spec) for name in leaders(spec)}
    examples = ExampleBlock(
        ids=ids,
        offsets=block.offsets[keep],
        lines=block.lines[keep],
        sequences=kept.sequences,
        beside=kept.beside,
        context=kept.context,
        label=kept.label,
        cut_steps={},
        split_by=kept.split_by,
        parents=None,
        records=len(ids),
        rejected=block.rejected + rejections(block, verdicts),
        dropped=Counter(verdicts.policies[i] for i in verdicts.policy_of if i >= 0),
        line_count=block.line_count,
    )
    return _cut(examples, pieces, spec)


def judge(
    block: RawBlock, spec: DatasetSpec, verdicts: Verdicts, subwords: Mapping[str, Subwords] | None = None
) -> None:
    """Rejects the records of a block whose values are not what the spec says, whatever their lengths."""
    _read(block, spec, verdicts, subwords or {})


def _read(block: RawBlock, spec: DatasetSpec, verdicts: Verdicts, subwords: Mapping[str, Subwords]) -> _Content:
    sequences: dict[str, Ragged] = {}
    times = {}
    for name, feature in sorted(spec.sequences.items()):
        if feature.HasField("derive"):
            continue
        if feature.type == SequenceType.tokens:
            sequences[name] = read_tokens(name, block.columns[name], feature, verdicts, subwords)
            continue
        sequences[name] = read_series(name, block.columns, feature, verdicts)
        if feature.HasField("time"):
            steps = sequences[name].lengths
            times[name] = read_times(name, block.columns[time_field(name)], feature, steps, verdicts)
    for name, feature in sorted(spec.sequences.items()):
        if feature.HasField("derive"):
            sequences[name] = derive_tokens(sequences[feature.derive.of], feature.derive)
    label = read_label(block.columns[LABEL], spec, sequences, verdicts) if LABEL in block.columns else None
    context = read_context(block.columns, spec, verdicts)
    split_by = read_split(block.columns[SPLIT], spec, verdicts) if SPLIT in block.columns else None
    if EVENT_TIME in block.columns:
        read_event_time(block.columns[EVENT_TIME], spec, verdicts)
    return _Content(sequences, {}, context, label, split_by, times)


def _filled(content: _Content, spec: DatasetSpec) -> _Content:
    """Returns series with their missing numbers filled, and beside them which were missing and the times between."""
    sequences, beside = dict(content.sequences), dict(content.beside)
    for name, sequence in content.sequences.items():
        if isinstance(sequence, Nested):
            beside[sizes_feature(name)] = sequence.sizes
    for name, feature in spec.sequences.items():
        if feature.type == SequenceType.series and feature.missing != Missing.reject:
            beside[missing_feature(name)] = missing_flags(sequences[name])
            sequences[name] = fill_from_records(sequences[name], feature)
    beside |= {since_feature(name): seconds_since(times) for name, times in content.times.items()}
    return replace(content, sequences=sequences, beside=beside)


def _cut(examples: ExampleBlock, pieces: dict[str, Pieces], spec: DatasetSpec) -> ExampleBlock:
    """Returns the examples with the steps that they are to have; where records are cut up, one for each piece."""
    wanted = {name: pieces[spec.sequences[name].aligned_with or name] for name in examples.sequences}
    lengths = {name: sequence.lengths for name, sequence in examples.sequences.items()}
    label = examples.label
    if isinstance(label, Ragged):
        label = _steps(label, wanted[spec.label.of])
    cut = replace(
        examples,
        sequences={name: _steps(sequence, wanted[name]) for name, sequence in examples.sequences.items()},
        beside={name: _steps(values, wanted[name.split("/")[0]]) for name, values in examples.beside.items()},
        label=label,
        cut_steps={name: steps_left_out(wanted[name], lengths[name]) for name in lengths},
    )
    return _one_each(cut, next(iter(pieces.values()))) if cuts_records(spec) else cut


def _steps(sequence: Ragged, pieces: Pieces) -> Ragged:
    """Returns the steps of each example, from those of each record."""
    record = pieces.record
    whole = len(record) == len(sequence.offsets) - 1 and bool((pieces.stop - pieces.start == sequence.lengths).all())
    return sequence if whole else sequence.slices(record, pieces.start, pieces.stop)


def _one_each(examples: ExampleBlock, pieces: Pieces) -> ExampleBlock:
    """Returns what stands once for each record, once for each of its pieces."""
    record: Int64s = pieces.record
    rows = pa.array(record)
    number = np.arange(len(record)) - np.searchsorted(record, record, side="left")
    parents = examples.ids.take(rows)
    label = examples.label
    return replace(
        examples,
        ids=pc.binary_join_element_wise(parents, pc.cast(pa.array(number), pa.string()), "#"),
        offsets=examples.offsets[record],
        lines=examples.lines[record],
        context={name: column.take(rows) for name, column in examples.context.items()},
        label=label if label is None or isinstance(label, Ragged) else label.take(rows),
        split_by=None if examples.split_by is None else examples.split_by.take(rows),
        parents=Parents(parents, pieces.start),
    )


def _ids(block: RawBlock, kept: _Content, keep: Mask) -> pa.StringArray:
    mask = pa.array(keep)
    given = block.columns[ID].filter(mask) if ID in block.columns else None
    if given is not None and not given.null_count:
        return given
    ids = content_ids(_content(block, kept, mask))
    return ids if given is None else pc.coalesce(given, ids)


def _content(block: RawBlock, kept: _Content, mask: pa.Array) -> list[Ragged | pa.Array]:
    """Returns what identifies a record: text as it came and series before they are filled, so that no rule changes it.

    The frames of a series are followed by their times.
    """
    content: list[Ragged | pa.Array] = []
    for name, sequence in sorted(kept.sequences.items()):
        if pa.types.is_floating(sequence.values.type):
            content += [sequence, *([kept.times[name]] if name in kept.times else [])]
        elif name in block.columns:
            content.append(block.columns[name].filter(mask))
    return content


def rejections(block: RawBlock, verdicts: Verdicts) -> list[Rejected]:
    """Returns the records of a block that a rule rejects."""
    rejected = []
    for i in np.flatnonzero(verdicts.rule_of >= 0):
        reason, rule = verdicts.broken_by(int(i))
        if reason == MISSING_FIELD:
            reason, rule = block.explain(int(i))
        place = int(block.offsets[i]), int(block.lines[i])
        rejected.append(Rejected("", *place, reason, rule, excerpt(block.received(int(i)))))
    return rejected
