"""From what a person typed to a job: patterns become files, the output is checked."""

import datetime
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace as replaced
from typing import Any

from pipeline import files
from pipeline.blocks import InputFile
from pipeline.failure import told_of
from pipeline.guards.publication import version_of
from pipeline.job import RUN_NAME, SHARD_BYTES, SPEC_NAME, GivenFile, Job, TokenizerFile
from pipeline.origins import check_have_lines, without_origins
from pipeline.sharding.gathering import sets_of
from pipeline.spans.published import span_folder
from pipeline.spans.request import (
    SpanPlan,
    SpanRequest,
    check_root,
    check_same_fractions,
    check_same_plan,
    plan_span,
)
from pipeline.subwords import find_tokenizers
from pipeline.vocabulary.given import find_given
from schemas.dataset_pb2 import DatasetSpec, Input, SplitBy
from schemas.errors import DataError, UsageError
from schemas.formats.blocks import BLOCK_BYTES
from schemas.formats.fields import raw_fields_of
from schemas.formats.matching import check_folder, check_matched
from schemas.formats.readers import starts_of
from schemas.formats.reading import CSV, TEXT_FILES, TSV, reading_of
from schemas.formats.signatures import check_beginning
from schemas.manifest import MANIFEST_NAME
from schemas.records.splits import decided_splits
from schemas.spec import DEFAULT_FRACTIONS, TRAIN, VALIDATION, check_split_name, resolve

_SAYS_SPLITS = {
    SplitBy.hash: "split.fractions",
    SplitBy.group: "split.fractions",
    SplitBy.field: "split.names",
    SplitBy.time: "split.before or split.otherwise",
}
# Each holds its part of every block: with more of them what is read at a time is too small, with fewer of them what is
# sorted at a time too large.
MOST_PARTITIONS = 1_024
MOST_ID_SHARES = 256  # each reads of every block; of 1 TB with 10^10 records one holds some 40 million digests, 1 GB
_ID_SHARE_BYTES = 512 << 20  # of input; of very short records some 5 million, whose digests take 80 MB
_NAMED = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)=(.*)", re.DOTALL)


def plan_job(
    spec: DatasetSpec,
    inputs: Sequence[str],
    output: str,
    *,
    replace: bool = False,
    max_rejected: int | float = 0,
    threads: int = 1,
    spec_text: str = "",
    block_bytes: int = BLOCK_BYTES,
    shard_bytes: int = SHARD_BYTES,
    span: SpanRequest | None = None,
    accept_drift: bool = False,
    origins: bool = False,
) -> Job:
    """Returns the run that these settings mean; reads the list of files, large CSV files, files of the spec.

    Args:
      spec: A spec; what it does not say is filled in.
      inputs: Patterns, each `PATTERN` or `SPLIT=PATTERN`.
      output: Folder of the data set; with `span` that of all spans.
      replace: Whether a data set that is there may be replaced.
      max_rejected: Rejected records allowed: a count, or as a float a share.
      threads: Threads of a worker; more than 1 where the runner has only one.
      spec_text: The spec as the person wrote it, kept beside the data set.
      block_bytes: Size of a block.
      shard_bytes: Size that a shard aims at.
      span: Of several in the output; whether it is published already, `pipeline.spans.unchanged` finds out.
      accept_drift: Whether the span is published however far it is from its base.
      origins: Whether a file beside each input says where its lines came from.

    Raises:
      UsageError, DataError: A setting means nothing; the input, a file of the spec or the base cannot be used.
    """
    raw_fields_of(spec := resolve(spec))
    folder, plan = _place(output, span, replace)
    found = cut_files(match_inputs(inputs, spec.input, origins), spec.input, block_bytes)
    named, size = {file.split for file in found}, sum(file.bytes for file in found)
    fractions, given, tokenizers = _shared(spec, plan, named)
    job = Job(
        spec_bytes=spec.SerializeToString(deterministic=True),
        inputs=tuple(found),
        fractions=fractions,
        output=folder,
        run=run_name(),
        block_bytes=block_bytes,
        shard_bytes=shard_bytes,
        max_rejected=max_rejected,
        replace=replace,
        replaced=version_of(files.join(folder, MANIFEST_NAME)) if replace else None,
        threads=threads,
        spec_text=spec_text,
        named_splits=frozenset(named - {""}),
        tokenizers=tokenizers,
        given=given,
        span=plan.run if plan else None,
        accept_drift=accept_drift,
        origins=origins,
    )
    return _sized(job, size, spec.HasField("group"))


def _sized(job: Job, size: int, grouped: bool) -> Job:
    """Returns a run with the parts in which it works: functions of the bytes of its input alone."""
    return replaced(
        job,
        id_shares=id_shares_of(size),
        partitions=partitions_of(size, job.block_bytes) if grouped else 0,
        sets=0 if grouped else sets_of(size, job.block_bytes),
    )


def _place(output: str, span: SpanRequest | None, replace: bool) -> tuple[str, SpanPlan | None]:
    """Returns the folder of the data set, and what is planned for it where it is one of several spans."""
    root = output.rstrip("/") or output
    check_root(root, span)
    folder, plan = (span_folder(root, span.name), plan_span(span, root)) if span else (root, None)
    check_output(folder, replace or plan is not None)
    return folder, plan


def _shared(
    spec: DatasetSpec, plan: SpanPlan | None, named: set[str]
) -> tuple[Mapping[str, float], tuple[GivenFile, ...], tuple[TokenizerFile, ...]]:
    """Returns how records are shared out, and files of vocabularies and tokenizers; a span's must go with its base."""
    given, tokenizers = find_given(spec), find_tokenizers(spec)
    if plan is None or plan.manifest is None:
        return split_fractions(spec, named), given, tokenizers
    given = check_same_plan(spec, plan, given, tokenizers)
    fractions = split_fractions(spec, named, has_base=True)
    before = split_fractions(spec, {file.split for file in plan.manifest.inputs}, has_base=True)
    check_same_fractions(fractions, before, named, plan)
    return fractions, given, tokenizers


def partitions_of(size: int, block_bytes: int) -> int:
    """Returns in how many partitions of their keys events are grouped: a function of the input's bytes alone."""
    return min(MOST_PARTITIONS, max(1, -(-size // block_bytes)))


def id_shares_of(size: int) -> int:
    """Returns in how many shares record ids are looked at: a function of the input's bytes alone."""
    return min(MOST_ID_SHARES, 1 + size // _ID_SHARE_BYTES)


def match_inputs(inputs: Sequence[str], given: Input | None = None, origins: bool = False) -> list[InputFile]:
    """Returns the files that patterns match, sorted by path, each once, whatever names it has.

    Args:
      inputs: Patterns, each `PATTERN` or `SPLIT=PATTERN`; a folder means the files below it.
      given: What the spec says of the input; None: nothing.
      origins: Whether files of origins lie among them, which are no input.

    Raises:
      UsageError: A pattern that is empty or matches no file, a format that is not read, or one whose lines have no
        origins, or a file that is given to two splits.
      DataError: All files are empty.
    """
    if not inputs:
        raise UsageError("--input: names no file; say --input [SPLIT=]PATTERN")
    found: dict[str, InputFile] = {}
    matched = sorted((file for text in inputs for file in _match(text, given, origins)), key=lambda file: file.path)
    for identity, file in zip(files.identities(file.path for file in matched), matched, strict=True):
        known = found.setdefault(identity, file)
        if known.split != file.split:
            splits = " and ".join(sorted(repr(split) for split in (known.split, file.split)))
            raise UsageError(f"{file.path}: is given to the splits {splits}; name it once")
    distinct = list(found.values())
    if origins:
        check_have_lines(distinct)
    if not any(file.bytes or file.reading.format == TEXT_FILES for file in distinct):
        raise DataError(f"{distinct[0].path}: is empty (0 bytes), as is all input; check what should write it")
    return distinct


def cut_files(found: Sequence[InputFile], given: Input, block_bytes: int) -> list[InputFile]:
    """Returns the files with the positions at which each can be read apart; reads CSV files, for these.

    Raises:
      DataError: A file cannot be read, or cannot be cut into records.
    """
    return [file._replace(starts=_starts(file, given, block_bytes)) for file in found]


def _starts(file: InputFile, given: Input, block_bytes: int) -> tuple[int, ...]:
    if file.reading.format not in {CSV, TSV} or file.bytes <= block_bytes:
        return ()
    with files.reading(file.path) as stream, told_of(file.path):
        check_beginning(stream, file.reading)
        return starts_of(stream, file.bytes, file.reading, given, block_bytes)


def split_fractions(spec: DatasetSpec, named: set[str], has_base: bool = False) -> Mapping[str, float]:
    """Returns how the records of files without a split of their own are shared out; empty where no hash decides.

    Files given as `train=` count as such: `train` is what is left for training, and 10 % of it
    are held out for validation unless an input or the spec says otherwise. Where a field or a time
    decides, they are all for training.

    Args:
      spec: A resolved spec.
      named: Splits of the input files; empty for those without.
      has_base: Whether it is for a span that takes all plans from another one, and so needs no file for training.

    Raises:
      UsageError: An input and the spec both decide on one split.
    """
    fractions = dict(spec.split.fractions)
    others = named - {"", TRAIN}
    decided = decided_splits(spec)
    both = others & {*fractions, *decided}
    if both:
        name, field = min(both), _SAYS_SPLITS[spec.split.by]
        raise UsageError(f"split '{name}' comes from --input {name}= and from {field} in the spec; remove one")
    if named and others == named and not has_base:
        given = ", ".join(f"{name}=" for name in sorted(others))
        raise UsageError(f"--input: no file is for training, only {given}; say {TRAIN}= or no split for some")
    if fractions or decided:
        return fractions
    return {TRAIN: 1.0} if VALIDATION in others else DEFAULT_FRACTIONS


def check_output(output: str, replace: bool) -> None:
    """Checks that a data set may be written to a folder.

    Raises:
      UsageError: It is no folder, or holds a data set that must not be replaced.
    """
    if not output:
        raise UsageError("--output: is empty; name the folder to write the data set to")
    published = files.exists(files.join(output, MANIFEST_NAME))
    if published and not replace:
        raise UsageError(f"{output}: holds a data set already; say --replace to replace it, or name another folder")
    if files.is_file(output):
        raise UsageError(f"{output}: is a file; --output must name a folder")
    for name in (SPEC_NAME, RUN_NAME):
        if not published and files.exists(files.join(output, name)):
            raise UsageError(f"{output}: holds a {name} that belongs to no data set there; name another folder")


def split_of(text: str) -> tuple[str, str]:
    """Returns the split, empty where none is named, and the pattern of `[SPLIT=]PATTERN`."""
    named = _NAMED.fullmatch(text)
    return (named[1], named[2]) if named else ("", text)


def _match(text: str, given: Input | None, origins: bool) -> list[InputFile]:
    split, pattern = split_of(text)
    if split:
        try:
            check_split_name(split, f"--input {text}")
        except DataError as error:
            raise UsageError(f"{error}; a path that holds '=' begins with './'") from None
    if not pattern:
        raise UsageError(f"--input {text!r}: names no file; say --input [SPLIT=]PATTERN")
    found = _below(pattern, given, origins) if files.is_folder(pattern) else files.match(pattern)
    if not found and files.may_be_folder(pattern):
        found = _below(pattern, given, origins)
    found = without_origins(found) if origins else found
    check_matched(pattern, [file.path for file in found])
    return [_input_file(file, split, given) for file in found]


def _input_file(file: Any, split: str, given: Input | None) -> InputFile:
    changed = float(file.last_updated_in_seconds) if files.tells_changes(file.path) else 0.0
    return InputFile(file.path, int(file.size_in_bytes), split, reading_of(file.path, given), changed=changed)


def _below(folder: str, given: Input | None, origins: bool) -> list[Any]:
    """Returns the files in a folder and in those within it: where the spec says the format, all of them."""
    found = without_origins(files.below(folder)) if origins else files.below(folder)
    check_folder(folder, [file.path for file in found], given)
    return found


def run_name() -> str:
    """Returns a name that sorts by time, and that no two runs share."""
    now = datetime.datetime.now(datetime.UTC)
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
