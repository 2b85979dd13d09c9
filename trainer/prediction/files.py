"""Files of raw records become a file of predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schemas.formats.sources import input_as
from schemas.predictions import prediction_schema
from schemas.spec import cuts_records
from trainer.prediction.output import plan_rows
from trainer.prediction.predictor import load
from trainer.prediction.writing import Work, write_rows


def predict_files(
    model_folder: str | Path, inputs: Sequence[str], output: str | Path, format: str = "", encoding: str = ""
) -> dict[str, Any]:
    """Writes a row for each record of some files, in order; the file appears whole.

    Where the spec cuts records up, each piece has a row.

    Args:
      model_folder: The model.
      inputs: Paths, folders and patterns of raw records, in any input format.
      output: Ends in .jsonl or .parquet.
      format: Of the input, where it is another than the spec and the suffixes say.
      encoding: Likewise.

    Returns:
      {"output", "records", "predicted", "rejected", "reasons"}: of the records read; rows with a
      prediction; rows with an error, by reason.

    Raises:
      DataError: The model or the input cannot be used, or the output cannot be written.
      UsageError: See `plan_rows`.
    """
    predictor = load(model_folder)
    manifest = predictor.manifest
    given = input_as(manifest.spec.input, format, encoding)
    sources = plan_rows(given, inputs, output)
    unit = "pieces" if cuts_records(manifest.spec) else "records"
    work = Work("predict", unit, predictor.raw_fields, prediction_schema(manifest), predictor.predict_parts)
    counts = write_rows(work, given, sources, Path(output))
    return {"output": str(output), "records": counts.records, "predicted": counts.answered, **counts.refused}
