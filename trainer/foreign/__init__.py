"""TFRecords that the pipeline did not write become batches."""
