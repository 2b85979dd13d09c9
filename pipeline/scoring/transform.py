"""The whole graph of a scoring run on one screen."""

from collections.abc import Sequence

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference
from apache_beam.pvalue import AsList

from pipeline.analysis import MergeAnalyses
from pipeline.job import numbered_blocks
from pipeline.scoring.handler import EncodedModelHandler
from pipeline.scoring.job import ScoringJob, exported, plan_scoring
from pipeline.scoring.model import open_model
from pipeline.scoring.publish import PublishPredictions
from pipeline.scoring.read import EXAMPLES, ReadExamples
from pipeline.scoring.write import WRITTEN, WritePredictions
from pipeline.spread import Spread
from pipeline.stage import ANALYSES


class ScoreRecords(beam.PTransform):  # type: ignore[misc]  # Beam has no types
    """Raw records → published predictions: PBegin → PCollection of one dict, the content of predictions.json.

    Example:
      with beam.Pipeline(runner="FnApiRunner") as p:
          result = p | ScoreRecords("export", inputs=["new/*.jsonl"], output="scores")

    Composes with a pipeline of yours. What it stages under `output/.staging` is deleted by the
    `score` command; in a pipeline of your own delete it afterwards with `transform.scoring.job.staging`.

    Attributes:
      scoring: The run, with its inputs matched and its model exported when the transform was made.
    """

    def __init__(
        self,
        model: str = "",
        *,
        inputs: Sequence[str] = (),
        output: str = "",
        output_format: str = "jsonl",
        replace: bool = False,
        max_rejected: int | float | None = None,
        scoring: ScoringJob | None = None,
    ) -> None:
        """Reads what the model says of itself, matches the inputs, checks the output; exports a trained model.

        Args:
          model: Folder of an export, or of a trained model.
          inputs: Patterns of files of raw records.
          output: Folder of the predictions.
          output_format: Of the predictions: jsonl or parquet.
          replace: Whether predictions that are there may be replaced.
          max_rejected: Records allowed to have no prediction: a count, or as a float a share; None: any number.
          scoring: A run that is planned already, in place of all the others.

        Raises:
          UsageError: A pattern matches nothing, or the output holds something already.
          DataError: The model is not whole, or the input is empty.
        """
        super().__init__()
        if scoring is None:
            settings = {"output_format": output_format, "replace": replace, "max_rejected": max_rejected}
            scoring = plan_scoring(open_model(model), inputs, output, **settings)  # type: ignore[arg-type]
        self.scoring = exported(scoring)

    def expand(self, pbegin: beam.Pipeline) -> beam.PCollection:
        """Wires the steps."""
        scoring, step = self.scoring.listed(), self.scoring.without_inputs()
        blocks = pbegin | "Start" >> beam.Impulse() | "Blocks" >> beam.FlatMap(numbered_blocks, scoring.job)
        read = blocks | "Spread blocks" >> Spread() | "Read examples" >> ReadExamples(scoring.job)
        results = read[EXAMPLES] | "Predict" >> RunInference(EncodedModelHandler(step))
        written = results | "Write predictions" >> WritePredictions(step)
        analyses = (read[ANALYSES], written[ANALYSES]) | "Analyses" >> beam.Flatten()
        merged = analyses | "Merge analyses" >> beam.CombineGlobally(MergeAnalyses()).without_defaults()
        return merged | "Publish predictions" >> PublishPredictions(scoring, AsList(written[WRITTEN]))
