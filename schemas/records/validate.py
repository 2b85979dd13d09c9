"""Raw records become examples: checked against the spec, tokenised, cut to length, identified."""

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import DatasetSpec, Empty, Layout, SequenceFeature, SequenceType, Tokenizer, TooLong
from schemas.records.explain import MISSING_FIELD, NOT_FINITE
from schemas.records.fields import ID, LABEL
from schemas.records.identity import content_ids
from schemas.records.ragged import Int64s, Ragged, count_in_rows, from_lists
from schemas.records.raw import RawBlock
from schemas.records.rejected import Rejected, excerpt
from schemas.records.text import lower, tokenize
from schemas.spec import NUMBER, PER_STEP_CLASS

NULL_VALUE = "null_value"
WRONG_DIMS = "wrong_dims"
EMPTY_SEQUENCE = "empty_sequence"
TOO_LONG = "too_long"
LABEL_LENGTH = "label_length"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ExampleBlock:
    """Validated examples, in the order of the input.

    Attributes:
      ids: string, (records,).
      offsets: int64, (records,); position of each record in its file.
      lines: int64, (records,); line of each record within its block, from 0.
      sequences: By name; dictionaries of strings of token sequences, float32 of series.
      label: string or float, (records,), of a class or number; Ragged dictionary of strings
        of per-step classes; None where there is no label.
      cut_steps: By name of the sequence: steps that max_length took off, int64, (records,).
      rejected: Records that are no examples.
      dropped: Records left out, by policy.
      line_count: Lines of the block, blank ones included.
    """

    ids: pa.StringArray
    offsets: Int64s
    lines: Int64s
    sequences: dict[str, Ragged]
    label: pa.Array | Ragged | None
    cut_steps: dict[str, Int64s]
    rejected: list[Rejected]
    dropped: Counter[str] = field(default_factory=Counter)
    line_count: int = 0

    def __len__(self) -> int:
        """Returns the number of examples."""
        return len(self.ids)

    @property
    def read(self) -> int:
        """Records read: examples, rejected and dropped."""
        return len(self) + len(self.rejected) + self.dropped.total()


@dataclass
class _Verdicts:
    """What becomes of each record: the first rule that it breaks decides."""

    count: int
    rules: list[tuple[str, str]] = field(default_factory=list)
    policies: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rule_of = np.full(self.count, -1)
        self.policy_of = np.full(self.count, -1)

    @property
    def open(self) -> Mask:
        return (self.rule_of < 0) & (self.policy_of < 0)

    def reject(self, broken: Mask, reason: str, rule: str) -> None:
        self.rule_of[broken & self.open] = len(self.rules)
        self.rules.append((reason, rule))

    def drop(self, meant: Mask, policy: str) -> None:
        self.policy_of[meant & self.open] = len(self.policies)
        self.policies.append(policy)


def validate(block: RawBlock, spec: DatasetSpec) -> ExampleBlock:
    """Returns the examples of a block of raw records.

    Args:
      block: Raw records with the columns of `fields_of(spec)`, with or without the label's.
      spec: A resolved spec.
    """
    verdicts = _Verdicts(len(block.offsets))
    for wanted in block.fields:
        if wanted.required:
            verdicts.reject(_nulls(block.columns[wanted.name]), MISSING_FIELD, f"'{wanted.name}' must have a value")
    sequences = {
        name: _sequence(name, block.columns[name], spec.sequences[name], verdicts) for name in sorted(spec.sequences)
    }
    label = _label(block.columns[LABEL], spec, sequences, verdicts) if LABEL in block.columns else None
    for name in sequences:
        _apply_length_rules(name, sequences[name].lengths, spec.sequences[name], verdicts)
    return _examples(block, spec, sequences, label, verdicts)


def _sequence(name: str, column: pa.Array, feature: SequenceFeature, verdicts: _Verdicts) -> Ragged:
    if feature.type == SequenceType.series:
        return _series(name, column, feature, verdicts)
    if feature.tokenizer != Tokenizer.none:
        return from_lists(tokenize(pc.fill_null(column, ""), feature))
    tokens = _checked_lists(name, column, verdicts)
    values = lower(tokens.values) if feature.lowercase else tokens.values
    return replace(tokens, values=values.dictionary_encode())


def _checked_lists(name: str, column: pa.Array, verdicts: _Verdicts) -> Ragged:
    lists = from_lists(_without_nulls(column))
    inside = _any_in_row(_nulls(lists.values), lists.offsets)
    verdicts.reject(inside, NULL_VALUE, f"'{name}' must hold no null")
    return replace(lists, values=pc.fill_null(lists.values, ""))


def _series(name: str, column: pa.Array, feature: SequenceFeature, verdicts: _Verdicts) -> Ragged:
    outer = from_lists(_without_nulls(column))
    dims = feature.dims
    if feature.layout == Layout.frames:
        missing = _any_in_row(_nulls(outer.values), outer.offsets)
        verdicts.reject(missing, NULL_VALUE, f"'{name}' must hold no null in place of a frame")
        inner = from_lists(_without_nulls(outer.values))
        wrong = _any_in_row(np.diff(inner.offsets) != dims, outer.offsets)
        verdicts.reject(wrong, WRONG_DIMS, f"every frame of '{name}' must hold {dims} numbers")
        values, offsets = inner.values, inner.offsets[outer.offsets]
    else:
        values, offsets = outer.values, outer.offsets
        wrong = np.diff(offsets) % dims != 0
        verdicts.reject(wrong, WRONG_DIMS, f"'{name}' must hold a multiple of {dims} numbers")
    verdicts.reject(_any_in_row(_nulls(values), offsets), NULL_VALUE, f"'{name}' must hold no null")
    with np.errstate(over="ignore"):
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float32)
    infinite = _any_in_row(~np.isfinite(numbers), offsets)
    verdicts.reject(infinite, NOT_FINITE, f"every number of '{name}' must be finite as a 32-bit float")
    return Ragged(pa.array(numbers), offsets, dims)


def _label(column: pa.Array, spec: DatasetSpec, sequences: dict[str, Ragged], verdicts: _Verdicts) -> pa.Array | Ragged:
    if spec.label.type == NUMBER:
        with np.errstate(over="ignore"):
            numbers = column.to_numpy(zero_copy_only=False).astype(np.float32)
        verdicts.reject(~np.isfinite(numbers), NOT_FINITE, "the label must be finite as a 32-bit float")
        return pa.array(numbers)
    if spec.label.type != PER_STEP_CLASS:
        return column
    labels = _checked_lists(LABEL, column, verdicts)
    wrong = labels.lengths != sequences[spec.label.of].lengths
    verdicts.reject(wrong, LABEL_LENGTH, f"the label must have as many steps as '{spec.label.of}'")
    return replace(labels, values=labels.values.dictionary_encode())


def _apply_length_rules(name: str, lengths: Int64s, feature: SequenceFeature, verdicts: _Verdicts) -> None:
    if feature.empty == Empty.drop:
        verdicts.drop(lengths == 0, f"empty {name}")
    elif feature.empty == Empty.reject:
        rule = f"'{name}' must have one step or more; say `empty: keep` or `empty: drop` in the spec to allow none"
        verdicts.reject(lengths == 0, EMPTY_SEQUENCE, rule)
    if feature.HasField("max_length"):
        longer = lengths > feature.max_length
        if feature.too_long == TooLong.drop:
            verdicts.drop(longer, f"too long {name}")
        elif feature.too_long == TooLong.reject:
            verdicts.reject(longer, TOO_LONG, f"'{name}' must have at most {feature.max_length} steps")


def _examples(
    block: RawBlock,
    spec: DatasetSpec,
    sequences: dict[str, Ragged],
    label: pa.Array | Ragged | None,
    verdicts: _Verdicts,
) -> ExampleBlock:
    keep = verdicts.open
    mask = pa.array(keep)
    kept = {name: sequence.filter(keep) for name, sequence in sequences.items()}
    label = label.filter(keep) if isinstance(label, Ragged) else label.filter(mask) if label is not None else None
    ids = _ids(block, kept, mask)
    cut = {name: _truncate(kept[name], spec.sequences[name]) for name in kept}
    if isinstance(label, Ragged):
        label = _truncate(label, spec.sequences[spec.label.of])
    return ExampleBlock(
        ids=ids,
        offsets=block.offsets[keep],
        lines=block.lines[keep],
        sequences=cut,
        label=label,
        cut_steps={name: kept[name].lengths - cut[name].lengths for name in kept},
        rejected=block.rejected + _rejected(block, verdicts),
        dropped=Counter(verdicts.policies[i] for i in verdicts.policy_of if i >= 0),
        line_count=block.line_count,
    )


def _ids(block: RawBlock, sequences: dict[str, Ragged], mask: pa.Array) -> pa.StringArray:
    given = block.columns[ID].filter(mask) if ID in block.columns else None
    if given is not None and not given.null_count:
        return given
    ids = content_ids(_content(block, sequences, mask))
    return ids if given is None else pc.coalesce(given, ids)


def _content(block: RawBlock, sequences: dict[str, Ragged], mask: pa.Array) -> list[Ragged | pa.Array]:
    """Returns what identifies a record: text as it came, so that no text rule changes an id."""
    return [
        sequence if pa.types.is_floating(sequence.values.type) else block.columns[name].filter(mask)
        for name, sequence in sorted(sequences.items())
    ]


def _truncate(sequence: Ragged, feature: SequenceFeature) -> Ragged:
    if not feature.HasField("max_length") or sequence.lengths.max(initial=0) <= feature.max_length:
        return sequence
    if feature.too_long == TooLong.truncate_head:
        return sequence.tail(feature.max_length)
    return sequence.head(feature.max_length)


def _rejected(block: RawBlock, verdicts: _Verdicts) -> list[Rejected]:
    rejected = []
    for i in np.flatnonzero(verdicts.rule_of >= 0):
        received = block.received(int(i))
        reason, rule = verdicts.rules[verdicts.rule_of[i]]
        if reason == MISSING_FIELD:
            reason, rule = block.explain(int(i))
        rejected.append(Rejected("", int(block.offsets[i]), int(block.lines[i]), reason, rule, excerpt(received)))
    return rejected


def _without_nulls(column: pa.ListArray) -> pa.ListArray:
    return pc.fill_null(column, pa.scalar([], column.type)) if column.null_count else column


def _nulls(column: pa.Array) -> Mask:
    mask: Mask = pc.is_null(column).to_numpy(zero_copy_only=False)
    return mask


def _any_in_row(flags: Mask, offsets: Int64s) -> Mask:
    """Whether any of the flags of each row is set; offsets as of `Ragged`."""
    any_set: Mask = count_in_rows(flags, offsets) > 0
    return any_set
