"""What every step of one run is told: the spec, the inputs cut into blocks, and the folders."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pipeline import files
from pipeline.blocks import Block, InputFile, plan_blocks
from pipeline.input_list import digest_of_list, dump_inputs, read_inputs
from pipeline.runners.identity import Submitter
from schemas.dataset_pb2 import DatasetSpec
from schemas.manifest import MANIFEST_NAME
from schemas.records.splits import split_names

SPEC_NAME = "spec.yaml"  # as the person wrote it
RUN_NAME = "run.json"  # what differs from run to run, and so is not in the manifest
STAGING = ".staging"
FEW_INPUTS = 1_000  # which the graph holds itself
SHARD_BYTES = 128 << 20  # 128 MiB: the upper end of what tf.data reads well


class TokenizerFile(NamedTuple):
    """The tokenizer of a sequence.

    Attributes:
      name: Of the sequence.
      path: As the spec says.
      sha256: Of its content.
    """

    name: str
    path: str
    sha256: str


class GivenFile(NamedTuple):
    """A file that states the entries of a vocabulary, or the classes.

    Attributes:
      name: Of the vocabulary; "label" for classes.
      path: As the spec says, or of the base of a span.
      sha256: Of its content.
      of_base: Whether it is the base's.
    """

    name: str
    path: str
    sha256: str
    of_base: bool = False


class Base(NamedTuple):
    """The span, or the data set outside, whose vocabularies, normalisation and buckets a span takes.

    Attributes:
      name: Of the span that made them; the run's own where it makes a span again that others took them from; of a data
        set outside its folder.
      path: Of the manifest that they are read from: that one's, or where it was removed, of another that took them.
      fingerprint: Of this manifest.
    """

    name: str
    path: str
    fingerprint: str

    @property
    def folder(self) -> str:
        """Of the data set that they are read from."""
        return self.path.removesuffix(f"/{MANIFEST_NAME}")


@dataclass(frozen=True)
class SpanRun:
    """What a run knows of the spans beside its own.

    Attributes:
      root: Folder of all spans; the data set of this one is `schemas.spans.names.span_path(name)` within it.
      name: Of the span.
      base: None where this span plans for itself and the others.
      extend: Most entries to add to each vocabulary of the base.
      known: Other spans that were published when the run began.
      note: What to tell of the base; empty: nothing that the person did not say.
    """

    root: str
    name: str
    base: Base | None = None
    extend: int = 0
    known: frozenset[str] = frozenset()
    note: str = ""


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
      spec_bytes: The resolved spec, serialised, because messages do not pickle everywhere.
      inputs: Sorted by path; only steps that name files know them, see `without_inputs`.
      fractions: Share of each split, for the records of files without one; empty where no hash decides.
      output: The data set's folder.
      run: Name of this run, different from that of any other.
      block_bytes: Size of a block.
      shard_bytes: Most bytes of a shard, on average over those of a split and bucket.
      max_rejected: Rejected records allowed: a count, or as a float a share of the records read.
      threads: Threads of a worker; more than 1 where the runner has only one.
      replace: Whether a data set that is there may be replaced.
      replaced: Which version of its manifest is there, see `pipeline.guards.publication`; None where nobody knows.
      spec_text: The spec as the person wrote it; empty where there is no such text.
      named_splits: Splits that inputs name.
      id_shares: Shares into which record ids are divided to look for those that occur again.
      tokenizers: Files that cut texts into subwords.
      given: Files that state vocabularies and classes; of a span with a base, those of the base.
      partitions: Of the keys of events, where the spec groups them; else 0.
      span: Of several; None where the data set stands alone.
      key: Name of a staging folder that a later run may go on from, see `pipeline.resuming.done`; empty where none may.
      accept_drift: Whether a span is published however far it is from its base.
      submitter: Refuses a worker that has other code than whoever submitted the job, as soon as that has the job.
      leased: Whether workers ask if the run still goes on, see `pipeline.guards.lease`.
      sets: Into which segments of very many blocks are gathered, see `pipeline.sharding.gathering`; 0: none are.
      inputs_path: Of a file that lists the inputs in place of `inputs`; empty where there is none.
      origins: Whether a file beside each input says where its lines came from, see `pipeline.origins`.
    """

    spec_bytes: bytes
    inputs: tuple[InputFile, ...]
    fractions: Mapping[str, float]
    output: str
    run: str
    block_bytes: int
    shard_bytes: int = SHARD_BYTES
    max_rejected: int | float = 0
    threads: int = 1
    replace: bool = False
    replaced: str | None = None
    spec_text: str = ""
    named_splits: frozenset[str] = frozenset()
    id_shares: int = 1
    tokenizers: tuple[TokenizerFile, ...] = ()
    given: tuple[GivenFile, ...] = ()
    partitions: int = 0
    span: SpanRun | None = None
    key: str = ""
    accept_drift: bool = False
    submitter: Submitter = field(default_factory=Submitter)
    leased: bool = False
    sets: int = 0
    inputs_path: str = ""
    origins: bool = False

    def __post_init__(self) -> None:
        """Says where a worker that has other code leaves why it refuses, and what it deletes to end the run."""
        object.__setattr__(self, "submitter", Submitter(self.failed, self.lease_path if self.leased else ""))

    @property
    def spec(self) -> DatasetSpec:
        """The resolved spec."""
        return DatasetSpec.FromString(self.spec_bytes)

    @property
    def splits(self) -> list[str]:
        """All splits; those that the records themselves decide on first, in the order of `split_names`."""
        shared = split_names(self.spec, self.fractions)
        return [*shared, *sorted(self.named_splits.difference(shared))]

    def blocks(self) -> list[Block]:
        """Returns the blocks of all inputs: a function of the files alone."""
        return plan_blocks(self.with_inputs().inputs, self.block_bytes)

    def without_inputs(self) -> "Job":
        """Returns what most steps are told: a thing of the same size for any number of files."""
        return replace(self, inputs=(), inputs_path="")

    def listed(self) -> "Job":
        """Returns what the other steps are told: of very many inputs the path of a list, which it writes."""
        if len(self.inputs) <= FEW_INPUTS:
            return self
        content = dump_inputs(self.inputs)
        path = files.join(self.staging, f"inputs-{digest_of_list(content)}.arrow")
        files.write(path, content)
        return replace(self, inputs=(), inputs_path=path)

    def with_inputs(self) -> "Job":
        """Returns a job that is `listed` with its inputs."""
        return replace(self, inputs=read_inputs(self.inputs_path), inputs_path="") if self.inputs_path else self

    @property
    def staging(self) -> str:
        """Folder of what only this run needs."""
        return files.join(self.output, STAGING, self.key or self.run)

    @property
    def failed(self) -> str:
        """Folder of what a failed run has to tell."""
        return files.join(self.output, "failed", self.run)

    @property
    def lease_path(self) -> str:
        """Path of the file that says that this run goes on, see `pipeline.guards.lease`."""
        return files.join(self.staging, f"goes-on-{self.run}")

    def staged_path(self, block: int, part: int = 0, consumed: int = 0) -> str:
        """Path of the validated examples of a part of a block.

        Args:
          block: Number of the block.
          part: Its place in the block.
          consumed: Bytes of the block's files that were read by then, for whoever watches the run.
        """
        return files.join(self.staging, "blocks", f"{_part_name(block, part)}-{consumed}.arrow")

    def events_path(self, block: int, part: int, consumed: int) -> str:
        """Path of the events of a part of a block; `consumed` as of `staged_path`."""
        return files.join(self.staging, "events", f"{_part_name(block, part)}-{consumed}.arrow")

    def tokens_path(self, block: int, part: int = 0) -> str:
        """Path of the token counts of a part of a block."""
        return files.join(self.staging, "tokens", f"{_part_name(block, part)}.arrow")

    def ids_path(self, block: int, part: int = 0) -> str:
        """Path of the record ids of a part of a block."""
        return files.join(self.staging, "ids", f"{_part_name(block, part)}.arrow")

    def left_out_path(self, share: int) -> str:
        """Path of the records of one share of the ids that have the id of an earlier one."""
        return files.join(self.staging, "repeated", f"share-{share:03d}.arrow")

    def unique_path(self, block: int, part: int = 0) -> str:
        """Path of the validated examples of a part of a block, without those of repeated ids."""
        return files.join(self.staging, "unique", f"{_part_name(block, part)}.arrow")

    def counted_path(self, task: int) -> str:
        """Path of what a counting task leaves."""
        return files.join(self.staging, "counted", f"task-{task:05d}.arrow")

    def segment_path(self, block: int, part: int = 0) -> str:
        """Path of the encoded records of a part of a block."""
        return files.join(self.staging, "segments", _part_name(block, part))

    def gathered_path(self, number: int) -> str:
        """Path of the gathered segments of a set."""
        return files.join(self.staging, "gathered", f"set-{number:05d}")

    def unfinished_path(self, shard: int) -> str:
        """Path of a shard that is not yet whole."""
        return files.join(self.staging, "shards", f"shard-{shard:07d}")

    def rejected_path(self, block: int, step: str, part: int = 0) -> str:
        """Path of the records of a part of a block that a step rejected."""
        return files.join(self.staging, "rejected", f"{_part_name(block, part)}-{step}.jsonl")


def numbered_blocks(_: bytes, job: Job) -> list[tuple[int, Block]]:
    """Returns all blocks of a run, each with its number, to be spread over the workers."""
    return [(block.index, block) for block in job.blocks()]


def _part_name(block: int, part: int) -> str:
    return f"block-{block:07d}-{part:05d}"
