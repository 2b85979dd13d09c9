"""Files of raw records become a file of predictions."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.dataset_pb2 import Input
from schemas.errors import DataError
from schemas.formats.sources import Source, input_as, read_sources
from schemas.predictions import prediction_schema
from schemas.spec import cuts_records
from trainer.prediction.output import opened_output, plan_prediction
from trainer.prediction.predictor import Predictor, load
from trainer.prediction.progress import Watched, showing_progress
from trainer.prediction.remedies import remedies_of_predict, rows_with_options
from trainer.progress import say

_BAD_RECORDS_SHOWN = 20


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
      UsageError: See `plan_prediction`.
    """
    predictor = load(model_folder)
    given = input_as(predictor.manifest.spec.input, format, encoding)
    sources = plan_prediction(given, inputs, output)
    with remedies_of_predict():
        counts = _write(predictor, given, sources, Path(output))
    rejected = counts.reasons.total()
    if rejected > _BAD_RECORDS_SHOWN:
        say(f"... and {rejected - _BAD_RECORDS_SHOWN:,} more; each says why in its row of {output}")
    return {
        "output": str(output),
        "records": counts.records,
        "predicted": counts.rows - rejected,
        "rejected": rejected,
        "reasons": dict(sorted(counts.reasons.items())),
    }


def _write(predictor: Predictor, given: Input, sources: Sequence[Source], output: Path) -> "_Counts":
    counts, size = _Counts(sources), sum(source.bytes for source in sources)
    parts = read_sources(sources, given, predictor.raw_fields)
    schema = prediction_schema(predictor.manifest)
    unit = "pieces" if cuts_records(predictor.manifest.spec) else "records"
    with opened_output(output, schema) as write, showing_progress(size, unit) as tell:
        for table in map(rows_with_options, predictor.predict_parts(parts, Watched(tell))):
            write(table)
            counts.add(table)
        if not counts.records:
            raise DataError(f"{sources[0].path}: holds no record, as all input; give files with one or more records")
    return counts


class _Counts:
    """What became of records; the first bad ones are shown."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._units = {source.path: source.reading.unit for source in sources}
        self.rows = 0
        self.records = 0
        self.reasons: Counter[str] = Counter()

    def add(self, table: pa.Table) -> None:
        """Counts the rows of a table."""
        self.rows += len(table)
        later = pc.sum(pc.greater(table["start"], 0)).as_py() if "start" in table.column_names else 0
        self.records += len(table) - (later or 0)
        if table["reason"].null_count == len(table):
            return
        bad = table.filter(table["reason"].is_valid()).select(["file", "line", "reason", "error"])
        for item in bad.slice(0, max(0, _BAD_RECORDS_SHOWN - self.reasons.total())).to_pylist():
            unit = self._units[item["file"]]
            place = f"{item['file']}, {unit} {item['line']:,}" if unit else item["file"]
            say(f"{place}: {item['reason']}: {item['error']}")
        self.reasons.update(bad["reason"].to_pylist())
