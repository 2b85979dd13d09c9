"""Predictions for raw records: of any input format, in order, in bounded memory."""
