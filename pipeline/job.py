"""What every step of one run is told: the spec, the inputs cut into blocks, and the folders."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline import files
from schemas.dataset_pb2 import DatasetSpec
from schemas.records.blocks import byte_ranges
from schemas.records.formats import JSONL
from schemas.records.identity import split_order

SPEC_NAME = "spec.yaml"  # as the person wrote it
RUN_NAME = "run.json"  # what differs from run to run, and so is not in the manifest
SHARD_BYTES = 64 << 20  # 64 MiB: large enough for tf.data to read fast, and every thread holds one whole


@dataclass(frozen=True)
class InputFile:
    """One file to read.

    Attributes:
      path: As matched.
      bytes: Its size.
      split: The split of all its records; empty where the fractions decide.
      format: As `schemas.records.formats` names it.
    """

    path: str
    bytes: int
    split: str
    format: str = JSONL


@dataclass(frozen=True)
class Block:
    """One range of one file.

    Attributes:
      index: Of the block in the run.
      path: Of the file.
      start: First byte.
      end: The byte behind the last.
      split: As of the file.
    """

    index: int
    path: str
    start: int
    end: int
    split: str


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
      spec_bytes: The resolved spec, serialised, because messages do not pickle everywhere.
      inputs: Sorted by path.
      fractions: Share of each split, for the records of files without one.
      output: The data set's folder.
      run: Name of this run, different from that of any other.
      block_bytes: Size of a block.
      shard_bytes: Most bytes of a shard, on average over those of a split and bucket.
      max_rejected: Rejected records allowed: a count, or as a float a share of the records read.
      threads: Threads of a worker; more than 1 where the runner has only one.
      replace: Whether a data set that is there may be replaced.
      spec_text: The spec as the person wrote it; empty where there is no such text.
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
    spec_text: str = ""

    @property
    def spec(self) -> DatasetSpec:
        """The resolved spec."""
        return DatasetSpec.FromString(self.spec_bytes)

    @property
    def splits(self) -> list[str]:
        """All splits; those of the fractions first, in the order of `assign_splits`."""
        named = sorted({file.split for file in self.inputs if file.split})
        shared = split_order(self.fractions)
        return [*shared, *(name for name in named if name not in shared)]

    def blocks(self) -> list[Block]:
        """Returns the blocks of all inputs: a function of their sizes alone."""
        ranges = [(file, *ends) for file in self.inputs for ends in byte_ranges(file.bytes, self.block_bytes)]
        return [Block(i, file.path, start, end, file.split) for i, (file, start, end) in enumerate(ranges)]

    @property
    def staging(self) -> str:
        """Folder of what only this run needs."""
        return files.join(self.output, ".staging", self.run)

    @property
    def failed(self) -> str:
        """Folder of what a failed run has to tell."""
        return files.join(self.output, "failed", self.run)

    def staged_path(self, block: int) -> str:
        """Path of the validated examples of a block."""
        return files.join(self.staging, "blocks", f"block-{block:07d}.arrow")

    def tokens_path(self, block: int) -> str:
        """Path of the token counts of a block."""
        return files.join(self.staging, "tokens", f"block-{block:07d}.arrow")

    def counted_path(self, task: int) -> str:
        """Path of what a counting task leaves."""
        return files.join(self.staging, "counted", f"task-{task:05d}.arrow")

    def segment_path(self, block: int) -> str:
        """Path of the encoded records of a block."""
        return files.join(self.staging, "segments", f"block-{block:07d}")

    def unfinished_path(self, shard: int) -> str:
        """Path of a shard that is not yet whole."""
        return files.join(self.staging, "shards", f"shard-{shard:07d}")

    def rejected_path(self, block: int, step: str) -> str:
        """Path of the records of a block that a step rejected."""
        return files.join(self.staging, "rejected", f"block-{block:07d}-{step}.jsonl")
