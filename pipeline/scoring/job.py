"""What every step of one scoring run is told: the records, the model and the folders."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

from pipeline import files
from pipeline.blocks import InputFile
from pipeline.guards.publication import version_of
from pipeline.inputs import cut_files, match_inputs, partitions_of, run_name
from pipeline.job import Job
from pipeline.scoring.model import ScoringModel, export_model
from schemas.errors import UsageError
from schemas.formats.blocks import BLOCK_BYTES
from schemas.formats.fields import fields_of, raw_fields_of
from schemas.formats.sources import FORMATS as INPUT_FORMATS
from schemas.formats.sources import input_as
from schemas.manifest import MANIFEST_NAME
from schemas.records.unlabelled import unlabelled_spec

RESULT_NAME = "predictions.json"
FORMATS = ("jsonl", "parquet")
Format = Literal["jsonl", "parquet"]
_NO_LIMIT = 1.0  # a share: all records
# What a folder must not hold, for its files would be taken for those of the predictions, or the other way round.
_OTHERS = {MANIFEST_NAME: "a data set or a model", "saved_model.pb": "an exported model"}


@dataclass(frozen=True)
class ScoringJob:
    """One scoring run.

    Attributes:
      job: The records, read as `run` reads them, with the spec of records to predict for.
      model: The model.
      output_format: Of the predictions.
      quiet: Whether what TensorFlow says of itself is kept from standard error, where a run shows its progress.
    """

    job: Job
    model: ScoringModel
    output_format: Format
    quiet: bool = False

    def without_inputs(self) -> "ScoringJob":
        """Returns what most steps are told: a thing of the same size for any number of files."""
        return replace(self, job=self.job.without_inputs())

    def listed(self) -> "ScoringJob":
        """Returns what the other steps are told, as `Job.listed` does."""
        return replace(self, job=self.job.listed())

    @property
    def result_path(self) -> str:
        """Path of what says which files the predictions are in; written last."""
        return files.join(self.job.output, RESULT_NAME)

    def staged_path(self, block: int, part: int, consumed: int) -> str:
        """Path of the predictions for a part of a block, or for a partition of the keys of events.

        Args:
          block: Number of the block or partition.
          part: Its place in the block.
          consumed: As of `Job.staged_path`.
        """
        name = f"block-{block:07d}-{part:05d}-{consumed}.{self.output_format}"
        return files.join(self.job.staging, "predictions", name)


def plan_scoring(
    model: ScoringModel,
    inputs: Sequence[str],
    output: str,
    *,
    output_format: str = "jsonl",
    format: str = "",
    encoding: str = "",
    replace: bool = False,
    max_rejected: int | float | None = None,
    threads: int = 1,
    block_bytes: int = BLOCK_BYTES,
) -> ScoringJob:
    """Returns the run that these settings mean.

    Args:
      model: As `open_model` returns it.
      inputs: Patterns of files of raw records.
      output: Folder of the predictions.
      output_format: Of the predictions: jsonl or parquet.
      format: Of the records, where it is another than the spec and the suffixes say.
      encoding: Likewise.
      replace: Whether predictions that are there may be replaced.
      max_rejected: Records allowed to have no prediction: a count, or as a float a share; None: any number.
      threads: Threads of a worker; more than 1 where the runner has only one.
      block_bytes: Size of a block.

    Raises:
      UsageError: A setting that cannot mean anything.
      DataError: The input is empty or cannot be read.
    """
    if output_format not in FORMATS:
        raise UsageError(f"--output_format {output_format}: is no format of predictions; say {' or '.join(FORMATS)}")
    spec = unlabelled_spec(model.manifest.spec)
    if format and format not in INPUT_FORMATS:
        raise UsageError(f"--format {format}: is none; choose one of {', '.join(INPUT_FORMATS)}")
    spec.input.CopyFrom(input_as(spec.input, format, encoding))
    check_scores_folder(output, replace)
    found = cut_files(_without_splits(match_inputs(inputs, spec.input)), spec.input, block_bytes)
    groups = spec.HasField("group")
    size = sum(file.bytes for file in found)
    _ = raw_fields_of(spec) if groups else fields_of(spec, for_training=False)
    job = Job(
        spec_bytes=spec.SerializeToString(deterministic=True),
        inputs=tuple(found),
        fractions={},
        output=output.rstrip("/") or output,
        run=run_name(),
        block_bytes=block_bytes,
        max_rejected=_NO_LIMIT if max_rejected is None else max_rejected,
        replace=replace,
        replaced=version_of(files.join(output, RESULT_NAME)) if replace else None,
        threads=threads,
        tokenizers=model.tokenizers,
        partitions=partitions_of(size, block_bytes) if groups else 0,
    )
    return ScoringJob(job, model, cast("Format", output_format))


def exported(scoring: ScoringJob) -> ScoringJob:
    """Returns a run whose model a worker can load; exports it into the run's staging folder where it is not.

    Raises:
      LengthwiseError: The model cannot be exported.
    """
    if scoring.model.is_exported:
        return scoring
    model = export_model(scoring.model, files.join(scoring.job.staging, "model"), scoring.job.inputs[0].path)
    return replace(scoring, model=model, job=replace(scoring.job, tokenizers=model.tokenizers))


def check_scores_folder(output: str, replace: bool) -> None:
    """Checks that predictions may be written to a folder.

    Raises:
      UsageError: It is no folder, or holds something else, or predictions that must not be replaced.
    """
    if not output:
        raise UsageError("--output: is empty; name the folder to write the predictions to")
    if files.is_file(output):
        raise UsageError(f"{output}: is a file; --output must name a folder")
    for name, what in _OTHERS.items():
        if files.exists(files.join(output, name)):
            raise UsageError(f"{output}: holds {what} ({name}); name another folder for the predictions")
    if not replace and files.exists(files.join(output, RESULT_NAME)):
        raise UsageError(f"{output}: holds predictions already; say --replace to replace them, or name another folder")


def _without_splits(found: list[InputFile]) -> list[InputFile]:
    """Refuses files that a split is named for, which means something only when a data set is written."""
    for file in found:
        if file.split:
            raise UsageError(
                f"--input {file.split}=…: names a split, which predictions have none of; leave out "
                f"'{file.split}=' (a path that holds '=' begins with './')"
            )
    return found
