"""Predictions for raw records on Apache Beam. TensorFlow is imported by the model handler alone, on a worker."""
